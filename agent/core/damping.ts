/** A path that went down again doubles its hold, up to this factor. */
const MAXIMUM_FACTOR = 64;
/** A fall within this many holds after the return counts as flapping. */
const FLAP_WINDOW = 5;

/** How long a path that flaps has to wait for its return: twice as long each time, and from the beginning once it has stood. */
export class Damping {
  private factor = 1;
  /** whether it was ever trusted: its first coming is no return */
  private wasUp = false;
  /** when it was last trusted again after having been down; undefined once that has been judged */
  private returnedAt: number | undefined;

  /** The hold that the next return needs, in ms; `hold` is that of a path which doesn't flap. */
  hold(hold: number): number {
    return hold * this.factor;
  }

  /** It is trusted, after it was not. */
  rise(now: number): void {
    this.returnedAt = this.wasUp ? now : undefined;
    this.wasUp = true;
  }

  /** It is down. */
  fall(now: number, hold: number): void {
    if (this.returnedAt === undefined) return;
    const flapped = now - this.returnedAt < FLAP_WINDOW * this.hold(hold);
    this.factor = flapped ? Math.min(this.factor * 2, MAXIMUM_FACTOR) : 1;
    this.returnedAt = undefined;
  }
}
