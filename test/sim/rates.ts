import { ETHERTYPE_ARP, readUint16 } from '../../agent/wire/ethernet';
import type { Clock } from './clock';
import type { ClusterOptions } from './cluster';
import type { Host } from './host';
import { countEntries } from './memory';
import { Violation } from './violation';

/** How often everything is counted, in ms. */
const WINDOW = 1000;
/** Wake-ups in one moment: more are no rest at all. */
const MOST_AT_ONCE = 10;
/** Wake-ups a second beside those for what is sent and for its answers. */
const SPARE_WAKES = 200;
/** Entries that a list of the agent's holds whatever the cluster is like: names of counters, requests that are remembered on joined planes. */
const SPARE_ENTRIES = 160;
/** Entries of one list for each way between two hosts: announcements that are remembered, routes, a waiting request. */
const ENTRIES_EACH = 12;

/** The rules that bound what an agent does in a second, and what it remembers. */
export class Rates {
  private readonly frames = new Map<string, number>();
  private readonly wakes = new Map<string, number>();
  private readonly spins = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly options: ClusterOptions,
    private readonly hosts: () => readonly Host[],
  ) {}

  /** From now on; `each` is called once a second as well. */
  start(each: (window: number) => void): void {
    this.clock.after(WINDOW, () => {
      this.check();
      each(WINDOW);
      this.start(each);
    });
  }

  sent(host: string, bytes: Uint8Array): void {
    if (readUint16(bytes, 12) === ETHERTYPE_ARP) this.frames.set(host, (this.frames.get(host) ?? 0) + 1);
  }

  /** An agent has done what was due, and wants to be woken again at `next`. */
  woken(host: string, next: number): void {
    this.wakes.set(host, (this.wakes.get(host) ?? 0) + 1);
    const spins = next > this.clock.now ? 0 : (this.spins.get(host) ?? 0) + 1;
    this.spins.set(host, spins);
    if (spins > MOST_AT_ONCE) throw new Violation('wake-ups', this.clock.now, `${host} takes no rest`);
  }

  private check(): void {
    const { frameLimit } = this;
    this.compare('frames', this.frames, frameLimit);
    const { beacons, planes } = this.options;
    const heard = beacons === undefined ? 0 : (planes * WINDOW) / beacons.options.interval;
    // Each frame may be due at a time of its own, and each beacon that stays away is.
    this.compare('wake-ups', this.wakes, 2 * frameLimit + 4 * heard * this.options.hosts + SPARE_WAKES);
    for (const host of this.hosts()) this.checkMemory(host);
  }

  private get frameLimit(): number {
    const { probe, planes, hosts } = this.options;
    const paths = planes * (hosts - 1);
    // Each path: at most two verifications an interval. As many again to answer, and the announcements.
    return (WINDOW / probe.interval + 1) * paths * 4 * probe.misses + 10 * planes;
  }

  private compare(rule: 'frames' | 'wake-ups', counts: Map<string, number>, limit: number): void {
    for (const [host, count] of counts) {
      if (count <= limit) continue;
      throw new Violation(
        rule,
        this.clock.now,
        `${host}: ${count} ${rule} in a second; ${limit} are its limit`,
      );
    }
    counts.clear();
  }

  private checkMemory({ name, agent }: Host): void {
    if (agent === undefined) return;
    const { planes, hosts } = this.options;
    const limit = SPARE_ENTRIES + ENTRIES_EACH * planes * hosts;
    for (const [list, count] of countEntries(agent.core)) {
      if (count > limit)
        throw new Violation(
          'memory',
          this.clock.now,
          `${name}: ${count} entries in ${list}; ${limit} are its limit`,
        );
    }
  }
}
