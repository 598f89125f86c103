import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import type { CommandResult } from '../../deploy/lab/namespace';
import { CTL, endOf, kernelState, MAIN, write } from './daemon-tools';

jest.setTimeout(60_000);

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.create({ hosts: ['alpha', 'beta'], planes: ['a', 'b'] });
});
afterEach(() => lab.destroy());

/** Runs the daemon's command line on alpha to its end. */
function multihomed(...args: readonly string[]): Promise<CommandResult> {
  return lab.host('alpha').run(process.execPath, [MAIN, ...args], { check: false });
}

test('--version prints the version and the commit that was built', async () => {
  const field = (file: string, name: string): unknown =>
    JSON.parse(readFileSync(join(ROOT, file), 'utf8'))[name];
  const expected = `multihomed ${field('package.json', 'version')} (${field('dist/build.json', 'commit')})\n`;
  const { stdout, stderr, status } = await multihomed('--version');
  expect({ stdout, stderr, status }).toEqual({ stdout: expected, stderr: '', status: 0 });
  expect((await lab.host('alpha').ctl('--version')).stdout).toBe(expected);
});

test('a command line that is wrong gives 64 and says what is right', async () => {
  const results = await Promise.all([
    multihomed(),
    multihomed('--config'),
    multihomed('--fast'),
    multihomed('x'),
  ]);
  for (const { stdout, stderr, status } of results) {
    expect({ stdout, status }).toEqual({ stdout: '', status: 64 });
    expect(stderr).toMatch(/^multihomed: .*usage: multihomed --config FILE.*\n$/);
  }
});

test('a configuration that is not there gives 66, one with errors 78 and a line for each, and nothing is changed', async () => {
  const before = await kernelState(lab.host('alpha'));
  const bad = '/run/bad.yaml';
  await write(
    lab.host('alpha'),
    bad,
    'cluster: lab\nplanes: [a, b]\nhosts:\n  alpha: { alias: 10.78.0.1, links: { c: eth0 } }\nprobe: { interval: 50 }\n',
  );
  const [absent, wrong, stranger] = await Promise.all([
    multihomed('--config', '/run/absent.yaml'),
    multihomed('--config', bad),
    multihomed('--config', lab.configurationFile, '--host', 'delta'),
  ]);
  expect(absent.status).toBe(66);
  expect(absent.stderr).toBe('multihomed: /run/absent.yaml: there is no such file (ENOENT)\n');
  expect(wrong.status).toBe(78);
  expect(wrong.stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/^multihomed: \/run\/bad\.yaml:4:\d+: .*there is no plane 'c'/),
    expect.stringMatching(/^multihomed: \/run\/bad\.yaml:5:\d+: probe\.interval/),
  ]);
  expect(stranger.status).toBe(78);
  expect(stranger.stderr).toMatch(
    /^multihomed: .*cluster\.yaml:1:1: .*no host 'delta'.*--host: alpha, beta.*\n$/,
  );
  expect(await kernelState(lab.host('alpha'))).toBe(before);
});

test.each([
  ['-net_admin', 'CAP_NET_ADMIN'],
  ['-net_raw', 'CAP_NET_RAW'],
  ['-net_admin,-net_raw', 'CAP_NET_ADMIN and CAP_NET_RAW'],
])('without the capabilities (%s) it gives 77 and one line that names them', async (dropped, named) => {
  const before = await kernelState(lab.host('alpha'));
  const { stderr, status } = await lab
    .host('alpha')
    .run(
      'setpriv',
      [
        '--bounding-set',
        dropped,
        '--inh-caps',
        dropped,
        process.execPath,
        MAIN,
        '--config',
        lab.configurationFile,
      ],
      { check: false },
    );
  expect(status).toBe(77);
  expect(stderr).toMatch(new RegExp(`^multihomed: ${named} missing; .*\n$`));
  expect(await kernelState(lab.host('alpha'))).toBe(before);
});

test('a second agent for the same cluster and host is refused with the pid of the first, stopped or not', async () => {
  const alpha = lab.host('alpha');
  const first = await alpha.startAgent();
  const before = await kernelState(alpha);
  const refusal = {
    status: 69,
    stdout: '',
    stderr: `multihomed: an agent for this cluster and host already runs here (pid ${first.pid})\n`,
  };
  expect(await multihomed('--config', lab.configurationFile)).toEqual(refusal);
  first.kill('SIGSTOP');
  expect(await multihomed('--config', lab.configurationFile)).toEqual(refusal);
  first.kill('SIGCONT');
  expect(await kernelState(alpha)).toBe(before);
  expect(JSON.parse((await alpha.run('cat', ['/run/multihomed/state.json'])).stdout).pid).toBe(first.pid);
  expect(await first.stop()).toBe(0);
  // The claim ends with its process.
  expect(await (await alpha.startAgent()).stop()).toBe(0);
});

/** A second cluster on the same hosts and links. */
const OTHER = {
  cluster: 'other',
  hosts: { alpha: { alias: '10.79.0.1' }, beta: { alias: '10.79.0.2' } },
  route: { protocol: 78, metric: 200 },
};

test('another cluster runs beside, with its own socket, protocol number and aliases', async () => {
  const alpha = lab.host('alpha');
  const first = await alpha.startAgent();
  const socket = '/run/multihomed/other.sock';
  const file = '/run/other.yaml';
  await lab.writeConfiguration({ ...OTHER, control: { socket } });
  await write(alpha, file, readFileSync(lab.configurationFile, 'utf8'));
  const only = await kernelState(alpha);
  const second = await alpha.startAgent({ configurationFile: file });
  const routes = (await alpha.routes()).filter((route) => route.dst.startsWith('10.7'));
  const ways = (protocol: string) =>
    routes
      .filter((route) => route.protocol === protocol && route.dev !== undefined)
      .map((route) => `${route.dst} ${route.dev} ${route.prefsrc} ${route.metric}`);
  expect(ways('77')).toEqual(['10.78.0.2 eth0 10.78.0.1 100', '10.78.0.2 eth1 10.78.0.1 110']);
  expect(ways('78')).toEqual(['10.79.0.2 eth0 10.79.0.1 200', '10.79.0.2 eth1 10.79.0.1 210']);
  const status = await alpha.ctl('--socket', socket, 'status', '--json');
  expect(JSON.parse(status.stdout)).toMatchObject({ cluster: 'other', pid: second.pid, ready: true });
  expect(await alpha.status()).toMatchObject({ cluster: 'lab', pid: first.pid });
  // What the one takes away leaves the other's, though both aliases have labels of the same form.
  const { stdout } = await alpha.ctl('--socket', socket, 'teardown');
  expect(stdout).toContain('address 10.79.0.1/32 dev lo');
  expect(stdout).not.toContain('10.78.');
  expect(await second.exited).toEqual({ code: 0, signal: null });
  expect(await kernelState(alpha)).toBe(only);
  expect(first.events().filter(({ event }) => event === 'repaired')).toEqual([]);
  expect(await first.stop()).toBe(0);
});

test('another cluster at the same socket is refused, and changes nothing', async () => {
  const alpha = lab.host('alpha');
  const first = await alpha.startAgent();
  const read = () => alpha.run('cat', ['/run/multihomed/state.json']);
  const [before, record] = [await kernelState(alpha), (await read()).stdout];
  await lab.writeConfiguration(OTHER);
  const second = await endOf(await alpha.startAgent({ wait: false }));
  expect(second).toMatchObject({
    code: 69,
    errors: expect.stringContaining('/run/multihomed/control.sock'),
  });
  expect(second.errors).toContain(`pid ${first.pid}`);
  expect(await kernelState(alpha)).toBe(before);
  expect((await read()).stdout).toBe(record);
  expect(await alpha.status()).toMatchObject({ cluster: 'lab', pid: first.pid });
});

test('an alias that somebody else has bound is used, and not removed', async () => {
  const alpha = lab.host('alpha');
  await alpha.ip('address add 10.78.0.1/32 dev lo label lo:own');
  const before = await kernelState(alpha);
  const agent = await alpha.startAgent();
  const address = async () => (await alpha.run('ip', ['-4', '-o', 'address', 'show', 'dev', 'lo'])).stdout;
  expect((await address()).match(/10\.78\.0\.1\/32.*lo:\w+/g)).toEqual([expect.stringContaining('lo:own')]);
  expect(await alpha.routeTo('10.78.0.2')).toMatchObject({ dev: 'eth0', prefsrc: '10.78.0.1' });
  await alpha.run(process.execPath, [CTL, 'teardown']);
  expect((await agent.exited).code).toBe(0);
  expect(await kernelState(alpha)).toBe(before);
});

/** Makes one internal function of the daemon throw as soon as a file exists. */
const BREAK = `
const { existsSync } = require('node:fs');
const { Wires } = require(${JSON.stringify(join(ROOT, 'dist', 'agent', 'wires.js'))});
const receive = Wires.prototype.receive;
Wires.prototype.receive = function () {
  if (existsSync('/run/break')) throw new Error('thrown by the test');
  return receive.call(this);
};`;

test('an exception inside reaches the one fatal handler: told, not zero, and the kernel keeps everything', async () => {
  const alpha = lab.host('alpha');
  await write(alpha, '/run/break.js', BREAK);
  await lab.host('beta').startAgent();
  const agent = await alpha.startAgent({ env: { NODE_OPTIONS: '--require /run/break.js' } });
  await agent.waitFor('path-up', ({ plane }) => plane === 'b');
  const before = await kernelState(alpha);
  expect(before).toContain('10.78.0.2 dev eth1');
  await write(alpha, '/run/break', '');
  const { code, errors } = await endOf(agent);
  expect(code).toBe(70);
  expect(errors).toBe('multihomed: thrown by the test\n');
  expect(agent.events().at(-1)).toMatchObject({
    event: 'fatal',
    level: 'error',
    error: 'thrown by the test',
    stack: expect.stringContaining('receive'),
  });
  expect(await kernelState(alpha)).toBe(before);
});
