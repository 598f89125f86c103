import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../deploy/lab/host';
import { explainRefusal, sandboxObstacle } from '../../deploy/lab/sandbox';
import { waitUntil } from '../../deploy/lab/wait';

jest.setTimeout(30_000);

const SANDBOX = join(ROOT, 'dist', 'deploy', 'lab', 'sandbox.js');

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...command: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [SANDBOX, ...command]);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

/** @returns whether a process with these arguments runs, in this sandbox or in one inside it */
function isRunning(args: string): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === args;
    } catch {
      return false;
    }
  });
}

test('a sandbox is possible here', () => {
  expect(sandboxObstacle()).toBeUndefined();
});

test('the command is root in namespaces of its own, and its output and exit status come through', async () => {
  const command =
    'id -u; ls /sys/class/net /run | wc -l; ip -br link | cut -d" " -f1; echo $MULTIHOMED_SANDBOX; exit 7';
  const { child, ended } = start('sh', '-c', command);
  child.stdin?.end();
  const { code, stdout } = await ended;
  expect(code).toBe(7);
  expect(stdout.trim().split('\n')).toEqual(['0', expect.any(String), 'lo', '1']);
});

test('standard input comes through', async () => {
  const { child, ended } = start('cat');
  child.stdin?.end('from outside');
  expect((await ended).stdout).toBe('from outside');
});

test.each([
  ['SIGTERM', 'TERM'],
  ['SIGINT', 'INT'],
  ['SIGHUP', 'HUP'],
] as const)('%s reaches the command, which ends by itself', async (signal, name) => {
  const { child, ended } = start(
    'sh',
    '-c',
    `trap 'echo got ${name}; exit 9' ${name}; echo ready; while :; do sleep 0.02; done`,
  );
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  child.kill(signal);
  expect(await ended).toMatchObject({ code: 9, stdout: `ready\ngot ${name}\n` });
});

test('a command that a signal ends gives 128 and the number', async () => {
  expect((await start('sh', '-c', 'kill -KILL $$').ended).code).toBe(137);
});

test('whatever the command leaves running ends with it', async () => {
  await start('sh', '-c', 'setsid sleep 31557611 >/dev/null 2>&1 & exit 0').ended;
  expect(isRunning('sleep\x0031557611\0')).toBe(false);
});

test('killing the wrapper ends everything inside', async () => {
  const { child, ended } = start('sh', '-c', 'trap "" TERM HUP; setsid sleep 31557612 & wait');
  await waitUntil(() => isRunning('sleep\x0031557612\0'), 5000, 'the command');
  child.kill('SIGKILL');
  await ended;
  await waitUntil(() => !isRunning('sleep\x0031557612\0'), 5000, 'the end of the command');
});

test('a system without the tools is told which package to install, with exit status 77', async () => {
  const child = spawn(process.execPath, [SANDBOX, 'true'], { env: { ...process.env, PATH: '/nonexistent' } });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(77);
  expect(stderr).toMatch(/unshare is missing; install it by: .*apt-get install util-linux/);
});

describe('where the system forbids namespaces, the line names the setting and the command', () => {
  test.each([
    ['kernel/unprivileged_userns_clone', 0, 'sysctl kernel.unprivileged_userns_clone=1'],
    [
      'kernel/apparmor_restrict_unprivileged_userns',
      1,
      'sysctl kernel.apparmor_restrict_unprivileged_userns=0',
    ],
    ['user/max_user_namespaces', 0, 'sysctl user.max_user_namespaces='],
  ])('%s = %i', (path, value, command) => {
    const line = explainRefusal(false, 'unshare failed: Operation not permitted', (asked) =>
      asked === path ? value : undefined,
    );
    expect(line).toContain(command);
    expect(line).not.toContain('\n');
  });

  test('another cause', () => {
    expect(explainRefusal(false, 'no space', () => undefined)).toMatch(/as root: no space/);
    expect(explainRefusal(true, 'denied', () => 0)).toMatch(/CAP_SYS_ADMIN.*denied/);
  });
});
