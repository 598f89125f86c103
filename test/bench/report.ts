import { type Machine, QUIET } from './machine';
import type { KindReport, Measured } from './result';

/** Everything that one run measured, as `--json` writes it. */
export interface BenchReport {
  readonly version: string;
  readonly machine: Machine;
  /** of the random waits before the faults */
  readonly seed: number;
  readonly drills: number;
  readonly kinds: readonly KindReport[];
}

const NAME_WIDTH = 40;
const NUMBER_WIDTH = 10;

export function formatMachine(machine: Machine, seed: number, drills: number): string {
  const quiet =
    machine.busy <= QUIET
      ? ''
      : `\nOthers use ${machine.busy} % of this machine: expect longer times than on a quiet one.`;
  return [
    `${machine.date}  ${machine.kernel}  Node.js ${machine.node}  ${machine.cores} cores (${machine.processor})`,
    `load ${machine.load.toFixed(2)}, used by others ${machine.busy} %; ${drills} drills of each kind, seed ${seed}${quiet}`,
    '',
  ].join('\n');
}

function formatNumber(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(value < 10 ? 1 : 0);
}

function formatGoals({ goals }: Measured): string {
  return goals
    .map(
      ({ statistic, limit, met }) =>
        `${statistic} ${limit === 0 ? '0' : `<= ${limit}`}: ${met ? 'met' : 'MISSED'}`,
    )
    .join(', ');
}

function formatRow(metric: Measured): string {
  const numbers = [metric.median, metric.p95, metric.maximum].map((value) =>
    formatNumber(value).padStart(NUMBER_WIDTH),
  );
  const name = `${metric.name} [${metric.unit}]`.padEnd(NAME_WIDTH);
  return `  ${name}${numbers.join('')}  ${formatGoals(metric)}`.trimEnd();
}

/** A table of one kind of drill. */
export function formatKind(report: KindReport): string {
  const head = ['median', '95 %', 'maximum'].map((title) => title.padStart(NUMBER_WIDTH)).join('');
  return [
    `${report.kind}: ${report.title}`,
    ...report.circumstances.map((line) => `  ${line}`),
    `  ${''.padEnd(NAME_WIDTH)}${head}  goal`,
    ...report.metrics.map(formatRow),
    '',
  ].join('\n');
}

/** How many goals were met, and which were not. */
export function formatGoalSum(kinds: readonly KindReport[]): string {
  const goals = kinds.flatMap(({ kind, metrics }) =>
    metrics.flatMap(({ name, goals: each }) =>
      each.map(({ statistic, met }) => ({ met, text: `${kind}, ${name}, ${statistic}` })),
    ),
  );
  const missed = goals.filter(({ met }) => !met);
  return [
    `${goals.length - missed.length} of ${goals.length} goals met.`,
    ...missed.map(({ text }) => `  missed: ${text}`),
    '',
  ].join('\n');
}
