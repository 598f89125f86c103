import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { CTL, write } from './daemon-tools';
import { doctor, startAgents, told } from './doctor-tools';

jest.setTimeout(60_000);

let lab: Lab;
let alpha: LabHost;
const KEY = '0123456789abcdef'.repeat(4);
const BASE = ['agent-stopped alpha'];

/** Agents with beacons on beta and gamma; alpha's is stopped, so that only the doctor sends there. */
beforeAll(async () => {
  lab = await Lab.create({
    hosts: ['alpha', 'beta', 'gamma'],
    planes: ['a', 'b'],
    configuration: { beacon: { enabled: true, 'key-file': '/run/beacon.key' } },
  });
  alpha = lab.host('alpha');
  for (const host of lab.hosts()) {
    await write(host, '/run/beacon.key', `${KEY}\n`);
    await host.run('chmod', ['600', '/run/beacon.key']);
  }
  const agents = await startAgents(lab);
  await agents.get('alpha')!.stop();
});
afterAll(() => lab.destroy());

async function expectFound(...expected: readonly string[]): Promise<void> {
  expect(told(await doctor(lab, alpha)).filter((line) => !BASE.includes(line))).toEqual(expected);
}

test('nothing is wrong to begin with', () => expectFound());

test('a port that does not forward, while the carrier stays', async () => {
  await lab.dropPort('alpha', 'b');
  await expectFound('link-silent eth1');
  await lab.undropPort('alpha', 'b');
  await expectFound();
});

test('a peer that answers on one plane alone', async () => {
  await lab.dropPort('gamma', 'a');
  await expectFound('path-silent eth0');
  await lab.undropPort('gamma', 'a');
  await expectFound();
});

test('another machine with our alias', async () => {
  await lab.host('gamma').ip('address add 10.78.0.1/32 dev lo');
  const report = await doctor(lab, alpha);
  expect(report.findings).toMatchObject([
    { id: 'alias-duplicate', subject: '10.78.0.1', what: '02:00:00:00:00:03 on eth0 answers for it as well' },
    { id: 'alias-duplicate', subject: '10.78.0.1', what: '02:00:00:00:01:03 on eth1 answers for it as well' },
    { id: 'agent-stopped' },
  ]);
  await lab.host('gamma').ip('address del 10.78.0.1/32 dev lo');
  await expectFound();
});

test('cables in the switches of other planes, by the beacons of the peers', async () => {
  await lab.writeConfiguration({ hosts: { alpha: { links: { a: 'eth1', b: 'eth0' } } } });
  const report = await doctor(lab, alpha);
  expect(report.findings.filter(({ id }) => id === 'link-wrong-plane')).toMatchObject([
    { subject: 'eth1', what: 'it is on plane a, but hears beacons of beta, gamma that were sent on plane b' },
    { subject: 'eth0', what: 'it is on plane b, but hears beacons of beta, gamma that were sent on plane a' },
  ]);
  await lab.writeConfiguration({});
  await expectFound();
});

test('a user without the permission to send is told so, and the rest is checked', async () => {
  const words = [CTL, 'doctor', '--json', '--config', lab.configurationFile];
  const { stdout, status } = await alpha.run(
    'setpriv',
    ['--bounding-set', '-all', '--inh-caps', '-all', process.execPath, ...words],
    { check: false },
  );
  expect(status).toBe(1);
  const { unchecked } = JSON.parse(stdout) as { unchecked: { check: string; reason: string }[] };
  expect(unchecked).toContainEqual({ check: 'joined planes', reason: expect.stringContaining('EPERM') });
});

// The last one: agents go on answering in their kernels' place for a while after it.
test('planes that a cable joins', async () => {
  await lab.joinPlanes('a', 'b');
  await expectFound('planes-joined eth0 and eth1');
  await lab.partPlanes('a', 'b');
  await expectFound();
});
