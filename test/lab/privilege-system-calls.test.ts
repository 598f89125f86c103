import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AgentProcess } from '../../deploy/lab/agent-process';
import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { endOf, MAIN, PATIENCE, write } from './daemon-tools';

jest.setTimeout(120_000);

/** Where the host writes what strace(1) sees. */
const TRACE = '/run/trace';
/** What the unit's SystemCallFilter= leaves out of @system-service, as far as somebody uses it (systemd.exec(5), @privileged and @resources). */
const REFUSED = [
  ...[
    'chown',
    'fchown',
    'fchownat',
    'lchown',
    'setuid',
    'setreuid',
    'setresuid',
    'setgroups',
    'capset',
    'chroot',
  ],
  ...[
    'bpf',
    'clock_settime',
    'settimeofday',
    'adjtimex',
    'clock_adjtime',
    'sethostname',
    'quotactl',
    'acct',
    'pivot_root',
  ],
  ...['setpriority', 'setrlimit', 'ioprio_set', 'mbind', 'set_mempolicy', 'migrate_pages', 'move_pages'],
  ...['sched_setaffinity', 'sched_setattr', 'sched_setparam', 'sched_setscheduler'],
];

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.create({ hosts: ['alpha', 'beta'], planes: ['a', 'b'] });
});
afterEach(() => lab.destroy());

/** Starts the daemon under strace, which refuses it what the unit does, and writes down every program that it or a child of it runs. */
async function startTraced(host: LabHost): Promise<AgentProcess> {
  await write(host, '/run/cluster.yaml', readFileSync(lab.configurationFile, 'utf8'));
  const refusal = `inject=${REFUSED.map((name) => `?${name}`).join(',')}:error=EPERM`;
  const watched = `trace=?execve,?execveat,?open,?openat,?creat,${REFUSED.map((name) => `?${name}`).join(',')}`;
  const options = ['-f', '-qq', '-o', TRACE, '-e', watched, '-e', refusal];
  const command = [...options, process.execPath, MAIN, '--config', '/run/cluster.yaml'];
  return new AgentProcess(host.name, host.spawn('strace', command, { stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** What a daemon does in a life: failover, drain, reload, refused requests, teardown. */
async function live(host: LabHost, agent: AgentProcess): Promise<void> {
  await agent.waitFor('path-up', ({ plane }) => plane === 'b', PATIENCE);
  await lab.pullCard('alpha', 'a');
  await agent.waitFor('failover', ({ to }) => to === 'b', PATIENCE);
  await lab.returnCard('alpha', 'a');
  await agent.waitFor('failover', ({ to }) => to === 'a', PATIENCE);
  for (const command of [['drain', 'a'], ['undrain', 'a'], ['routes'], ['events'], ['reload']])
    expect((await host.ctl(...command)).status).toBe(0);
}

test('the daemon runs no program, and needs no call that the unit refuses', async () => {
  const alpha = lab.host('alpha');
  await lab.host('beta').startAgent();
  const agent = await startTraced(alpha);
  await live(alpha, agent);
  const run = join('/proc', `${alpha.pid}`, 'root', 'run');
  const modes = ['multihomed', 'multihomed/control.sock', 'multihomed/state.json'].map(
    (name) => statSync(join(run, name)).mode & 0o777,
  );
  expect(modes).toEqual([0o755, 0o660, 0o644]);
  expect((await alpha.ctl('teardown')).status).toBe(0);
  expect(await endOf(agent)).toEqual({ code: 0, signal: null, errors: '' });
  expect(agent.events().filter(({ level }) => level === 'error')).toEqual([]);

  const trace = readFileSync(join(run, 'trace'), 'utf8').split('\n');
  // The one that strace itself began with.
  expect(trace.filter((line) => /\bexecve(?:at)?\(/.test(line))).toEqual([
    expect.stringContaining(`execve("${process.execPath}"`),
  ]);
  const opened = trace.filter((line) => /\b(openat|open|creat)\(.*(O_WRONLY|O_RDWR)/.test(line));
  const written = new Set(opened.map((line) => /"([^"]*)"/.exec(line)?.[1] ?? line));
  const allowed = /^(\/proc\/sys\/net\/ipv4\/|\/run\/multihomed\/|\/dev\/(null|pts|tty))/;
  expect([...written].filter((path) => !allowed.test(path))).toEqual([]);
});
