import type { ArpOptions } from './topology';

/** How far an announcement may miss its time and still count as scheduled, in ms: its sender may be busy. */
const TOLERANCE = 100;
/** Announcements remembered: the repetitions at the start and the steady one before. */
const REMEMBERED = 8;

/**
 * The announcements of one peer on one link. The whole cluster has one configuration, so each follows another by `spacing` or `refresh`;
 * one that doesn't is a hint that something happened to the peer.
 */
export class Schedule {
  private times: number[] = [];

  /** Takes an announcement at `now` ms; whether it was to be expected. */
  take(now: number, { spacing, refresh }: ArpOptions): boolean {
    const expected = this.times.some((time) => isNear(now - time, spacing) || isNear(now - time, refresh));
    this.times = [...this.times.slice(1 - REMEMBERED), now];
    return expected;
  }
}

function isNear(elapsed: number, period: number): boolean {
  return period > 0 && Math.abs(elapsed - period) <= TOLERANCE;
}
