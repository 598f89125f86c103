import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import type { AgentProcess } from '../../deploy/lab/agent-process';
import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { waitUntil } from '../../deploy/lab/wait';
import { CTL, kernelState, PATIENCE, write } from './daemon-tools';

jest.setTimeout(60_000);

const ESCAPE = '\u001b[';

let lab: Lab;
let alpha: LabHost;
let agent: AgentProcess;
beforeEach(async () => {
  lab = await Lab.create({
    hosts: [
      'alpha',
      'beta',
      'gamma',
      { name: 'gate', agent: false, prefixes: ['0.0.0.0/0', '198.51.100.0/24'] },
    ],
    planes: ['a', 'b'],
    configuration: { probe: { hold: '200ms' } },
  });
  alpha = lab.host('alpha');
});
afterEach(() => lab.destroy());

/** Starts agents on alpha and beta; gamma has none, so nothing answers for it. */
async function start(): Promise<void> {
  [agent] = await Promise.all([alpha.startAgent(), lab.host('beta').startAgent()]);
  for (const plane of ['a', 'b'])
    await agent.waitFor('path-up', (event) => event.peer === 'beta' && event.plane === plane);
  await agent.waitFor('peer-unreachable', ({ peer }) => peer === 'gamma');
}

/** What a command prints when its standard output is a terminal. */
async function onTerminal(...args: readonly string[]): Promise<string> {
  const command = [process.execPath, CTL, ...args].join(' ');
  return (await alpha.run('script', ['-qec', command, '/dev/null'])).stdout.replaceAll('\r', '');
}

test('status shows links, peers and paths in 80 columns, coloured on a terminal alone', async () => {
  await start();
  await lab.pullCard('alpha', 'a');
  await agent.waitFor('failover', ({ peer, to }) => peer === 'beta' && to === 'b');
  const { stdout, stderr, status } = await alpha.ctl('status');
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  const lines = stdout.trimEnd().split('\n');
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(stdout).not.toContain(ESCAPE);
  expect(lines).toEqual([
    'host     alpha in cluster lab, ready',
    expect.stringMatching(new RegExp(`^daemon   multihomed .*, pid ${agent.pid}, running for `)),
    'alias    10.78.0.1',
    'answers  kernel (auto: kernel-answers)',
    'link     eth0 on plane a: no carrier, 02:00:00:00:00:01',
    'link     eth1 on plane b: carrier, 02:00:00:00:01:01',
    // Gamma is off, but for all that alpha knows it may be on plane a, which alpha doesn't see.
    'parted   gamma: no plane in common with this host; beta may reach both',
    '',
    expect.stringMatching(/^PEER +PLANE +LINK +STATE +ACTIVE +RTT +SINCE$/),
    expect.stringMatching(/^beta +a +eth0 +down +\S+ +\d+s$/),
    expect.stringMatching(/^beta +b +eth1 +up +\* only +[\d.]+ms +\d+s$/),
    expect.stringMatching(/^gamma +a +eth0 +down +- +\d+s$/),
    expect.stringMatching(/^gamma +b +eth1 +down +- +\d+s$/),
    expect.stringMatching(/^gate +a +eth0 +down +\S+ +\d+s$/),
    expect.stringMatching(/^gate +b +eth1 +up +\* only +[\d.]+ms +\d+s$/),
  ]);
  const coloured = await onTerminal('status');
  expect(coloured).toContain(ESCAPE);
  const timeless = (text: string) =>
    stripVTControlCharacters(text)
      .replaceAll(/[\d.]+m?s\b/g, '')
      .replaceAll(/ +/g, ' ');
  expect(timeless(coloured)).toBe(timeless(stdout));
  const report = JSON.parse((await alpha.ctl('status', '--json')).stdout);
  expect(report).toMatchObject({
    host: 'alpha',
    pid: agent.pid,
    ready: true,
    links: [
      { name: 'eth0', carrier: false },
      { name: 'eth1', carrier: true },
    ],
  });
  expect(
    report.peers.map((peer: { name: string; active: string | null }) => [peer.name, peer.active]),
  ).toEqual([
    ['beta', 'b'],
    ['gamma', null],
    ['gate', 'b'],
  ]);
});

/** @returns our routes as iproute2 prints them, but for the spaces that it leaves at the ends of lines */
async function ipRoute(): Promise<string[]> {
  const { stdout } = await alpha.run('ip', ['-4', 'route', 'show', 'table', 'main']);
  return stdout
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => / proto (77|multihomed) /.test(line));
}

test('routes prints what `ip route` prints, line by line', async () => {
  await start();
  const routes = async () => (await alpha.ctl('routes')).stdout.trimEnd().split('\n');
  const whole = await ipRoute();
  expect(whole.length).toBe(2 * 3 + 4);
  expect(await routes()).toEqual(whole);
  // Without carrier, while the routes stand: all of gamma's paths are down anyway.
  agent.kill('SIGSTOP');
  await lab.pullCard('alpha', 'a');
  const down = await ipRoute();
  expect(down.some((line) => line.includes('linkdown'))).toBe(true);
  agent.kill('SIGCONT');
  await agent.waitFor('failover', ({ peer, to }) => peer === 'gate' && to === 'b');
  const after = await ipRoute();
  expect(after.filter((line) => line.includes('linkdown'))).toHaveLength(1);
  expect(await routes()).toEqual(after);
  const records = JSON.parse((await alpha.ctl('routes', '--json')).stdout) as { text: string }[];
  expect(records.map(({ text }) => text)).toEqual(after);
});

test('events shows the last ones, and with --follow those to come', async () => {
  await start();
  const last = (await alpha.ctl('events', '--last', '3')).stdout.trimEnd().split('\n');
  expect(last).toHaveLength(3);
  const follower = alpha.spawn(process.execPath, [CTL, 'events', '--last', '1', '--follow', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: { event: string; [field: string]: unknown }[] = [];
  createInterface({ input: follower.stdout! }).on('line', (line) => lines.push(JSON.parse(line)));
  await waitUntil(() => lines.length === 1, PATIENCE, 'the last event');
  await lab.pullCard('alpha', 'b');
  await waitUntil(() => lines.some(({ event }) => event === 'carrier-lost'), PATIENCE, 'the event to come');
  expect(lines.find(({ event }) => event === 'carrier-lost')).toMatchObject({
    link: 'eth1',
    plane: 'b',
    level: 'warn',
  });
  const exited = new Promise((resolve) => follower.once('close', resolve));
  follower.kill('SIGINT');
  expect(await exited).toBe(0);
  const all = (await alpha.ctl('events', '--last', '1000', '--json')).stdout.trimEnd().split('\n');
  const names = (records: readonly { event?: string; time?: unknown }[]) =>
    records.map(({ event, time }) => [event, time]);
  await waitUntil(() => agent.events().length >= all.length, PATIENCE, 'the log');
  expect(names(all.map((line) => JSON.parse(line)))).toEqual(names(agent.events().slice(0, all.length)));
});

test('wait returns when the daemon is ready and the peer has a path, and gives 75 when the time is over', async () => {
  const early = alpha.ctl('wait', '--peer', 'beta', '--timeout', '20s');
  await start();
  expect(await early).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(await alpha.ctl('wait')).toEqual({ status: 0, stdout: '', stderr: '' });
  const late = await alpha.ctl('wait', '--peer', 'gamma', '--timeout', '200ms');
  expect(late).toMatchObject({ status: 75, stdout: '' });
  expect(late.stderr).toMatch(
    /^multihomectl: not ready after 200ms: no path to gamma was up.*\(now a down, b down\)\n$/,
  );
  const json = await alpha.ctl('wait', '--peer', 'gamma', '--timeout', '200ms', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ ready: false, peer: 'gamma' });
  expect(JSON.parse((await alpha.ctl('wait', '--json')).stdout)).toMatchObject({ ready: true });
  expect((await alpha.ctl('wait', '--peer', 'delta')).status).toBe(65);
});

test('check and far-end need no daemon; --json is JSON everywhere', async () => {
  const file = lab.configurationFile;
  expect(await alpha.ctl('check', file)).toEqual({
    status: 0,
    stdout: `${file}: ok, 3 hosts, 1 far end, 2 planes\n`,
    stderr: '',
  });
  expect(JSON.parse((await alpha.ctl('check', file, '--json')).stdout)).toMatchObject({
    ok: true,
    problems: [],
  });
  await write(alpha, '/run/bad.yaml', 'cluster: lab\nplanes: [a, b]\nhost: {}\n');
  const bad = await alpha.ctl('check', '/run/bad.yaml');
  expect(bad).toMatchObject({ status: 78, stderr: '' });
  expect(bad.stdout).toMatch(/^\/run\/bad\.yaml:3:1: .*did you mean 'hosts'/m);
  const json = await alpha.ctl('--json', 'check', '/run/bad.yaml');
  expect(json.status).toBe(78);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: false });
  expect((await alpha.ctl('check', '/run/none.yaml')).status).toBe(66);
  for (const format of ['iproute2', 'cisco-ios', 'junos']) {
    const args = ['far-end', 'gate', '--format', format, '--config', file, '--interface', 'a=eth0'];
    const { stdout, status } = await alpha.ctl(...args);
    expect(status).toBe(0);
    expect(JSON.parse((await alpha.ctl(...args, '--json')).stdout).lines).toEqual(
      stdout.trimEnd().split('\n'),
    );
  }
});

test('without a daemon each command that needs it says so in one line, and gives 69', async () => {
  const commands = [
    ['status'],
    ['routes'],
    ['events'],
    ['events', '--follow'],
    ['reload'],
    ['status', '--json'],
  ];
  const results = await Promise.all(commands.map((command) => alpha.ctl(...command)));
  for (const { stdout, stderr, status } of results) {
    expect({ stdout, status }).toEqual({ stdout: '', status: 69 });
    expect(stderr).toMatch(
      /^multihomectl: the daemon is not running: nothing answers at \/run\/multihomed\/control\.sock; .*\n$/,
    );
  }
  expect((await alpha.ctl('--socket', '/run/other.sock', 'status')).stderr).toContain('/run/other.sock');
});

test.each(['with the daemon', 'without it, after SIGKILL'])(
  'teardown removes what is ours: %s',
  async (how) => {
    const before = await kernelState(alpha);
    await start();
    expect(await kernelState(alpha)).not.toBe(before);
    if (how !== 'with the daemon') {
      agent.kill('SIGKILL');
      await agent.exited;
    }
    const { stdout, stderr, status } = await alpha.ctl('teardown', '--json');
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    const { removed } = JSON.parse(stdout) as { removed: string[] };
    expect(removed).toEqual(
      expect.arrayContaining([
        'route 10.78.0.2 dev eth0',
        'route unreachable 10.78.0.2',
        'neighbor 10.78.0.2 dev eth1 lladdr 02:00:00:00:01:02',
        'address 10.78.0.1/32 dev lo',
        'setting ignore_routes_with_linkdown of eth0: 1 -> 0',
      ]),
    );
    if (how === 'with the daemon') expect((await agent.exited).code).toBe(0);
    expect(await kernelState(alpha)).toBe(before);
    expect(await alpha.ctl('teardown')).toEqual({ status: 0, stdout: 'nothing to remove\n', stderr: '' });
  },
);
