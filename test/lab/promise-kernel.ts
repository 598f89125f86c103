import type { ChildProcess } from 'node:child_process';
import type { KernelRoute, LabHost } from '../../deploy/lab/host';
import { waitUntil } from '../../deploy/lab/wait';

/** The protocol number of the agent's routes and neighbor entries. */
export const OURS = '77';
/** A routing table of the tests' own, in which a marked place in the kernel's notifications is made. */
const MARK_TABLE = 4077;
const PATIENCE = 10_000;

/** What the kernel tells everybody, by a process of its own: ip-monitor(8). */
export class KernelWatch {
  readonly #host: LabHost;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #rest = '';
  #marks = 0;

  private constructor(host: LabHost, child: ChildProcess) {
    this.#host = host;
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (this.#rest + chunk).split('\n');
      this.#rest = lines.pop() ?? '';
      this.#lines.push(...lines.map((line) => line.trim()));
    });
  }

  /** Watches routes, neighbor entries and IPv4 addresses of a host from now on. */
  static async start(host: LabHost): Promise<KernelWatch> {
    const args = ['-o', '-4', '-d', 'monitor', 'label', 'route', 'neigh', 'address'];
    const watch = new KernelWatch(host, host.spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] }));
    const listens = async () => {
      await watch.#mark();
      return watch.#lines.length > 0;
    };
    await waitUntil(listens, PATIENCE, `ip monitor on ${host.name}`);
    await watch.take();
    return watch;
  }

  /**
   * What was told of the cluster's aliases (10.78.0.0/24) since the last call, in the kernel's order, such as
   * `[ROUTE]Deleted unicast 10.78.0.2 dev eth0 ...`. Nothing that was done before this call is missing.
   */
  async take(): Promise<string[]> {
    const mark = await this.#mark();
    const told = () => this.#lines.some((line) => line.includes(` ${mark} `));
    await waitUntil(told, PATIENCE, 'what the kernel told until now');
    return this.#lines.splice(0).filter((line) => line.includes(' 10.78.0.'));
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  /** Makes a route of no use come and go: notifications keep their order, so what came before it has been told. */
  async #mark(): Promise<string> {
    const address = `198.51.100.${++this.#marks % 256}`;
    const route = `${address} table ${MARK_TABLE}`;
    await this.#host.ip(`route add unreachable ${route}`, `route del unreachable ${route}`);
    return address;
  }
}

/** The agent's unicast routes to an address, as `device metric`, the preferred first. */
export async function routesTo(host: LabHost, address: string): Promise<string[]> {
  const routes = await ownRoutes(host);
  return routes
    .filter(({ dst, dev }) => dst === address && dev !== undefined)
    .map(({ dev, metric }) => `${dev} ${metric}`);
}

/** All routes of the agent's protocol in the main table. */
export async function ownRoutes(host: LabHost): Promise<KernelRoute[]> {
  return (await host.routes()).filter(({ protocol }) => protocol === OURS);
}

/** A neighbor entry as `ip -json neigh` prints it. */
export interface KernelNeighbor {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
  readonly protocol?: string;
}

/** The neighbor entries of the aliases. */
export async function aliasNeighbors(host: LabHost): Promise<KernelNeighbor[]> {
  const { stdout } = await host.run('ip', ['-json', '-Numeric', '-4', 'neigh', 'show']);
  return (JSON.parse(stdout) as KernelNeighbor[]).filter(({ dst }) => dst.startsWith('10.78.'));
}

/** The addresses on `lo`, with their labels. */
export async function loopbackAddresses(host: LabHost): Promise<string[]> {
  const { stdout } = await host.run('ip', ['-json', '-4', 'address', 'show', 'dev', 'lo']);
  const [lo] = JSON.parse(stdout) as {
    addr_info: { local: string; prefixlen: number; label: string }[];
  }[];
  return (lo?.addr_info ?? []).map(({ local, prefixlen, label }) => `${local}/${prefixlen} ${label}`);
}

/** Everything of a host that the promise to touch only what is one's own is about. */
export interface HostState {
  readonly routes: string;
  readonly rules: string;
  readonly addresses: string;
  readonly neighbors: string;
  readonly links: string;
  /** every setting under /proc/sys/net, but for counters */
  readonly settings: string;
}

/** Settings whose value is the kernel's: counts, and secrets that are made at their first use. */
const READ_SETTINGS =
  "grep -rs '' /proc/sys/net --exclude='*_count' --exclude=stable_secret --exclude=tcp_fastopen_key | sort";

/** @returns a picture of a host, in which every change of routes, addresses, permanent neighbors and settings shows */
export async function stateOf(host: LabHost): Promise<HostState> {
  const print = async (command: string) => (await host.run('sh', ['-c', command])).stdout;
  const [routes, rules, addresses, neighbors, links, settings] = await Promise.all([
    print('ip -4 -d -N route show table all; ip -6 -d -N route show proto static'),
    print('ip rule show'),
    // By name: a card that was put back has a later number than the others.
    print("ip -4 -d -N -o address show | sed 's/^[0-9]*: //' | sort -s -k1,1"),
    print('ip -d -N neigh show nud permanent'),
    print('ip -N -o link show | sort'),
    print(READ_SETTINGS),
  ]);
  return { routes, rules, addresses, neighbors, links, settings };
}

/** @returns one setting of an interface, such as `rp_filter` */
export async function setting(host: LabHost, device: string, name: string): Promise<string> {
  return (await host.run('cat', [`/proc/sys/net/ipv4/conf/${device}/${name}`])).stdout.trim();
}

export async function setSetting(host: LabHost, device: string, name: string, value: number): Promise<void> {
  await host.run('sh', ['-c', `echo ${value} > /proc/sys/net/ipv4/conf/${device}/${name}`]);
}
