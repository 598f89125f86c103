import type { Note } from '../../agent/core/event';
import { ETHERTYPE_ARP, readUint16, readUint32 } from '../../agent/wire/ethernet';
import type { Question } from './card';
import type { Clock } from './clock';
import type { ClusterOptions } from './cluster';
import type { Host } from './host';
import { countEntries } from './memory';
import { type Rule, Violation } from './violation';

/** How often everything is counted, in ms. */
const WINDOW = 1000;
/** Wake-ups in one moment: more are no rest at all. */
const MOST_AT_ONCE = 10;
/** Wake-ups a second beside those for what is sent and for its answers. */
const SPARE_WAKES = 20;
/** Entries that a list of the agent's holds whatever the cluster is like: names of counters, requests that are remembered on joined planes. */
const SPARE_ENTRIES = 160;
/** Entries of one list for each way between two hosts: announcements that are remembered, routes, a waiting request. */
const ENTRIES_EACH = 12;
/** Where an ARP frame says who sends it, and of whom it speaks: RFC 826, after the Ethernet header. */
const SENDER_IP = 28;
const TARGET_IP = 38;
/** Of the last path that is left, while it is held, each second request may follow the lost one before it at once, of which nobody is told. */
const HELD = 1.5;
/** Announcements on each link after a link came up or was lost: agent/core/announcing.ts. */
const ANNOUNCEMENTS = 3;

/** What an agent did since it was last counted, and what gave it reason to. */
interface Tally {
  /** ARP frames sent */
  frames: number;
  wakes: number;
  /** wake-ups in this moment */
  spins: number;
  /** ARP frames that what was told may have cost, beside the steady ones */
  told: number;
  /** announcements of others that arrived */
  hints: number;
  /** requests that it is to answer: also those of before, while it stands still or is slow */
  questions: number;
  /** whether a path was held at any time */
  held: boolean;
}

const NOTHING: Tally = { frames: 0, wakes: 0, spins: 0, told: 0, hints: 0, questions: 0, held: false };

/** The rules that bound what an agent does in a second, and what it remembers. */
export class Rates {
  private readonly tallies = new Map<string, Tally>();

  constructor(
    private readonly clock: Clock,
    private readonly options: ClusterOptions,
    private readonly hosts: () => readonly Host[],
  ) {}

  /** From now on; `each` is called once a second as well. */
  start(each: (window: number) => void): void {
    this.clock.after(WINDOW, () => {
      for (const host of this.hosts()) this.check(host);
      each(WINDOW);
      this.start(each);
    });
  }

  sent(host: string, bytes: Uint8Array): void {
    if (readUint16(bytes, 12) === ETHERTYPE_ARP) this.tallyOf(host).frames += 1;
  }

  /** An ARP request that nobody but the agent answers. */
  asked(host: string, { byKernel }: Question): void {
    if (!byKernel) this.tallyOf(host).questions += 1;
  }

  /** A frame arrives at a card. */
  arrived(host: string, bytes: Uint8Array): void {
    const isAnnouncement =
      readUint16(bytes, 12) === ETHERTYPE_ARP &&
      readUint32(bytes, SENDER_IP) === readUint32(bytes, TARGET_IP);
    if (isAnnouncement) this.tallyOf(host).hints += 1;
  }

  /** An agent starts, or has taken another file: all paths may be new. */
  changed(host: string): void {
    this.tallyOf(host).told += this.costOfChange;
  }

  /** An agent tells something. */
  told(host: string, { event }: Note): void {
    const { misses } = this.options.probe;
    if (event === 'path-held' || event === 'drained') this.tallyOf(host).held = true;
    if (event.startsWith('path-')) this.tallyOf(host).told += misses;
    else if (CHANGES.some((what) => event.includes(what))) this.tallyOf(host).told += this.costOfChange;
  }

  /** An agent has done what was due, and wants to be woken again at `next`. */
  woken(host: string, next: number): void {
    const tally = this.tallyOf(host);
    tally.wakes += 1;
    tally.spins = next > this.clock.now ? 0 : tally.spins + 1;
    if (tally.spins > MOST_AT_ONCE) throw new Violation('wake-ups', this.clock.now, `${host} takes no rest`);
  }

  private check(host: Host): void {
    const { name, agent } = host;
    const tally = this.tallyOf(name);
    const { frames, wakes } = tally;
    const most = this.framesOf(tally);
    if (frames > most)
      this.fail('frames', `${name}: ${frames} ARP frames in a second; ${most} are its limit`);
    const { beacons } = this.options;
    const beats = beacons === undefined ? 0 : WINDOW / beacons.options.interval;
    // Each frame but an answer may be due at a time of its own, and so may each beacon.
    const mostWakes = most - tally.questions + beats + SPARE_WAKES;
    if (wakes > mostWakes)
      this.fail('wake-ups', `${name}: ${wakes} wake-ups in a second; ${mostWakes} are its limit`);
    const isLate = agent !== undefined && (agent.hindered || this.clock.now - agent.runningSince < WINDOW);
    // Of a drained path nobody is told whether it is held.
    const held = [...(agent?.core.registry.allPaths() ?? [])].some(
      ({ state }) => state === 'held' || state === 'drained',
    );
    Object.assign(tally, { ...NOTHING, questions: isLate ? tally.questions : 0, held });
    this.checkMemory(host);
  }

  /** The most ARP frames that an agent may have sent. */
  private framesOf({ told, hints, questions, held }: Tally): number {
    const { probe, arp, planes, hosts, beacons } = this.options;
    const peers = hosts - 1;
    const times = (interval: number) => WINDOW / interval + 1;
    // Whether or not it is answered, each path is asked once an interval, and once for each beacon that stays away.
    const requests = times(probe.interval) + (beacons === undefined ? 0 : times(beacons.options.interval));
    const announcements = planes * times(arp.spacing);
    // A verification that is answered at once costs a request; one that is not is told.
    const verifications = Math.min(hints * planes, (2 * peers * probe.hints) / probe.misses);
    return (held ? HELD : 1) * planes * peers * requests + announcements + verifications + questions + told;
  }

  /** Requests and announcements that follow when one of our own links, or a peer, is another one. */
  private get costOfChange(): number {
    const { planes, hosts } = this.options;
    return planes * (hosts - 1) + ANNOUNCEMENTS * planes;
  }

  private checkMemory({ name, agent }: Host): void {
    if (agent === undefined) return;
    const { planes, hosts } = this.options;
    const limit = SPARE_ENTRIES + ENTRIES_EACH * planes * hosts;
    for (const [list, count] of countEntries(agent.core)) {
      if (count > limit) this.fail('memory', `${name}: ${count} entries in ${list}; ${limit} are its limit`);
    }
  }

  private tallyOf(host: string): Tally {
    let tally = this.tallies.get(host);
    if (tally === undefined) {
      tally = { ...NOTHING };
      this.tallies.set(host, tally);
    }
    return tally;
  }

  private fail(rule: Rule, what: string): never {
    throw new Violation(rule, this.clock.now, what);
  }
}

/** Parts of the names of events after which paths are asked anew, and links announced. */
const CHANGES: readonly string[] = [
  'link-',
  'carrier-',
  'drain',
  'host-',
  'beacons-',
  'mac-changed',
  'conflict',
];
