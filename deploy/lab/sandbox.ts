import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

/** Set to 1 for everything that runs inside. */
export const SANDBOX_VARIABLE = 'MULTIHOMED_SANDBOX';
/** A directory in memory that all hosts of the sandbox share, and that ends with it. */
export const SANDBOX_FILES = '/dev/shm';
/** Exit status where the system allows no sandbox: EX_NOPERM of sysexits.h. */
export const EXIT_NOT_PERMITTED = 77;

/**
 * Runs as process 1 of the sandbox: gathers orphans, passes signals to the command and ends with its exit status.
 * The command runs in the background, since a shell acts on a signal only between commands or in `wait`; what a
 * background command of a shell loses (standard input, SIGINT, SIGQUIT) is given back to it.
 */
const INIT = `
mount -t tmpfs -o mode=755 tmpfs /run || exit ${EXIT_NOT_PERMITTED}
mount -t tmpfs -o mode=1777 tmpfs ${SANDBOX_FILES} || exit ${EXIT_NOT_PERMITTED}
exec 3<&0
env --default-signal=INT,QUIT -- "$@" <&3 3<&- &
child=$!
exec 3<&-
for signal in INT TERM HUP; do trap "kill -s $signal $child" $signal; done
while wait $child; status=$?; kill -0 $child 2>/dev/null; do :; done
exit $status`;

/** Everything that a lab needs from the system, tried once and thrown away. */
const TRIAL = `
mount -t tmpfs tmpfs /run &&
mount -t tmpfs tmpfs ${SANDBOX_FILES} &&
unshare --net --mount --uts sh -c 'hostname trial && mount -t sysfs sysfs /sys' &&
ip link add name trial0 type bridge &&
ip link add name trial1 type veth peer name trial2`;

/** @returns the arguments of unshare(1) for a sandbox, up to the command */
function unshareArguments(): string[] {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  return [...user, '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--'];
}

/** @returns the number in a file under /proc/sys, undefined where this kernel has no such setting */
function setting(path: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(`/proc/sys/${path}`, 'utf8'), 10);
  } catch {
    return undefined;
  }
}

/** Settings that forbid user namespaces: path under /proc/sys, the value that forbids, one that allows. */
const FORBIDDING: readonly (readonly [path: string, forbidden: number, allowed: number])[] = [
  ['kernel/unprivileged_userns_clone', 0, 1],
  ['kernel/apparmor_restrict_unprivileged_userns', 1, 0],
  ['user/max_user_namespaces', 0, 10000],
];

/**
 * Says in one line why there is no sandbox, and what would allow it.
 *
 * @param root whether the caller is root
 * @param said what the failed attempt wrote
 * @param read gives the value of a setting under /proc/sys, undefined where this kernel has no such setting
 */
export function explainRefusal(
  root: boolean,
  said: string,
  read: (path: string) => number | undefined,
): string {
  if (root) {
    return `root may not create network namespaces here (a container without CAP_SYS_ADMIN?): ${said}`;
  }
  const cause = FORBIDDING.find(([path, forbidden]) => read(path) === forbidden);
  if (cause === undefined) {
    return `an unprivileged user may not create network namespaces here; run it as root: ${said}`;
  }
  const [path, forbidden, allowed] = cause;
  const name = path.replaceAll('/', '.');
  return `unprivileged user namespaces are off (${name}=${forbidden}); allow them by: sudo sysctl ${name}=${allowed}`;
}

/**
 * Tries whether hosts can be made of namespaces here.
 *
 * @returns undefined where they can, else one line: what is missing and what would allow it
 */
export function sandboxObstacle(): string | undefined {
  for (const [tool, packageName] of [
    ['unshare', 'util-linux'],
    ['nsenter', 'util-linux'],
    ['setpriv', 'util-linux'],
    ['ip', 'iproute2'],
    ['hostname', 'hostname'],
  ] as const) {
    if (spawnSync(tool, ['--help']).error !== undefined) {
      return `${tool} is missing; install it by: sudo apt-get install ${packageName}`;
    }
  }
  const trial = spawnSync('unshare', [...unshareArguments(), 'sh', '-c', TRIAL], { encoding: 'utf8' });
  if (trial.status === 0) {
    return undefined;
  }
  const said = (trial.error?.message ?? trial.stderr).trim().split('\n')[0] ?? '';
  return explainRefusal(process.getuid?.() === 0, said, setting);
}

/** @returns the process that runs as number 1 of the sandbox, as seen from outside; undefined before it exists */
function initOf(unshare: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${unshare}/task/${unshare}/children`, 'utf8');
    return Number.parseInt(children, 10) || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Runs a command in a sandbox: namespaces of its own for network, mounts and processes, root inside whoever calls.
 * Whatever ends the sandbox, this process killed included, ends every process and every namespace in it.
 *
 * @returns the command's exit status; 128 + n where signal n ended it
 */
export function runInSandbox(command: string, args: readonly string[]): Promise<number> {
  // The kernel kills unshare when we die, and unshare's --kill-child then ends process 1 and all below it.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', ...unshareArguments(), 'sh', '-c', INIT, 'sandbox', command, ...args],
    { stdio: 'inherit', env: { ...process.env, [SANDBOX_VARIABLE]: '1' } },
  );
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const init = child.pid === undefined ? undefined : initOf(child.pid);
      // Before there is a process 1 there is nothing that could clean up: end it all.
      if (init === undefined) {
        child.kill('SIGKILL');
      } else {
        process.kill(init, signal);
      }
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']);
    });
  });
}

async function main(): Promise<void> {
  const [command, ...args] = process.argv.slice(2);
  if (command === undefined) {
    process.stderr.write('usage: sandbox COMMAND [ARGUMENT...]\n');
    process.exitCode = 64;
    return;
  }
  const obstacle = sandboxObstacle();
  if (obstacle !== undefined) {
    process.stderr.write(`No sandbox for the lab: ${obstacle}\n`);
    process.exitCode = EXIT_NOT_PERMITTED;
    return;
  }
  process.exitCode = await runInSandbox(command, args);
}

if (require.main === module) {
  void main();
}
