import type { Mac } from '../../agent/wire/address';
import type { KernelLink } from './card';
import type { Host } from './host';
import { passes } from './wire';

/** What becomes of a packet from one alias to another, sent now. */
export type Fate =
  | 'delivered'
  /** by a route that isn't ours: never allowed */
  | 'foreign'
  /** the guard refused it */
  | 'unreachable'
  | 'no-carrier'
  /** on the wire, or at a card that is down */
  | 'dropped'
  /** no neighbor entry, and nobody answers for the alias */
  | 'unresolved'
  /** by strict reverse path filtering */
  | 'filtered'
  /** the far end doesn't have the alias */
  | 'no-alias';

/** Walks the tables of the source, the wire, and the tables of whoever gets the packet. */
export function fateOf(source: Host, destination: Host, hosts: readonly Host[]): Fate {
  const { alias } = destination;
  const route = source.kernel.route(alias);
  if (route === undefined) return 'foreign';
  if (route.type === 'unreachable') return 'unreachable';
  const from = source.kernel.deviceOf(route.device);
  if (from === undefined || !from.carrier) return 'no-carrier';
  const mac = source.kernel.neighbor(route.device, alias) ?? resolve(from, destination);
  if (mac === undefined) return 'unresolved';
  for (const host of hosts) {
    const to = host.links.find((link) => link.mac === mac);
    if (to === undefined || !host.powered || !to.up || !passes(from.port, to.port)) continue;
    if (!host.kernel.hasAlias(alias)) return 'no-alias';
    return host.kernel.filters(to, source.alias) ? 'filtered' : 'delivered';
  }
  return 'dropped';
}

/** What the kernel finds out by itself where no permanent entry tells it. */
function resolve(from: KernelLink, destination: Host): Mac | undefined {
  const { kernel, alias, links, powered } = destination;
  const answering = links.find(
    (link) =>
      powered &&
      link.up &&
      kernel.answers(link, alias) &&
      passes(from.port, link.port) &&
      passes(link.port, from.port),
  );
  return answering?.mac;
}

/** A time without a delivery, in ms of the world. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly lost: number;
}

/** Packets from one alias to another, one each ms. */
export class Stream {
  fate: Fate = 'delivered';
  sent = 0;
  lost = 0;
  readonly lostBy = new Map<Fate, number>();
  readonly gaps: Gap[] = [];
  /** when the present gap began; undefined while packets arrive */
  brokenSince: number | undefined;
  private lostBefore = 0;

  constructor(
    readonly source: Host,
    readonly destination: Host,
  ) {}

  /** Counts the packets from `from` to before `to`, whose fate was the present one. */
  advance(from: number, to: number): void {
    const packets = Math.ceil(to) - Math.ceil(from);
    this.sent += packets;
    if (this.fate === 'delivered') return;
    this.lost += packets;
    this.lostBy.set(this.fate, (this.lostBy.get(this.fate) ?? 0) + packets);
  }

  /** Packets meet this fate from `now` on. */
  turn(fate: Fate, now: number): void {
    const delivered = fate === 'delivered';
    this.fate = fate;
    if (!delivered && this.brokenSince === undefined) {
      this.brokenSince = now;
      this.lostBefore = this.lost;
    } else if (delivered && this.brokenSince !== undefined) {
      this.gaps.push({ from: this.brokenSince, to: now, lost: this.lost - this.lostBefore });
      this.brokenSince = undefined;
    }
  }

  /** Forgets what was counted. */
  reset(): void {
    this.sent = 0;
    this.lost = 0;
    this.lostBefore = 0;
    this.lostBy.clear();
    this.gaps.length = 0;
  }

  /** Longest time without a delivery, in ms. */
  get longestGap(): number {
    return this.gaps.reduce((longest, { from, to }) => Math.max(longest, to - from), 0);
  }
}
