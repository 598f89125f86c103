import { type Summary, summarize } from '../statistics';
import type { Comparison } from './comparison';
import type { Cost } from './traffic';

/** What is compared: one number of each failure. */
export interface Measure {
  readonly name: string;
  readonly title: string;
  of(cost: Cost): number | undefined;
}

export const MEASURES: readonly Measure[] = [
  {
    name: 'outage',
    title: 'UDP packets lost at 1000 a second, the worse direction (ms)',
    of: ({ toward, from }) =>
      toward === undefined || from === undefined ? undefined : Math.max(toward, from),
  },
  {
    name: 'toward',
    title: 'UDP packets lost at 1000 a second, from alpha to beta (ms)',
    of: ({ toward }) => toward,
  },
  {
    name: 'from',
    title: 'UDP packets lost at 1000 a second, from beta to alpha (ms)',
    of: ({ from }) => from,
  },
  { name: 'stall', title: 'TCP, longest time from request to answer (ms)', of: ({ stall }) => stall },
];

/** What one system did in one kind of failure, by one measure. */
export interface Entry extends Summary {
  readonly kind: string;
  readonly system: string;
  /** how many there are */
  readonly samples: number;
  /**
   * how many times as long as ours took, by the medians; infinite where it never ended, undefined for ours itself and
   * where ours wasn't measured
   */
  readonly ratio: number | undefined;
}

/** The least time that counts in a ratio, on both sides, in ms: between two packets. */
const RESOLUTION = 1;

/** @returns how many times as long as ours, both infinite counted as equal */
export function ratioOf(theirs: number, ours: number): number {
  return theirs === ours ? 1 : Math.max(theirs, RESOLUTION) / Math.max(ours, RESOLUTION);
}

/** The entries of a measure; none for what wasn't measured. */
export function entriesOf({ cells, systems }: Comparison, measure: Measure): readonly Entry[] {
  const plain = cells.flatMap(({ kind, system, costs }) => {
    const values = costs.map(measure.of).filter((value) => value !== undefined);
    return values.length === 0 ? [] : [{ kind, system, samples: values.length, ...summarize(values) }];
  });
  return plain.map((entry) => {
    const against = systems.find(({ name }) => name === entry.system)?.against;
    const ours = plain.find(({ kind, system }) => kind === entry.kind && system === against);
    const ratio = ours === undefined || ours === entry ? undefined : ratioOf(entry.median, ours.median);
    return { ...entry, ratio };
  });
}

/** A number of ms; what lasted as long as was watched is `never`. */
export function formatTime(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) {
    return 'never';
  }
  return ms.toFixed(Number.isInteger(ms) || ms >= 10 ? 0 : 1);
}

/** Median and 95th percentile. */
export function formatEntry({ median, p95 }: Summary): string {
  const both = median === p95 && median === Number.POSITIVE_INFINITY;
  return both ? formatTime(median) : `${formatTime(median)} (${formatTime(p95)})`;
}

/** JSON knows neither infinity nor so many digits. */
function plainNumber(_key: string, value: unknown): unknown {
  if (typeof value !== 'number') {
    return value;
  }
  return value === Number.POSITIVE_INFINITY ? 'never' : Math.round(value * 1000) / 1000;
}

/** Everything, with the summaries: `never` for what lasted as long as was watched, no member for what isn't measured. */
export function comparisonJson(comparison: Comparison): object {
  const summaries = Object.fromEntries(
    MEASURES.map((measure) => [measure.name, entriesOf(comparison, measure)]),
  );
  return JSON.parse(JSON.stringify({ ...comparison, summaries }, plainNumber)) as object;
}
