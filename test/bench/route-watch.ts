import type { LabHost } from '../../deploy/lab/host';
import { monotonic, waitUntil } from '../../deploy/lab/wait';

/** One removed route, as `ip -ts monitor route` prints it: time in UTC, destination, device. */
const REMOVAL = /^\[(\S+)\] Deleted (\S+) dev (\S+) .*proto (?:multihomed|77) /;
/** The same of a route that was added or changed as well. */
const CHANGE = /^\[\S+\] (?:Deleted )?(\S+) dev \S+ .*proto (?:multihomed|77) /;
/** How long ip(8) may take to listen, in ms. */
const PATIENCE = 5000;
/** A route that nobody needs (RFC 5737, 192.0.2.0/24), to see that the watch hears. */
const TRIAL = 'blackhole 192.0.2.1/32';

/** A route that the kernel removed. */
export interface Removal {
  /** as ip(8) prints it: an address for a host route */
  readonly destination: string;
  /** in ms on the clock of `monotonic()`, to about 0.1 ms */
  readonly at: number;
}

/** Hears which routes the kernel of a host removes, and when. The end of the lab ends it. */
export class RouteWatch {
  #lines: string[] = [];
  #rest = '';

  private constructor() {}

  /** @throws LabError where ip(8) hears nothing */
  static async start(host: LabHost): Promise<RouteWatch> {
    const watch = new RouteWatch();
    const child = host.spawn('ip', ['-4', '-ts', 'monitor', 'route'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TZ: 'UTC' },
    });
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (watch.#rest + chunk).split('\n');
      watch.#rest = lines.pop() ?? '';
      watch.#lines.push(...lines);
    });
    const hears = async (): Promise<boolean> => {
      await host.ip(`route add ${TRIAL}`, `route del ${TRIAL}`);
      return watch.#lines.length > 0;
    };
    await waitUntil(hears, PATIENCE, `ip monitor to hear of a route on ${host.name}`);
    return watch;
  }

  /** Forgets what was heard. */
  clear(): void {
    this.#lines = [];
  }

  /** @returns how many routes of ours to an address were added, removed or changed */
  changes(destination: string): number {
    return this.#lines.filter((line) => CHANGE.exec(line)?.[1] === destination).length;
  }

  /** @returns which routes of ours by a device were removed, oldest first */
  removals(device: string): readonly Removal[] {
    const wallNow = performance.timeOrigin + performance.now();
    const offset = monotonic() - wallNow;
    return this.#lines.flatMap((line) => {
      const [, time = '', destination = '', dev] = REMOVAL.exec(line) ?? [];
      return dev === device ? [{ destination, at: wallOf(time) + offset }] : [];
    });
  }
}

/** @returns ms since 1970 of a time such as `2025-11-20T11:48:45.123456`, with its µs, which Date would drop */
function wallOf(time: string): number {
  const [seconds = '', fraction = ''] = time.split('.');
  return Date.parse(`${seconds}Z`) + Number(`0.${fraction}`) * 1000;
}
