/** At least this many ms between two defences of an address (RFC 5227, 1.1: DEFEND_INTERVAL). */
export const DEFEND_INTERVAL = 10_000;

/**
 * Another host uses one of our aliases: what to do about each frame that shows it. RFC 5227, 2.4 (c): the alias carries sessions,
 * so it is never given up; it is defended by one announcement an interval, and the operator is told as often.
 */
export class Conflict {
  private defendedAt = Number.NEGATIVE_INFINITY;

  /** Whether to announce the alias and tell the operator now, at `now` ms. */
  defend(now: number): boolean {
    if (now - this.defendedAt < DEFEND_INTERVAL) return false;
    this.defendedAt = now;
    return true;
  }
}
