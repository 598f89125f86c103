/** What is said of many measurements of one thing. */
export interface Summary {
  readonly median: number;
  /** 95th percentile */
  readonly p95: number;
  readonly maximum: number;
}

export type Statistic = keyof Summary;

/**
 * The smallest sample that at least a share of all samples doesn't exceed (nearest rank): always a value that was measured.
 *
 * @param share above 0, up to 1
 */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
}

/** @returns NaN for each where there is no sample */
export function summarize(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((one, other) => one - other);
  return { median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), maximum: quantile(sorted, 1) };
}

/**
 * A repeatable source of numbers from 0 to below 1 (mulberry32).
 *
 * @param seed 32 bits
 */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
