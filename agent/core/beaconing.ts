/** A lost link is told this often, this far apart in ms: the repetitions are there for a frame that gets lost. */
const WITHDRAWALS = 3;
const WITHDRAWAL_SPACING = 2;
/** The first pause between two urgent beacons for changes is this part of the interval: several paths may be judged shortly one after the other. */
const LEAST_PAUSE = 8;

/** A regular beacon that is sent this much later than due, in ms, says that the agent did not run. */
const LATE = 5;

/**
 * When to send beacons on one link: each `interval`; at once where something changed that the peers should know, a few times an
 * interval at most; and at once, repeated within 5 ms, where another link was lost. Never sends and never reads a clock; times are ms of a
 * monotonic clock.
 */
export class Beaconing {
  /** the next beacon; infinite for none */
  wakeAt = Number.POSITIVE_INFINITY;
  private interval: number | undefined;
  private regularAt = Number.POSITIVE_INFINITY;
  private urgentAt = Number.POSITIVE_INFINITY;
  private withdrawals = 0;
  /** since when each regular beacon was sent when it was due, so that this host did not stand still */
  punctualSince = Number.POSITIVE_INFINITY;
  private urgedAt = Number.NEGATIVE_INFINITY;
  /** before the next urgent beacon for a change, in ms */
  private pause = 0;

  /** Whether beacons are sent on this link. */
  get active(): boolean {
    return this.interval !== undefined;
  }

  /** Whether each regular beacon of the last interval and more was sent when it was due, so that who misses them can't blame us for it. */
  isPunctual(now: number): boolean {
    return (
      this.interval !== undefined &&
      now - this.punctualSince > this.interval + LATE &&
      now - this.regularAt <= LATE
    );
  }

  /** Sends from now on, the first as urgent, or goes on with another interval. */
  start(interval: number, now: number): void {
    if (interval === this.interval) return;
    if (this.interval === undefined) this.urgentAt = now;
    this.punctualSince = now;
    this.interval = interval;
    this.regularAt = now + interval;
    this.reckon();
  }

  /** The link doesn't work, or beacons are off. */
  stop(): void {
    this.interval = undefined;
    this.withdrawals = 0;
    this.regularAt = Number.POSITIVE_INFINITY;
    this.urgentAt = Number.POSITIVE_INFINITY;
    this.reckon();
  }

  /** Another link was lost. */
  withdraw(now: number): void {
    if (this.interval === undefined) return;
    this.withdrawals = WITHDRAWALS;
    this.urgentAt = now;
    this.reckon();
  }

  /** Something changed that the peers should know. What changes soon after waits, each time twice as long, up to an interval. */
  urge(now: number): void {
    if (this.interval === undefined) return;
    this.urgentAt = Math.min(this.urgentAt, Math.max(now, this.urgedAt + this.pause));
    this.reckon();
  }

  /** Which beacon to send now, if any; the next time is set. */
  tick(now: number): 'urgent' | 'regular' | undefined {
    if (now < this.wakeAt || this.interval === undefined) return undefined;
    const urgent = now >= this.urgentAt;
    // What was judged before we stood still may be outdated; a lost link is told as it is now.
    const stale = this.withdrawals === 0 && now - this.urgentAt > LATE;
    if (urgent) {
      const calm = now - this.urgedAt >= 2 * this.interval;
      this.pause = calm ? this.interval / LEAST_PAUSE : Math.min(this.interval, 2 * this.pause);
      this.urgedAt = now;
      this.withdrawals = Math.max(0, this.withdrawals - 1);
      this.urgentAt = this.withdrawals > 0 ? now + WITHDRAWAL_SPACING : Number.POSITIVE_INFINITY;
    }
    // On the beat, so that lateness doesn't add up; what was missed while we did not run is not sent afterwards.
    if (now - this.regularAt > LATE) this.punctualSince = now;
    const beats = Math.floor((now - this.regularAt) / this.interval) + 1;
    if (beats > 0) this.regularAt += beats * this.interval;
    this.reckon();
    return urgent && !stale ? 'urgent' : 'regular';
  }

  private reckon(): void {
    this.wakeAt = Math.min(this.regularAt, this.urgentAt);
  }
}
