import { type Machine, QUIET } from './machine';
import type { KindReport, Measured, TimedReport } from './result';

/** Everything that one run measured, as `--json` writes it. */
export interface BenchReport {
  readonly version: string;
  readonly machine: Machine;
  /** of the random waits before the faults */
  readonly seed: number;
  readonly drills: number;
  readonly kinds: readonly TimedReport[];
  /** with the peers, where they were set up */
  readonly comparison?: object;
}

const NAME_WIDTH = 40;
const NUMBER_WIDTH = 10;

export function formatMachine(machine: Machine, seed: number, drills: number): string {
  const { date, kernel, node, cores, processor, memoryMiB } = machine;
  return [
    `${date}  ${kernel}  Node.js ${node}`,
    `${cores} cores (${processor}), ${memoryMiB} MiB; ${drills} drills of each kind, seed ${seed}`,
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

function formatBusy({ busyBefore, busyAfter }: TimedReport): string {
  const quiet = Math.max(busyBefore, busyAfter) <= QUIET;
  const warning = quiet ? '' : ': not quiet, so times are longer than on a machine of its own';
  return `others used ${busyBefore} % before, ${busyAfter} % after${warning}`;
}

/** A table of one kind of drill. */
export function formatKind(report: TimedReport): string {
  const head = ['median', '95 %', 'maximum'].map((title) => title.padStart(NUMBER_WIDTH)).join('');
  return [
    `${report.kind}: ${report.title}`,
    ...report.circumstances.map((line) => `  ${line}`),
    `  ${formatBusy(report)}`,
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
