import type { ArpOptions } from './topology';

/**
 * When to announce our aliases on one link: `repeat` times `spacing` apart once the link works, then each `refresh`; and at once,
 * twice, as a hint when another link is lost. Never sends and never reads a clock; times are ms of a monotonic clock.
 */
export class Announcing {
  /** the next announcement; infinite for none */
  wakeAt = Number.POSITIVE_INFINITY;
  private running = false;
  private remaining = 0;
  private hints = 0;
  private regularAt = Number.POSITIVE_INFINITY;
  private hintAt = Number.POSITIVE_INFINITY;

  constructor(
    private options: ArpOptions,
    /** between the two announcements of a hint, in ms */
    private hintSpacing: number,
  ) {}

  /** Whether nothing is announced on this link: it doesn't work, or hasn't yet. */
  get idle(): boolean {
    return !this.running;
  }

  /** Takes new options from the next announcement on; where none was to come, the steady ones begin. */
  retime(options: ArpOptions, hintSpacing: number, now: number): void {
    this.options = options;
    this.hintSpacing = hintSpacing;
    if (!this.running || this.regularAt !== Number.POSITIVE_INFINITY) return;
    this.regularAt = now + this.pause();
    this.reckon();
  }

  /** The link works: announce at once, and again. */
  start(now: number): void {
    this.running = true;
    this.remaining = this.options.repeat;
    this.regularAt = now;
    this.reckon();
  }

  /** The link doesn't work: nothing to announce on it. */
  stop(): void {
    this.running = false;
    this.regularAt = Number.POSITIVE_INFINITY;
    this.hintAt = Number.POSITIVE_INFINITY;
    this.reckon();
  }

  /** Another link was lost: whoever hears us now verifies our other paths. For a link that works. */
  hint(now: number): void {
    this.hints = 2;
    this.hintAt = now;
    this.reckon();
  }

  /** Whether to announce now; the next time is set. */
  tick(now: number): boolean {
    if (now < this.wakeAt) return false;
    if (now >= this.hintAt) {
      this.hints -= 1;
      this.hintAt = this.hints > 0 ? now + this.hintSpacing : Number.POSITIVE_INFINITY;
    }
    if (now >= this.regularAt) {
      this.remaining = Math.max(0, this.remaining - 1);
      this.regularAt = now + this.pause();
    }
    this.reckon();
    return true;
  }

  private pause(): number {
    if (this.remaining > 0) return this.options.spacing;
    return this.options.refresh > 0 ? this.options.refresh : Number.POSITIVE_INFINITY;
  }

  private reckon(): void {
    this.wakeAt = Math.min(this.regularAt, this.hintAt);
  }
}
