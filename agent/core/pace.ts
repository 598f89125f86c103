import type { LivenessState } from './liveness';
import { RoundTrip } from './round-trip';
import type { ProbeTiming } from './topology';

/** While a path is down, requests to everybody are at least this far apart, in ms; the kernel's own pace (RFC 1122, 2.3.2.1). */
export const BROADCAST_SPACING = 1000;
/** A round trip longer than so many intervals, or time-outs, is an outlier. */
const OUTLIER = 2;
/** While eased, requests are sent on one of so many moments of the interval, which all paths share: so they go out together. */
const MOMENTS = 40;

/** What decides on how long to wait for an answer. */
export interface Situation {
  readonly state: LivenessState;
  /** requests without an answer before this one, in a row */
  readonly misses: number;
  /** all requests of a verification go out within one `retry` */
  readonly hurried: boolean;
  /** it would be down by now, were it not the last path */
  readonly overdue: boolean;
  /** whether the far end's address is known */
  readonly known: boolean;
}

/** When one path is asked, and how long each answer is waited for. Times are ms. */
export class Pace {
  private readonly roundTrip = new RoundTrip();
  /** between two requests while up, where it is not `interval` */
  private eased: number | undefined;

  /** `phase`, 0 to below 1, spreads the steady requests of many paths over the interval. */
  constructor(
    private options: ProbeTiming,
    private readonly phase: number,
  ) {}

  retime(options: ProbeTiming): void {
    this.options = options;
  }

  /** Smoothed round trip; undefined before the first measurement. */
  get rtt(): number | undefined {
    return this.roundTrip.smoothed;
  }

  /**
   * Takes a round trip. One that is much longer than the former ones, or than an interval where it is the first, may be the far end's that stood
   * still: it counts in part, so that the next failure is found in time. Where all are as long, the next ones count.
   */
  measure(sample: number): void {
    const most = OUTLIER * Math.max(this.options.interval, this.timeout());
    this.roundTrip.measure(Math.min(Math.max(0, sample), most));
  }

  /** From now on an up path is asked each `interval`, or as usual where it is undefined; whether that is news. */
  ease(interval: number | undefined): boolean {
    const changed = interval !== this.eased;
    this.eased = interval;
    return changed;
  }

  /** Between two requests in a state. */
  interval(state: LivenessState): number {
    return state === 'up' ? (this.eased ?? this.options.interval) : this.options.interval;
  }

  /** When the first request after `now` is due, on this path's own place in the interval. */
  first(state: LivenessState, now: number): number {
    const share = this.eased === undefined ? this.phase : this.phase || 1;
    return this.moment(state, now + this.interval(state) * share);
  }

  /** When to ask that is to ask by `time`: while eased, the last of the shared moments until then. */
  moment(state: LivenessState, time: number): number {
    if (this.eased === undefined || state !== 'up') return time;
    const spacing = this.eased / MOMENTS;
    return Math.floor(time / spacing) * spacing;
  }

  /** How long to wait for the answer to a request. */
  wait({ state, misses: before, hurried, overdue, known }: Situation): number {
    const { retry, misses, interval } = this.options;
    const timeout = this.timeout();
    if (state === 'down') return Math.max(timeout, known ? interval : BROADCAST_SPACING);
    if (overdue) return Math.max(timeout, interval);
    const last = before + 1 >= misses;
    if (hurried) {
      const spacing = retry / misses;
      return last ? Math.max(spacing, timeout - spacing * (misses - 1)) : spacing;
    }
    return state === 'held' || before === 0 || last ? timeout : retry;
  }

  /** RFC 6298's retransmission time-out, with `retry` as its floor; before the first measurement, `interval`. */
  private timeout(): number {
    const { retry, interval } = this.options;
    return this.roundTrip.timeout(retry) ?? Math.max(retry, interval);
  }
}
