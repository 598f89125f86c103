/**
 * What each of many does once a period, one after the other and evenly spread over it. Never reads a clock; times are ms of a
 * monotonic clock.
 */
export class Beat {
  readonly #count: number;
  readonly #period: number;
  readonly #start: number;
  #turn = 0;

  /** @param start the first one's first turn */
  constructor(count: number, period: number, start: number) {
    this.#count = count;
    this.#period = period;
    this.#start = start;
  }

  /** The next turn; infinite where there is nobody. */
  get wakeAt(): number {
    if (this.#count === 0) {
      return Number.POSITIVE_INFINITY;
    }
    return this.#start + (this.#turn * this.#period) / this.#count;
  }

  /** @returns whose turn has come, 0 to below `count`; what is more than a period late is left out */
  due(now: number): number[] {
    const due: number[] = [];
    if (now < this.wakeAt) {
      return due;
    }
    const turns = Math.floor(((now - this.#start) * this.#count) / this.#period) + 1;
    this.#turn = Math.max(this.#turn, turns - this.#count);
    for (; this.wakeAt <= now; this.#turn++) {
      due.push(this.#turn % this.#count);
    }
    return due;
  }
}
