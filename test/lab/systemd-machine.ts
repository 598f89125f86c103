import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { AgentProcess } from '../../deploy/lab/agent-process';
import type { LabHost } from '../../deploy/lab/host';
import type { CommandResult } from '../../deploy/lab/namespace';
import { waitUntil } from '../../deploy/lab/wait';
import { PATIENCE } from './promise-cluster';
import type { SystemTree } from './systemd-tree';

/** The first process of the machine: into its control group ($2), which becomes the root of those that it sees. */
const ENTER = `
echo 0 > "$2/cgroup.procs"
exec unshare --cgroup -- sh -ec "$3" boot "$1"`;

/**
 * Makes the tree ($1) the root directory, with what the service manager expects of a container
 * (https://systemd.io/CONTAINER_INTERFACE), and becomes the service manager. /run is the lab host's. /proc/sys is read-only until it
 * has started, since it raises limits of the whole kernel's.
 */
const BOOT = `
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --bind /run run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,mode=620,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
hostname > etc/hostname
mkdir -p mnt
pivot_root . mnt
exec chroot . sh -ec '
umount --lazy /mnt
mount --make-rshared /
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin /usr/lib/systemd/systemd --system --unit=multi-user.target
'`;

/** What the service manager says of a unit, each as `systemctl show` writes it. */
export type Properties = Readonly<Record<string, string>>;

/** A host of the lab on which systemd is process 1, with a file system of its own. It ends with the lab. */
export class Machine {
  readonly #host: LabHost;
  readonly #child: ChildProcess;
  readonly #pid: number;

  private constructor(host: LabHost, child: ChildProcess, pid: number) {
    this.#host = host;
    this.#child = child;
    this.#pid = pid;
  }

  /** Starts a host as a machine is started, until all units run that start by themselves. */
  static async boot(host: LabHost, tree: SystemTree): Promise<Machine> {
    const unshare = ['--mount', '--pid', '--ipc', '--propagation', 'private', '--fork', '--kill-child', '--'];
    const command = [...unshare, 'sh', '-ec', ENTER, 'enter', tree.root, tree.group, BOOT];
    const child = host.spawn('unshare', command, { stdio: ['ignore', 'inherit', 'inherit'] });
    const init = () => {
      const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
      return pid > 0 && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'systemd\n' ? pid : undefined;
    };
    const machine = new Machine(host, child, await waitUntil(init, PATIENCE, 'systemd as process 1'));
    // Degraded: a unit of this machine's cannot run there, which none of ours needs.
    const running = async () =>
      /^(running|degraded)$/m.test((await machine.try('systemctl', 'is-system-running')).stdout);
    await waitUntil(running, PATIENCE, 'systemd to run', 50);
    await machine.run('umount', '--lazy', '/proc/sys');
    return machine;
  }

  /** Runs a command on the machine as root. @throws LabError where its exit status is not 0 */
  async run(command: string, ...args: readonly string[]): Promise<string> {
    return (await this.#run(true, command, args)).stdout;
  }

  /** The same, whose exit status is the caller's to judge. */
  try(command: string, ...args: readonly string[]): Promise<CommandResult> {
    return this.#run(false, command, args);
  }

  #run(check: boolean, command: string, args: readonly string[]): Promise<CommandResult> {
    return this.#host.run('nsenter', [...this.#enter(), command, ...args], { check });
  }

  #enter(): string[] {
    return ['--target', `${this.#pid}`, '--mount', '--pid', '--ipc', '--cgroup', '--'];
  }

  /** What a unit says from now on, as `journalctl` prints it: our events, and others as `not-json`. */
  follow(unit: string): AgentProcess {
    const command = ['journalctl', '--follow', '--lines=0', '--output=cat', `--unit=${unit}`];
    const child = this.#host.spawn('nsenter', [...this.#enter(), ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new AgentProcess(this.#host.name, child);
  }

  async show(unit: string): Promise<Properties> {
    const lines = (await this.run('systemctl', 'show', unit)).trim().split('\n');
    return Object.fromEntries(lines.map((line) => /^([^=]*)=(.*)$/.exec(line)?.slice(1) ?? [line, '']));
  }
  /** Ends all that runs on it at once, as without power; what it had in memory is gone. */
  async cutPower(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    await this.#host.run('sh', ['-c', 'umount --lazy /run; mount -t tmpfs -o mode=755 tmpfs /run']);
  }
}
