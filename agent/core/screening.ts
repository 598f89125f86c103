import type { Mac } from '../wire/address';
import { ETHERNET_HEADER, readMac } from '../wire/ethernet';
import type { ReceivedFrame, Voice } from './event';
import type { Link } from './link';
import type { Outbox } from './outbox';

/** More frames than this in a second that nothing followed from are looked at closer, and as many again from strangers are a flood. */
export const FLOOD = 1000;
/** So many more for each peer whose address is not known yet: with the least usual interval it asks 100 times a second. */
const UNVERIFIED = 100;
/** For so long strangers are not heard then, in ms; and this long without a flood, it is over. */
export const SCREENED_FOR = 1000;
const SECOND = 1000;

/** What came of frames that were wanted. */
const WANTED: ReadonlySet<string> = new Set(['answers', 'beacons-heard', 'beacons-urgent']);

/** The frames of one kind on one link in the present second. */
interface Meter {
  since: number;
  /** frames that nothing followed from */
  frames: number;
  /** of these, when there were many: from strangers, and from each address that is a peer's */
  strange: number;
  readonly bySender: Map<Mac, number>;
  /** too many came from one of these; never of ARP to us alone */
  forged: boolean;
  /** addresses of peers on this link; undefined until they are needed */
  known: ReadonlySet<Mac> | undefined;
  /** strangers are kept out until then, in ms; undefined while everybody is heard */
  until: number | undefined;
  /** since when and until when there is a flood, in ms; undefined while there is none */
  flooded: { readonly since: number; over: number } | undefined;
}

/** What screening needs of the core. */
export interface ScreeningSurroundings {
  readonly outbox: Outbox;
  count(what: string): void;
  describe(link: Link): Readonly<Record<string, unknown>>;
  /** the hardware addresses of peers, and our own, that can be heard on a link */
  knownOn(link: Link, now: number): Iterable<Mac>;
  /** how many peers' hardware addresses on a link are not known yet */
  unverifiedOn(link: Link): number;
}

/**
 * Floods: where more frames come than anybody needs, only those of the peers' own addresses are let in for a second, by a filter in the
 * kernel, where a frame costs a hundredth of what it costs here. An address of a peer that floods, or is forged to, is kept out as well; not so
 * of ARP to us alone, since answers are among it. Never reads a clock; times are ms of a monotonic clock.
 */
export class Screening {
  private readonly meters = new Map<Link, Partial<Record<Voice, Meter>>>();
  private active = 0;

  constructor(private readonly around: ScreeningSurroundings) {}

  /** When the next screen is to be lifted, or a flood over; infinite for none. */
  get wakeAt(): number {
    let at = Number.POSITIVE_INFINITY;
    if (this.active === 0) return at;
    for (const [, { until, flooded }] of this.all()) at = Math.min(at, until ?? flooded?.over ?? at);
    return at;
  }

  /** Takes those of `frames` from `start` to before `end`, which were heard together and of which the same became. */
  take(
    link: Link,
    voice: Voice,
    frames: readonly ReceivedFrame[],
    [start, end]: readonly [number, number],
    became: string,
    now: number,
  ): void {
    if (start === end || WANTED.has(became)) return;
    const meter = this.meterOf(link, voice);
    if (now - meter.since >= SECOND) begin(meter, now);
    meter.frames += end - start;
    if (meter.frames <= FLOOD) return;
    meter.known ??= new Set(this.around.knownOn(link, now));
    const { known, bySender } = meter;
    for (let index = start; index < end; index++) {
      const { bytes } = frames[index]!;
      if (bytes.length < ETHERNET_HEADER) continue;
      const sender = readMac(bytes, 6);
      if (!known.has(sender)) meter.strange += 1;
      else if (voice !== 'directed') {
        const times = (bySender.get(sender) ?? 0) + 1;
        bySender.set(sender, times);
        meter.forged ||= times > FLOOD;
      }
    }
    // Those that waited when the screen was put up are read all the same.
    const strangers = meter.until === undefined && this.isFlood(link, meter, now);
    if (strangers || meter.forged) this.screen(link, voice, meter, strangers, now);
  }

  /** Whether so many were strangers. Peers that were not verified yet are, to us: they ask as others do, and may be verified meanwhile. */
  private isFlood(link: Link, meter: Meter, now: number): boolean {
    if (meter.strange <= FLOOD) return false;
    const known = new Set(this.around.knownOn(link, now));
    if (known.size !== meter.known?.size) {
      meter.known = known;
      meter.strange = 0;
    }
    return meter.strange > FLOOD + UNVERIFIED * this.around.unverifiedOn(link);
  }

  /** Lifts the screens whose time is over. */
  tick(now: number): void {
    if (this.active === 0) return;
    for (const [link, meter, voice] of this.all()) {
      if (meter.until !== undefined && meter.until <= now) this.lift(link, voice, meter, now);
      const { flooded } = meter;
      if (meter.until !== undefined || flooded === undefined || flooded.over > now) continue;
      meter.flooded = undefined;
      this.active -= 1;
      const fields = { ...this.around.describe(link), frames: voice, for: now - flooded.since };
      this.around.outbox.note('flood-over', fields);
    }
  }

  private lift(link: Link, voice: Voice, meter: Meter, now: number): void {
    meter.until = undefined;
    begin(meter, now);
    this.around.outbox.screen({ link: link.name, voice, senders: undefined });
  }

  /** The links are others now. */
  retain(links: Iterable<Link>): void {
    const kept = new Set(links);
    for (const [link, meters] of this.meters) {
      if (kept.has(link)) continue;
      this.active -= Object.values(meters).filter(({ flooded }) => flooded !== undefined).length;
      this.meters.delete(link);
    }
  }

  private screen(link: Link, voice: Voice, meter: Meter, strangers: boolean, now: number): void {
    const senders = [...(meter.known ?? [])].filter((sender) => (meter.bySender.get(sender) ?? 0) <= FLOOD);
    this.around.outbox.screen({ link: link.name, voice, senders });
    this.around.count('screens');
    begin(meter, now);
    // What is kept out now stays out until all are heard again.
    meter.known = new Set(senders);
    meter.until ??= now + SCREENED_FOR;
    if (meter.flooded === undefined) {
      const by = strangers ? 'strangers' : 'peers';
      this.active += 1;
      this.around.outbox.note('flood', { ...this.around.describe(link), frames: voice, by }, 'warn');
    }
    meter.flooded = { since: meter.flooded?.since ?? now, over: meter.until + SECOND };
  }

  private meterOf(link: Link, voice: Voice): Meter {
    let meters = this.meters.get(link);
    if (meters === undefined) {
      meters = {};
      this.meters.set(link, meters);
    }
    meters[voice] ??= {
      since: Number.NEGATIVE_INFINITY,
      frames: 0,
      strange: 0,
      bySender: new Map(),
      forged: false,
      known: undefined,
      until: undefined,
      flooded: undefined,
    };
    return meters[voice];
  }

  private *all(): Generator<readonly [Link, Meter, Voice]> {
    for (const [link, meters] of this.meters) {
      for (const [voice, meter] of Object.entries(meters)) yield [link, meter, voice as Voice];
    }
  }
}

/** Counts anew from `now` on. */
function begin(meter: Meter, now: number): void {
  meter.since = now;
  meter.frames = 0;
  meter.strange = 0;
  meter.bySender.clear();
  meter.forged = false;
  meter.known = undefined;
}
