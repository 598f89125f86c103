import type { ArpOptions } from './topology';

/** How far an announcement may miss its time and still count as scheduled, in ms: its sender may be busy. */
const TOLERANCE = 25;
/** One that comes so soon after another, in ms, is a copy of it, or of another alias: the two of a hint are further apart. */
const COPIED = 0.5;
/** Announcements remembered: the steady one, and those of a link that just came up. */
const REMEMBERED = 8;

interface Announced {
  readonly at: number;
  /** its place in a series of announcements that follow each other by `spacing`, from 1 */
  readonly place: number;
  /** its successor has come; a further announcement at that time is none of the schedule */
  followed: boolean;
}

/**
 * The announcements of one peer on one link. The whole cluster has one configuration: a link that comes up announces `repeat` times, each
 * `spacing` after the other, and then each `refresh`. One at another time, or one more at such a time, is a hint that something happened
 * to the peer. A hint is sent twice, so even one that falls on a scheduled time is understood.
 */
export class Schedule {
  private announced: readonly Announced[] = [];

  /** Takes an announcement that was received at `now` ms; whether it was to be expected. */
  take(now: number, { repeat, spacing, refresh }: ArpOptions): boolean {
    if (Math.abs(now - (this.announced.at(-1)?.at ?? Number.NEGATIVE_INFINITY)) < COPIED) return true;
    const waiting = this.announced.filter(({ followed }) => !followed);
    const former = waiting.find(({ at, place }) => place < repeat && isNear(now - at, spacing));
    const refreshed = former ?? waiting.find(({ at }) => isNear(now - at, refresh));
    if (refreshed !== undefined) refreshed.followed = true;
    // A refresh starts no series.
    const place = former === undefined ? (refreshed === undefined ? 1 : repeat) : former.place + 1;
    this.announced = [...this.announced.slice(1 - REMEMBERED), { at: now, place, followed: false }];
    return refreshed !== undefined;
  }
}

function isNear(elapsed: number, period: number): boolean {
  return period > 0 && Math.abs(elapsed - period) <= TOLERANCE;
}
