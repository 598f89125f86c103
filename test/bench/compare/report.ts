import { summarize } from '../statistics';
import type { Cell, Comparison } from './comparison';
import { titleOf } from './kinds';
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
    title: 'packets lost at 1000 a second, the worse direction (ms)',
    of: ({ toward, from }) =>
      toward === undefined || from === undefined ? undefined : Math.max(toward, from),
  },
  { name: 'toward', title: 'packets lost, sent by the failed host (ms)', of: ({ toward }) => toward },
  { name: 'from', title: 'packets lost, sent to the failed host (ms)', of: ({ from }) => from },
  { name: 'stall', title: 'TCP request to answer, the longest (ms)', of: ({ stall }) => stall },
];

/** What one system did in one kind of failure, by one measure. */
export interface Entry {
  readonly kind: string;
  readonly system: string;
  readonly median: number;
  readonly p95: number;
  readonly maximum: number;
  /** how many times as long as ours took; one packet is the least that counts, on both sides */
  readonly ratio: number;
}

/** The resolution of what is measured, in ms: a packet. */
const RESOLUTION = 1;
/** Ours, to which the others are set in relation. */
export const REFERENCE = ['multihomed-beacons', 'multihomed'];

/** The entries of a measure; none for what wasn't measured. */
export function entriesOf(comparison: Comparison, measure: Measure): readonly Entry[] {
  const reference = REFERENCE.find((name) => comparison.systems.some((system) => system.name === name));
  const summaries = comparison.cells.flatMap((cell) => {
    const values = cell.costs.map(measure.of).filter((value) => value !== undefined);
    return values.length === 0 ? [] : [{ cell, summary: summarize(values) }];
  });
  return summaries.map(({ cell, summary }) => {
    const ours = summaries.find((each) => each.cell.kind === cell.kind && each.cell.system === reference);
    return {
      kind: cell.kind,
      system: cell.system,
      ...summary,
      ratio: ratio(summary.median, ours?.summary.median),
    };
  });
}

function ratio(theirs: number, ours: number | undefined): number {
  return ours === undefined ? Number.NaN : Math.max(theirs, RESOLUTION) / Math.max(ours, RESOLUTION);
}

/** A number of ms; what lasted longer than was watched is `never`. */
export function formatTime(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return 'never';
  return Number.isNaN(ms) ? '-' : ms.toFixed(ms > 0 && ms < 10 ? 1 : 0);
}

function formatRatio(value: number): string {
  if (Number.isNaN(value)) return '';
  if (value === Number.POSITIVE_INFINITY) return '';
  return `${value.toFixed(value < 10 ? 1 : 0)}x`;
}

const KIND_WIDTH = 46;
const NUMBER_WIDTH = 9;

/** One table for each measure: a block for each kind of failure, a line for each system, ours first. */
export function formatComparison(comparison: Comparison): string {
  const { systems, skipped } = comparison;
  const reference = REFERENCE.find((name) => systems.some((system) => system.name === name));
  const lines = [
    'Comparison: the same failures, in the same run and on the same kind of lab. Ratios of the medians, to',
    `${reference ?? 'nothing'}; one packet is the least that counts. "never": not over when the watch ended.`,
    ...systems.map(({ name, title }) => `  ${name.padEnd(24)}${title}`),
    ...skipped.map(({ system, reason }) => `  ${system.padEnd(24)}skipped: ${reason}`),
    '',
  ];
  for (const measure of MEASURES.filter(({ name }) => name === 'outage' || name === 'stall')) {
    lines.push(...formatMeasure(comparison, measure), '');
  }
  return lines.join('\n');
}

function formatMeasure(comparison: Comparison, measure: Measure): string[] {
  const entries = entriesOf(comparison, measure);
  const head = ['median', '95 %', 'maximum', 'ratio'].map((title) => title.padStart(NUMBER_WIDTH)).join('');
  const kinds = [...new Set(comparison.cells.map(({ kind }) => kind))];
  return [
    measure.title,
    ''.padEnd(KIND_WIDTH) + head,
    ...kinds.flatMap((kind) => [
      titleOf(kind),
      ...comparison.systems.map(({ name }) => {
        const entry = entries.find((each) => each.kind === kind && each.system === name);
        const cell = comparison.cells.find((each) => each.kind === kind && each.system === name);
        return `  ${name.padEnd(KIND_WIDTH - 2)}${formatEntry(entry, cell)}`.trimEnd();
      }),
    ]),
  ];
}

function formatEntry(entry: Entry | undefined, cell: Cell | undefined): string {
  const failure = cell?.failure === undefined ? '' : `  ended: ${cell.failure}`;
  if (entry === undefined) return `${'-'.padStart(NUMBER_WIDTH)}${failure}`;
  const { median, p95, maximum } = entry;
  const numbers = [...[median, p95, maximum].map(formatTime), formatRatio(entry.ratio)];
  return numbers.map((text) => text.padStart(NUMBER_WIDTH)).join('') + failure;
}

/** For JSON, which has no infinity. */
export function comparisonJson(comparison: Comparison): object {
  const plain = (cost: Cost) =>
    Object.fromEntries(
      Object.entries(cost).map(([key, value]) => [
        key,
        value === undefined
          ? null
          : value === Number.POSITIVE_INFINITY
            ? 'never'
            : Math.round(value * 1000) / 1000,
      ]),
    );
  return {
    ...comparison,
    cells: comparison.cells.map((cell) => ({ ...cell, costs: cell.costs.map(plain) })),
    summaries: Object.fromEntries(
      MEASURES.map((measure) => [
        measure.name,
        entriesOf(comparison, measure).map((entry) => ({
          ...entry,
          ...Object.fromEntries(
            (['median', 'p95', 'maximum', 'ratio'] as const).map((key) => [
              key,
              Number.isFinite(entry[key]) ? Math.round(entry[key] * 1000) / 1000 : 'never',
            ]),
          ),
        })),
      ]),
    ),
  };
}
