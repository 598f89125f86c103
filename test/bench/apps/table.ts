import { summarize } from '../statistics';
import type { Outcome } from './drill';

/** What all drills of one event did to an application. */
export interface Cell {
  readonly event: string;
  readonly drills: number;
  readonly held: number;
  /** sessions lost, begun anew, or taken for dead */
  readonly losses: readonly string[];
  /** in ms */
  readonly stall: { readonly median: number; readonly maximum: number };
  /** of a bulk transfer: ms until it is back at 90 % of its rate, after the event and after both agents had moved the traffic */
  readonly back?: { readonly median: number; readonly maximum: number };
  readonly backAfterReroute?: { readonly median: number; readonly maximum: number };
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
    throughput === undefined ? [] : [{ back: throughput.back, reroute }],
  );
  return {
    event,
    drills: outcomes.length,
    held: outcomes.filter(({ held }) => held).length,
    losses: outcomes.flatMap(({ losses }) => losses),
    stall: summarize(outcomes.map(({ stall }) => stall)),
    ...(transfers.length > 0 && {
      back: summarize(transfers.map(({ back }) => back)),
      backAfterReroute: summarize(transfers.map(({ back, reroute }) => Math.max(0, back - reroute))),
    }),
  };
}

function number(value: number): string {
  return (Number.isNaN(value) ? 'never' : value.toFixed(value < 10 ? 1 : 0)).padStart(WIDTHS.number);
}

function row(cell: Cell): string {
  const { event, drills, held, losses, stall, back, backAfterReroute } = cell;
  const statistics = [stall, back, backAfterReroute].flatMap((each) =>
    each === undefined ? [] : [number(each.median), number(each.maximum)],
  );
  const counts = [`${held} of ${drills}`, `${losses.length}`].map((text) => text.padStart(WIDTHS.number));
  return `  ${event.padEnd(WIDTHS.event)}${[...counts, ...statistics].join('')}`;
}

/** A table of one application: what each event did to it. */
export function formatTable(title: string, cells: readonly Cell[]): string {
  const bulk = cells.some(({ back }) => back !== undefined);
  const heads = [
    'stall, med.',
    'maximum',
    ...(bulk ? ['90 %, med.', 'maximum', 'of it after', 'the reroute'] : []),
  ];
  const head = ['held', 'reconnects', ...heads].map((text) => text.padStart(WIDTHS.number)).join('');
  const losses = cells.flatMap(({ event, losses: all }) => all.map((loss) => `  ${event}: ${loss}`));
  return [title, `  ${'times in ms'.padEnd(WIDTHS.event)}${head}`, ...cells.map(row), ...losses, ''].join(
    '\n',
  );
}
