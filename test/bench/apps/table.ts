import { type Summary, summarize } from '../statistics';
import type { Outcome } from './drill';

/** What all drills of one event did to an application. */
export interface Cell {
  readonly event: string;
  readonly drills: number;
  readonly held: number;
  /** sessions lost, begun anew, or taken for dead */
  readonly losses: readonly string[];
  /** paths that were taken for dead and were not */
  readonly mistakes: number;
  /** by what is measured, in ms */
  readonly measures: Readonly<Record<string, Summary>>;
}

const WIDTHS = { event: 18, number: 12 } as const;

/** @returns a cell for each event, in the order in which they came first */
export function cellsOf(outcomes: readonly Outcome[]): Cell[] {
  const names = [...new Set(outcomes.map(({ event }) => event))];
  return names.map((event) =>
    cellOf(
      event,
      outcomes.filter((outcome) => outcome.event === event),
    ),
  );
}

function cellOf(event: string, outcomes: readonly Outcome[]): Cell {
  const transfers = outcomes.flatMap(({ throughput, reroute }) =>
    throughput === undefined ? [] : [{ ...throughput, afterReroute: Math.max(0, throughput.back - reroute) }],
  );
  return {
    event,
    drills: outcomes.length,
    held: outcomes.filter(({ held }) => held).length,
    losses: outcomes.flatMap(({ losses }) => losses),
    mistakes: outcomes.reduce((sum, { mistakes }) => sum + mistakes, 0),
    measures: {
      'longest stall': summarize(outcomes.map(({ stall }) => stall)),
      ...(transfers.length > 0 && {
        '90 % of rate after': summarize(transfers.map(({ back }) => back)),
        'of it past reroute': summarize(transfers.map(({ afterReroute }) => afterReroute)),
        'missing of 500 ms': summarize(transfers.map(({ missing }) => missing)),
      }),
    },
  };
}

function number(value: number): string {
  return Number.isFinite(value) ? value.toFixed(value < 10 ? 1 : 0) : 'never';
}

function line(event: string, columns: readonly string[]): string {
  return `  ${event.padEnd(WIDTHS.event)}${columns.map((text) => text.padStart(WIDTHS.number)).join('')}`;
}

function row({ event, drills, held, losses, mistakes, measures }: Cell): string {
  const numbers = Object.values(measures).flatMap(({ median, maximum }) => [number(median), number(maximum)]);
  return line(event, [`${held} of ${drills}`, `${losses.length}`, `${mistakes}`, ...numbers]);
}

/** A table of one application: what each event did to it. */
export function formatTable(title: string, cells: readonly Cell[]): string {
  const measures = Object.keys(cells[0]?.measures ?? {});
  const groups = measures.map((measure) => measure.padStart(2 * WIDTHS.number)).join('');
  return [
    title,
    line('times in ms', ['', '', '']) + groups,
    line('', ['held', 'reconnects', 'false downs', ...measures.flatMap(() => ['median', 'maximum'])]),
    ...cells.map(row),
    ...cells.flatMap(({ event, losses }) => losses.map((loss) => `  ${event}: ${loss}`)),
    '',
  ].join('\n');
}
