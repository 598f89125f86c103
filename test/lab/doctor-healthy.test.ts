import type { AgentProcess } from '../../deploy/lab/agent-process';
import type { LabHost } from '../../deploy/lab/host';
import { Lab, type LabOptions } from '../../deploy/lab/lab';
import { write } from './daemon-tools';
import { doctor, startAgents, told, whole } from './doctor-tools';

jest.setTimeout(60_000);

let lab: Lab;
let agents: ReadonlyMap<string, AgentProcess>;
afterEach(() => lab.destroy());

const KEY = '0123456789abcdef'.repeat(4);
const FAST = { probe: { hold: '100ms' } };

/** A cluster whose agents see every path up. */
async function start(options: Partial<LabOptions> = {}): Promise<LabHost> {
  lab = await Lab.create({ hosts: ['alpha', 'beta'], planes: ['a', 'b'], configuration: FAST, ...options });
  for (const host of lab.hosts()) {
    await write(host, '/run/beacon.key', `${KEY}\n`);
    await host.run('chmod', ['600', '/run/beacon.key']);
  }
  agents = await startAgents(lab);
  return lab.host('alpha');
}

const GATE = { name: 'gate', agent: false, prefixes: ['198.51.100.0/24'] };
const BEACON = { enabled: true, 'key-file': '/run/beacon.key' };

test.each<[string, Partial<LabOptions>]>([
  ['a subnet for each plane, and a far end', { hosts: ['alpha', 'beta', GATE] }],
  ['one subnet for both planes', { subnets: 'shared' }],
  ['no addresses on the links', { subnets: 'none' }],
  ['beacons', { configuration: { ...FAST, beacon: BEACON } }],
  ['agents that answer', { configuration: { ...FAST, arp: { responder: 'agent' } } }],
])('a healthy host has no finding, and is not changed: %s', async (_, options) => {
  const alpha = await start(options);
  const before = await whole(alpha);
  expect(await doctor(lab, alpha)).toMatchObject({
    status: 0,
    daemon: true,
    findings: [],
    unchecked: [],
    fixed: [],
  });
  expect(await doctor(lab, alpha, '--fix')).toMatchObject({ status: 0, findings: [], fixed: [] });
  expect(await whole(alpha)).toBe(before);
});

test('with the daemon stopped it works from the file, and says so', async () => {
  const alpha = await start();
  await agents.get('alpha')!.stop();
  const report = await doctor(lab, alpha);
  expect(report).toMatchObject({ status: 1, daemon: false, unchecked: [] });
  expect(told(report)).toEqual(['agent-stopped alpha']);
});

test('a person reads findings, mends and the table; a file that is wrong is an error of its own', async () => {
  const alpha = await start({ configuration: { ...FAST, heartbeat: { erlang: '60s' } } });
  const args = ['doctor', '--config', lab.configurationFile];
  const healthy = await alpha.ctl(...args);
  expect(healthy).toMatchObject({ status: 0, stderr: '' });
  expect(healthy.stdout).toMatch(/^alpha in cluster lab: its agent runs\n/);
  expect(healthy.stdout).toMatch(/^heartbeat erlang +60s +≥ 160ms +fits +heartbeat$/m);
  expect(healthy.stdout).toMatch(/\nnothing found\n$/);
  await alpha.run('sysctl', ['-w', 'net.ipv4.tcp_retries2=1']);
  const short = await alpha.ctl(...args, '--no-probe');
  expect(short.status).toBe(1);
  expect(short.stdout).toContain('\n  mend:\n    sysctl -w net.ipv4.tcp_retries2=15\n');
  expect(short.stdout).toMatch(/^session +600ms +≥ 60s +too short/m);
  expect(short.stdout).toMatch(/^not checked: joined planes: --no-probe$/m);
  expect(short.stdout).toMatch(/\n1 warning\n$/);
  expect(await alpha.ctl('doctor', '--config', '/run/none.yaml')).toMatchObject({ status: 66, stdout: '' });
  expect((await alpha.ctl(...args, '--host', 'delta')).status).toBe(78);
});
