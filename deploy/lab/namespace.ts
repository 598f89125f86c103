import { type ChildProcess, type ChildProcessByStdio, type SpawnOptions, spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { CONSOLE_GONE, IpConsole, type Moment } from './ip-console';
import { SANDBOX_VARIABLE } from './sandbox';
import { LabError, waitUntil } from './wait';

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** exit status; -1 where a signal ended the command */
  readonly status: number;
}

export interface RunOptions {
  /** whether an exit status other than 0 is an error; default true */
  readonly check?: boolean;
  /** written to standard input */
  readonly input?: string;
}

/**
 * What a new network namespace copies from the machine, set to what a fresh Debian has, so that a lab behaves the same
 * on a router, on a container host and on a hardened machine.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  'ipv4/ip_forward': '0',
  'ipv4/conf/all/rp_filter': '0',
  'ipv4/conf/default/rp_filter': '2',
  'ipv4/conf/all/arp_ignore': '0',
  'ipv4/conf/default/arp_ignore': '0',
  'ipv4/conf/all/arp_announce': '0',
  'ipv4/conf/default/arp_announce': '0',
  'ipv4/conf/all/arp_filter': '0',
  'ipv4/conf/default/arp_filter': '0',
  'ipv4/conf/all/ignore_routes_with_linkdown': '0',
  'ipv4/conf/default/ignore_routes_with_linkdown': '0',
};

/** A switch speaks no IPv6 itself, so that every frame that leaves a port has entered by another. */
const SWITCH_SETTINGS: Readonly<Record<string, string>> = { 'ipv6/conf/default/disable_ipv6': '1' };

/**
 * Holds the namespaces and runs the ip console. Where ip(8) ends early, as after a misspelt argument, the namespaces
 * stay; they go when our end of its standard input closes, by whatever cause.
 */
const HOLDER = `
hostname "$1"
shift
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
cd /proc/sys/net
for setting in "$@"; do
  if [ -e "\${setting%%=*}" ]; then echo "\${setting#*=}" > "\${setting%%=*}"; fi
done
cd /
exec 2>&1
echo ready
ip -force -batch - || :
echo ${CONSOLE_GONE}
exec cat > /dev/null`;

type Holder = ChildProcessByStdio<Writable, Readable, Readable>;

/** How long the kernel may take to end a killed process, in ms. */
const KILL_TIMEOUT = 5000;

function startHolder(name: string, settings: Readonly<Record<string, string>>): Promise<Holder> {
  const values = Object.entries(settings).map(([path, value]) => `${path}=${value}`);
  const holder = spawn(
    'unshare',
    ['--net', '--mount', '--uts', '--', 'sh', '-ec', HOLDER, 'holder', name, ...values],
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  holder.stdout.setEncoding('utf8');
  holder.stderr.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    let trouble = '';
    const failed = (reason: string): void => reject(new LabError(`cannot create ${name}: ${reason}`));
    const closed = (): void => failed(trouble.trim());
    holder.stderr.on('data', (chunk: string) => {
      trouble += chunk;
    });
    holder.once('error', (error) => failed(error.message));
    holder.once('close', closed);
    holder.stdout.once('data', () => {
      holder.off('close', closed);
      resolve(holder);
    });
  });
}

/** A machine made of namespaces of its own for network, mounts and host name. */
export class Namespace {
  readonly name: string;
  /** the process that holds the namespaces */
  readonly pid: number;
  readonly #holder: Holder;
  readonly #network: string;
  readonly #console: IpConsole;

  private constructor(name: string, pid: number, holder: Holder) {
    this.name = name;
    this.pid = pid;
    this.#holder = holder;
    this.#network = readlinkSync(`/proc/${pid}/ns/net`);
    this.#console = new IpConsole(name, holder.stdin, holder.stdout);
  }

  /**
   * @param name its host name
   * @throws LabError outside the sandbox, and where the system allows no namespaces
   */
  static async create(name: string, kind: 'host' | 'switch'): Promise<Namespace> {
    if (process.env[SANDBOX_VARIABLE] !== '1') {
      throw new LabError(
        'the lab runs in the sandbox only: node dist/deploy/lab/sandbox.js COMMAND [ARGUMENT...]',
      );
    }
    const holder = await startHolder(
      name,
      kind === 'switch' ? { ...SETTINGS, ...SWITCH_SETTINGS } : SETTINGS,
    );
    if (holder.pid === undefined) {
      throw new LabError(`cannot create ${name}: its first process ended at once`);
    }
    return new Namespace(name, holder.pid, holder);
  }

  /**
   * Carries out commands of ip(8) without starting a process.
   *
   * @param lines each without the leading `ip`
   * @throws LabError with ip's message, after all lines were tried
   */
  ip(...lines: readonly string[]): Promise<Moment> {
    return this.#console.execute(lines);
  }

  /**
   * Starts a command in these namespaces; its pid is the command's own. It leads a session of its own, as a service does,
   * so that Ctrl-C at a terminal reaches only us, who end the lab in order.
   */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const enter = ['--target', `${this.pid}`, '--net', '--mount', '--uts', '--'];
    return spawn('nsenter', [...enter, command, ...args], { detached: true, ...options });
  }

  /**
   * Runs a command in these namespaces to its end.
   *
   * @throws LabError where it cannot be started, and, unless `check` is false, where its exit status is not 0
   */
  run(command: string, args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const child = this.spawn(command, args, { stdio: 'pipe' });
    const what = `${[command, ...args].join(' ')} on ${this.name}`;
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.stdin?.on('error', () => undefined); // it may end without reading its input
    child.stdin?.end(options.input ?? '');
    return new Promise((resolve, reject) => {
      child.once('error', (error) => reject(new LabError(`cannot run ${what}: ${error.message}`)));
      child.once('close', (code, signal) => {
        if (code !== 0 && options.check !== false) {
          reject(new LabError(`${what}: exit status ${code ?? signal}: ${stderr.trim() || stdout.trim()}`));
        } else {
          resolve({ stdout, stderr, status: code ?? -1 });
        }
      });
    });
  }

  /** @returns the processes that are in this network namespace, whoever started them */
  processes(): number[] {
    const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
    return pids.filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/net`) === this.#network;
      } catch {
        return false; // ended meanwhile
      }
    });
  }

  /** Ends every process in the namespace; the kernel removes it, and its interfaces, with the last of them. */
  async destroy(): Promise<void> {
    this.#holder.stdin.destroy();
    const gone = (): boolean => {
      const pids = this.processes();
      for (const pid of pids) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // ended meanwhile
        }
      }
      return pids.length === 0;
    };
    await waitUntil(gone, KILL_TIMEOUT, `the end of all processes on ${this.name}`);
  }
}
