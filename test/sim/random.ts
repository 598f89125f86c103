/** A seeded generator of random numbers (mulberry32): the same seed gives the same numbers on every machine. */
export class Random {
  private state: number;

  /** `seed` is taken modulo 2³². */
  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  }

  /** An integer from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  chance(probability: number): boolean {
    // No number is drawn for what cannot happen, so that a lossless run is the same with or without the question.
    return probability > 0 && this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** A generator of its own, whose numbers don't depend on how many were drawn elsewhere later. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 0x100000000));
  }
}
