import type { Mac } from '../wire/address';
import { Damping } from './damping';
import { BROADCAST_SPACING, Pace } from './pace';
import type { ProbeTiming } from './topology';

/** What is known of a path by asking. */
export type LivenessState = 'unknown' | 'up' | 'suspect' | 'down' | 'held';

/** `drained` belongs to the operator; the liveness of a path never enters or leaves it by itself. */
export type PathState = LivenessState | 'drained';

/** Why a path changed its state. */
export type Cause =
  | 'answer'
  | 'silence'
  | 'hint'
  | 'beacon-silence'
  | 'not-heard'
  | 'withdrawn'
  | 'drained'
  | 'undrained'
  | 'carrier-lost'
  | 'link-down'
  | 'link-gone'
  | 'icmp-silence'
  | 'steady'
  | 'adopted'
  | 'start';

/** What a path asks of its owner after an event. */
export interface LivenessStep {
  /** send a request now: to the known address, or to everybody */
  readonly probe?: 'unicast' | 'broadcast';
  /** the state changed, from this one */
  readonly from?: LivenessState;
}

const NOTHING: LivenessStep = {};

/** Sending that took less than this, in ms, was not interrupted. */
const PROMPT = 1;
/** The last path that is left is not given up before its trouble has lasted this long, in ms: see {@link Liveness.last}. */
const LAST_PATIENCE = 100;
/** A wake-up this much later than asked, in ms, says that the agent did not run; at least {@link ProbeTiming.retry}. */
const STALL = 5;

/**
 * The liveness of one path, from requests and answers. It never sends and never reads a clock: every method takes the time in
 * ms of a monotonic clock and says what to do.
 *
 * While up, a request each `interval`. The first that is not answered in time makes it suspect; then requests follow `retry`
 * apart, and `misses` in a row make it down. A path that was down is held at its first answer, and up after `rise` answers in
 * a row and `hold` without a miss.
 */
export class Liveness {
  state: LivenessState = 'unknown';
  /** when it came into this state */
  since: number;
  cause: Cause = 'start';
  /** when it was last asked in vain, while it is down: undefined where it is merely taken to be down */
  judgedAt: number | undefined;
  /** no other path could take the traffic over: to give this one up early wins nothing, and ARP may only be waiting behind bulk */
  last = false;
  /** the far end's verified address; requests go to it alone */
  mac: Mac | undefined;
  /** the address is known by other means than an answer, so no answer from another one counts */
  pinned = false;
  /** time of the last answer */
  heard: number | undefined;
  /** time at which the trouble that is being looked into began: the first request that stayed unanswered, or the hint */
  trouble: number;
  private readonly pace: Pace;
  /** requests without an answer, in a row */
  private misses = 0;
  private rises = 0;
  /** when the request that waits for its answer was asked for, and when it was sent; undefined when none waits */
  private askedAt: number | undefined;
  private sentAt = 0;
  /** when to judge the waiting request, or, when none waits, to send the next */
  private due: number;
  /** the waiting request has been given time once for a stall of ours */
  private graced = false;
  /** the waiting request, or the one that a verification cut short, went to everybody */
  private everybody = false;
  /** requests follow each other within one `retry`: this is being verified */
  private hurried: Cause | undefined;
  /** when a verification began last: for what is probably true, and for what may well be forged */
  private readonly verifiedAt = { likely: Number.NEGATIVE_INFINITY, doubtful: Number.NEGATIVE_INFINITY };
  private broadcastAt = Number.NEGATIVE_INFINITY;
  private readonly damping = new Damping();

  /** `phase`, 0 to below 1, spreads the steady requests of many paths over the interval. */
  constructor(
    private options: ProbeTiming,
    now: number,
    phase: number,
  ) {
    this.pace = new Pace(options, phase);
    this.since = now;
    this.trouble = now;
    this.due = now;
  }

  /** Smoothed round trip in ms; undefined before the first answer. */
  get rtt(): number | undefined {
    return this.pace.rtt;
  }

  /** The next time at which {@link tick} has something to do. */
  get wakeAt(): number {
    return this.due;
  }

  /** Whether a request waits for its answer; an answer at another time is unsolicited. */
  get waits(): boolean {
    return this.askedAt !== undefined;
  }

  /** Whether what the kernel received at `at` can be an answer to the request that waits: it was not there before that was asked. */
  awaits(at: number): boolean {
    return this.askedAt !== undefined && at >= this.askedAt;
  }

  /**
   * The only address whose answer counts: while the path is trusted the verified one, else the one that was asked. Undefined where
   * everybody was asked.
   */
  get expects(): Mac | undefined {
    if (this.pinned) return this.mac;
    const trusted = this.state !== 'unknown' && this.state !== 'down' && !this.overdue;
    return trusted || !this.everybody ? this.mac : undefined;
  }

  /** Whether it would be down by now, were it not the last. */
  get overdue(): boolean {
    if (this.state === 'held') return this.misses > 0;
    return this.state === 'suspect' && this.misses >= this.options.misses;
  }

  /** The hold that the next return needs, in ms. */
  get hold(): number {
    return this.damping.hold(this.options.hold);
  }

  /** Takes new timing; what is under way goes on. */
  retime(options: ProbeTiming, now: number): void {
    this.options = options;
    this.pace.retime(options);
    if (!this.waits) this.due = Math.min(this.due, now + this.pace.interval(this.state));
  }

  /** Asks only each `interval` ms while up, since the path is watched by other means as well; undefined for the usual interval. */
  ease(interval: number | undefined, now: number): void {
    if (!this.pace.ease(interval) || this.waits || this.state !== 'up') return;
    this.due =
      interval === undefined
        ? Math.min(this.due, now + this.options.interval)
        : this.pace.first(this.state, now);
  }

  /** Takes an address that is known by other means; whether it is another one than before. What was asked of the former one counts no more. */
  pin(mac: Mac, now: number): boolean {
    const { mac: former } = this;
    this.mac = mac;
    this.pinned = true;
    if (former === mac) return false;
    if (former !== undefined) {
      this.askedAt = undefined;
      this.misses = 0;
      this.due = now;
    }
    return true;
  }

  /** Starts as a path that is not trusted: its route was taken out before we started, or its link has just appeared. */
  distrust(now: number, cause: Cause): void {
    this.enter('down', now, cause);
    this.due = now;
  }

  /** Judges the waiting request and sends the next one. For a time at which everything already received has been handed over. */
  tick(now: number): LivenessStep {
    if (now < this.due) return NOTHING;
    if (!this.waits) return this.probe(now);
    if (now - this.due > Math.max(STALL, this.options.retry) && !this.graced) {
      // We did not run, so the wait was not the far end's alone. One grace a request keeps the detection bounded.
      this.graced = true;
      this.due = now + this.wait();
      return NOTHING;
    }
    return this.miss(now);
  }

  /**
   * The request was handed to the card between `before` and `after`, which may be later than the time at which it was asked for. The wait
   * for the answer begins after. So does the round trip, unless all went so promptly that we certainly ran all the while.
   */
  sent(before: number, after: number): void {
    if (!this.waits) return;
    this.due += after - this.sentAt;
    this.sentAt = after - before < PROMPT ? before : after;
  }

  /**
   * An answer from `mac` to the waiting request, received by the kernel at `at`. Unsolicited answers, and those from another address
   * than {@link expects}, are not for this method.
   */
  answer(mac: Mac | undefined, at: number, now: number): LivenessStep {
    // An answer to a repeated request could belong to any of them (RFC 6298, 3: Karn's algorithm).
    if (this.askedAt !== undefined && this.misses === 0) this.pace.measure(at - this.sentAt);
    const replaced = this.overdue && mac !== this.mac;
    this.heard = at;
    this.misses = 0;
    this.hurried = undefined;
    const asked = this.askedAt ?? now;
    this.askedAt = undefined;
    if (this.state === 'unknown' || this.state === 'down' || replaced) this.mac = mac;
    const first = this.state === 'unknown';
    const step = replaced ? this.tryOut(now) : this.answered(now);
    // From when it was asked for, not sent: the time that sending many takes must not lengthen the interval.
    const next = this.pace.moment(this.state, asked + this.pace.interval(this.state));
    this.due = first ? this.pace.first(this.state, now) : Math.max(now, next);
    return step;
  }

  private answered(now: number): LivenessStep {
    switch (this.state) {
      case 'unknown':
      case 'suspect':
        return this.change('up', now, 'answer');
      case 'down':
        return this.tryOut(now);
      case 'held':
        this.rises += 1;
        return this.settle(now) ?? NOTHING;
      case 'up':
        return NOTHING;
    }
  }

  /** The first answer of a path that was down, or of a card in the place of another. */
  private tryOut(now: number): LivenessStep {
    this.rises = 1;
    return this.settle(now) ?? this.change('held', now, 'answer');
  }

  /**
   * Something says that the far end is in trouble, since `trouble` ms: verify now. All `misses` requests go out within one `retry`; the
   * first of them has the whole time for its answer. At most one verification an interval, so no stream of forged hints makes more.
   */
  verify(now: number, cause: Cause = 'hint', trouble = now): LivenessStep {
    return this.verifyAs('likely', now, cause, trouble);
  }

  /** The same where it may well be forged: it neither delays a verification that is under way, nor keeps the next one from beginning. */
  verifyDoubtful(now: number): LivenessStep {
    return this.hurried === undefined ? this.verifyAs('doubtful', now, 'hint', now) : NOTHING;
  }

  private verifyAs(kind: 'likely' | 'doubtful', now: number, cause: Cause, trouble: number): LivenessStep {
    if (this.state === 'suspect' || this.state === 'unknown') return NOTHING;
    if (now - this.verifiedAt[kind] < this.options.interval) return NOTHING;
    this.verifiedAt[kind] = now;
    if (this.state === 'up') {
      this.trouble = trouble;
      this.misses = 0;
      this.hurried = cause;
    }
    const everybody = this.waits && this.everybody;
    const step = this.probe(now);
    // What everybody was asked just before may still be answered.
    this.everybody ||= everybody;
    return step;
  }

  /** The path cannot work, known without asking: the link lost its carrier, went down or is gone, or ICMP stayed unanswered. */
  fail(now: number, cause: Cause): LivenessStep {
    this.askedAt = undefined;
    this.trouble = now;
    this.due = now + this.options.interval;
    // What was judged before was another trouble.
    this.judgedAt = undefined;
    if (this.state === 'down') return NOTHING;
    return this.change('down', now, cause);
  }

  /** The link works again: ask at once. */
  revive(now: number): void {
    this.askedAt = undefined;
    this.due = now;
  }

  private probe(now: number): LivenessStep {
    this.askedAt = now;
    this.sentAt = now;
    this.graced = false;
    this.due = now + this.wait();
    const spacing = this.overdue ? LAST_PATIENCE : BROADCAST_SPACING;
    const lost = (this.state === 'down' || this.overdue) && now - this.broadcastAt >= spacing;
    this.everybody = this.mac === undefined || (lost && !this.pinned);
    if (!this.everybody) return { probe: 'unicast' };
    this.broadcastAt = now;
    return { probe: 'broadcast' };
  }

  private miss(now: number): LivenessStep {
    const first = this.misses === 0;
    this.misses += 1;
    this.rises = 0;
    if (first && this.hurried === undefined && this.state !== 'down') this.trouble = this.sentAt;
    const patient = this.last && now - this.trouble < LAST_PATIENCE;
    if (this.state === 'held') return patient ? this.probe(now) : this.collapse(now);
    if (this.state === 'down') {
      this.judgedAt = now;
      return this.probe(now);
    }
    if (this.misses >= this.options.misses && !patient) return this.collapse(now);
    const from = this.state;
    const step = this.probe(now);
    return from === 'up' ? { ...step, ...this.change('suspect', now, this.hurried ?? 'silence') } : step;
  }

  private collapse(now: number): LivenessStep {
    const cause = this.hurried ?? 'silence';
    this.hurried = undefined;
    const step = this.change('down', now, cause);
    this.judgedAt = now;
    return { ...step, ...this.probe(now) };
  }

  /** Up, once there are answers and time enough; undefined while there are not. */
  private settle(now: number): LivenessStep | undefined {
    const held = this.state === 'held' ? now - this.since : 0;
    if (this.rises < this.options.rise || held < this.hold) return undefined;
    return this.change('up', now, 'steady');
  }

  private change(state: LivenessState, now: number, cause: Cause): LivenessStep {
    const from = this.state;
    this.enter(state, now, cause);
    return { from };
  }

  private enter(state: LivenessState, now: number, cause: Cause): void {
    if (state === 'up') {
      if (this.state !== 'suspect') this.damping.rise(now);
      // Whoever has answered since may be another card by the next time that nobody does.
      this.broadcastAt = Number.NEGATIVE_INFINITY;
    }
    if (state === 'down') {
      this.rises = 0;
      this.misses = 0;
      this.hurried = undefined;
      this.damping.fall(now, this.options.hold);
    }
    this.state = state;
    this.judgedAt = undefined;
    this.since = now;
    this.cause = cause;
  }

  /** How long to wait for the answer to the request just sent, in ms. */
  private wait(): number {
    const { state, misses, overdue } = this;
    const [hurried, known] = [this.hurried !== undefined, this.mac !== undefined];
    return this.pace.wait({ state, misses, hurried, overdue, known });
  }
}
