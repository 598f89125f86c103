/**
 * How much may be spent in any second: a token bucket that holds half of it, and gains the other half in a second. Never reads a clock;
 * times are ms of a monotonic clock.
 */
export class Budget {
  private tokens: number;
  private filledAt: number;

  constructor(
    private readonly perSecond: number,
    now: number,
  ) {
    this.tokens = this.capacity;
    this.filledAt = now;
  }

  /** Whether `cost` can be spent now. What costs more than the bucket holds is allowed when it is full. */
  allows(cost: number, now: number): boolean {
    this.fill(now);
    return this.tokens >= Math.min(cost, this.capacity);
  }

  spend(cost: number): void {
    this.tokens -= cost;
  }

  private get capacity(): number {
    return this.perSecond / 2;
  }

  private fill(now: number): void {
    this.tokens = Math.min(this.capacity, this.tokens + ((now - this.filledAt) / 1000) * this.capacity);
    this.filledAt = now;
  }
}
