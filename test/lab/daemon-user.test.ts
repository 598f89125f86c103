import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '../../agent/exit-status';
import { AgentProcess } from '../../deploy/lab/agent-process';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { endOf, kernelState, PATIENCE, set, settings, write } from './daemon-tools';

jest.setTimeout(60_000);

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.create({
    hosts: ['alpha', 'beta'],
    planes: ['a', 'b'],
    configuration: { arp: { responder: 'agent' } },
  });
});
afterEach(() => lab.destroy());

/** A user of the system that is not root; a sandbox of an unprivileged user has no other than its own root. */
const NOBODY = 65534;
const users = readFileSync('/proc/self/uid_map', 'utf8').trim().split('\n');
const hasNobody = users.some((line) => {
  const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
  return first <= NOBODY && NOBODY < first + count;
});

/** Capabilities of a process by the names of /proc/PID/status. */
const CAPABILITIES = ((1 << 12) | (1 << 13)).toString(16).padStart(16, '0');

/** Arguments of setpriv(1) that leave a command CAP_NET_ADMIN and CAP_NET_RAW alone, as the service unit does. */
function restricted(user: number): string[] {
  const both = ['-all', '+net_admin', '+net_raw'].join(',');
  const identity = user === 0 ? [] : ['--reuid', `${user}`, '--regid', `${user}`, '--clear-groups'];
  return [...identity, '--no-new-privs', '--inh-caps', both, '--ambient-caps', both, '--bounding-set', both];
}

/** Where the host sees the project, whatever directories above it a user may not enter. */
const PROGRAM = '/run/project';

/** Makes a host ready for a daemon that runs as `user`, as the service manager does by RuntimeDirectory=. */
async function prepare(host: LabHost, user: number): Promise<void> {
  const config = readFileSync(lab.configurationFile, 'utf8');
  await write(host, '/run/cluster.yaml', config);
  await host.run('sh', [
    '-ec',
    `mkdir ${PROGRAM}; mount --bind '${ROOT}' ${PROGRAM}; mkdir -m 755 /run/multihomed; chown ${user}:${user} /run/multihomed`,
  ]);
}

function start(host: LabHost, user: number): AgentProcess {
  const main = join(PROGRAM, 'dist', 'agent', 'main.js');
  const command = [...restricted(user), process.execPath, main, '--config', '/run/cluster.yaml'];
  return new AgentProcess(host.name, host.spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** What a daemon with two capabilities alone has to manage: everything, from sysctls to the teardown. */
async function proveWholeLife(user: number): Promise<void> {
  const [alpha, beta] = [lab.host('alpha'), lab.host('beta')];
  const peer = await beta.startAgent();
  await prepare(alpha, user);
  await set(alpha, { 'eth0/rp_filter': 1, 'eth1/rp_filter': 1 });
  const all = ['eth0', 'eth1'].flatMap((link) =>
    ['rp_filter', 'arp_ignore', 'ignore_routes_with_linkdown'].map((name) => `${link}/${name}`),
  );
  const [before, former] = [await kernelState(alpha), await settings(alpha, ...all)];
  const agent = start(alpha, user);
  await agent.waitFor('ready');
  const status = readFileSync(`/proc/${agent.pid}/status`, 'utf8');
  expect(/^CapEff:\s*(\w+)$/m.exec(status)?.[1]).toBe(CAPABILITIES);
  expect(/^Uid:\s*(\d+)/m.exec(status)?.[1]).toBe(`${user}`);
  expect(await settings(alpha, ...all)).toEqual([2, 1, 1, 2, 1, 1]);
  await agent.waitFor('path-up', ({ plane }) => plane === 'b', PATIENCE);
  await lab.pullCard('alpha', 'a');
  await Promise.all([agent, peer].map((each) => each.waitFor('failover', ({ to }) => to === 'b')));
  await alpha.run('ping', ['-c', '1', '-W', '2', '-I', alpha.alias, beta.alias]);
  await lab.returnCard('alpha', 'a');
  expect(agent.events().filter(({ level }) => level === 'error')).toEqual([]);
  expect(agent.events().filter(({ event }) => /refused|failed|error/.test(event ?? ''))).toEqual([]);

  expect((await alpha.ctl('teardown')).status).toBe(0);
  expect(await endOf(agent)).toEqual({ code: 0, signal: null, errors: '' });
  expect(await settings(alpha, ...all)).toEqual(former);
  expect(await kernelState(alpha)).toBe(before);
}

/** The exit status of `multihomectl status` for another user, in a group. */
async function askedBy(host: LabHost, group: number): Promise<number> {
  const identity = [
    '--reuid',
    `${NOBODY - 1}`,
    '--regid',
    `${group}`,
    '--clear-groups',
    '--bounding-set=-all',
  ];
  const ctl = join(PROGRAM, 'dist', 'agent', 'cli', 'multihomectl.js');
  return (await host.run('setpriv', [...identity, process.execPath, ctl, 'status'], { check: false })).status;
}

test('CAP_NET_ADMIN and CAP_NET_RAW are all that it needs', () => proveWholeLife(0));

test('it runs as another user than root, where the sandbox has one', async () => {
  await proveWholeLife(hasNobody ? NOBODY : 0);
});

test('whoever is in its group may ask it, and nobody else, where the sandbox has other users', async () => {
  if (!hasNobody) return;
  const alpha = lab.host('alpha');
  await prepare(alpha, NOBODY);
  await start(alpha, NOBODY).waitFor('ready');
  expect(await askedBy(alpha, NOBODY)).toBe(EXIT.ok);
  expect(await askedBy(alpha, NOBODY - 1)).toBe(EXIT.noPermission);
  const found = await alpha.run('stat', [
    '-c',
    '%a %u %g',
    '/run/multihomed/control.sock',
    '/run/multihomed/state.json',
  ]);
  expect(found.stdout).toBe(`660 ${NOBODY} ${NOBODY}\n644 ${NOBODY} ${NOBODY}\n`);
});
