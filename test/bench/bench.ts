/**
 * The benchmark: drills of each kind in the lab, summed up as a table and as JSON. Its exit status says whether it could
 * measure, not whether the goals were met: docs/benchmarks.md.
 */
import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BUILD_COMMIT, VERSION } from '../../agent/version';
import { ROOT } from '../../deploy/lab/host';
import { BUSY_KINDS, runBusy } from './busy';
import { chartOf } from './compare/chart';
import type { Cell } from './compare/comparison';
import { FAILURE_KINDS, titleOf } from './compare/kinds';
import { runComparison } from './compare/run';
import { comparisonJson, entriesOf, formatEntry, MEASURES } from './compare/summary';
import { CONTENDERS } from './compare/systems';
import { formatComparison } from './compare/table';
import { type DrillOptions, runFault, runReturn } from './drill';
import { FAULTS } from './faults';
import { FLEET_SIZES, runFleet } from './fleet';
import { QUIET, readBusy, readMachine } from './machine';
import { MASS_FAULTS, runMass } from './mass';
import { type Names, type Options, optionsOrUsage, readOptions } from './options';
import { OUTAGES, runOutage } from './outage';
import { type BenchReport, formatGoalSum, formatKind, formatMachine } from './report';
import type { KindReport, TimedReport } from './result';
import { runRouteMetrics } from './route-metrics';
import { SCALE_KINDS } from './scale';
import { runStartup } from './startup';
import { randomSource } from './statistics';
import { runSteady } from './steady';

const SEEDS = 2 ** 32;

type Kind = readonly [name: string, run: (options: DrillOptions) => Promise<KindReport>];

const fleetKind = (hosts: number): Kind => [`fleet-${hosts}`, (options) => runFleet(hosts, options)];

const KINDS: readonly Kind[] = [
  ...FAULTS.map((fault): Kind => [fault.kind, (options) => runFault(fault, options)]),
  ['return', runReturn],
  ['start', runStartup],
  ...[2, 32, 128].map((peers): Kind => [`steady-${peers}`, ({ drills }) => runSteady(peers, drills)]),
  ...MASS_FAULTS.map((fault): Kind => [fault.kind, (options) => runMass(fault, options)]),
  ...SCALE_KINDS,
  ...FLEET_SIZES.slice(0, -1).map(fleetKind),
];

/** Only where it is asked for by name. */
const FURTHER_KINDS: readonly Kind[] = [
  ...FLEET_SIZES.slice(-1).map(fleetKind),
  ['steady-1000', ({ drills }) => runSteady(1000, drills)],
  ['route-metrics', runRouteMetrics],
  ...OUTAGES.map((outage): Kind => [outage.kind, (options) => runOutage(outage, options)]),
  ...BUSY_KINDS.map((busy): Kind => [busy.kind, (options) => runBusy(busy, options)]),
];

const NAMES: Names = {
  kinds: [...KINDS, ...FURTHER_KINDS].map(([name]) => name),
  systems: CONTENDERS.map(({ system }) => system.name),
  failures: FAILURE_KINDS.map(({ name }) => name),
};

const USAGE = `usage: bench [--drills N] [--only KIND[,KIND...]] [--json FILE] [--seed N] [--quiet]
             [--compare] [--systems NAME[,NAME...]] [--failures NAME[,NAME...]] [--chart FILE]
kinds: ${KINDS.map(([name]) => name).join(', ')}
and, only by name: ${FURTHER_KINDS.map(([name]) => name).join(', ')}
systems that --compare sets up: ${NAMES.systems.join(', ')}
failures that befall them: ${NAMES.failures.join(', ')}
`;

const CHART = join(ROOT, 'dist', 'bench', 'comparison.html');
/** Of a line that goes to a file. */
const DEFAULT_WIDTH = 160;

/** @returns how much of the machine others use, in percent; with `quiet`, once that is little */
async function settle(quiet: boolean): Promise<number> {
  for (;;) {
    const busy = await readBusy();
    if (!quiet || busy <= QUIET) {
      return busy;
    }
  }
}

async function runKinds(options: Options, random: () => number): Promise<TimedReport[]> {
  const kinds = [...KINDS, ...FURTHER_KINDS].filter(([name]) => options.kinds?.includes(name));
  const reports: TimedReport[] = [];
  for (const [name, run] of options.kinds === undefined ? KINDS : kinds) {
    if (process.stderr.isTTY) {
      process.stderr.write(`... ${name}\r`);
    }
    const busyBefore = await settle(options.quiet);
    const report = await run({ drills: options.drills, random });
    const timed = { ...report, busyBefore, busyAfter: await readBusy() };
    reports.push(timed);
    process.stdout.write(`${formatKind(timed)}\n`);
  }
  if (reports.length > 0) {
    process.stdout.write(`${formatGoalSum(reports)}\n`);
  }
  return reports;
}

/** A line for what a system did in some drills of a kind: a comparison takes long. */
function tellProgress({ kind, system, costs }: Cell): void {
  const measured = { drills: 0, systems: [], skipped: [], cells: [{ kind, system, costs }], troubles: [] };
  const numbers = MEASURES.flatMap((measure) =>
    entriesOf(measured, measure).map((entry) => `${measure.name} ${formatEntry(entry)}`),
  );
  process.stdout.write(`  ${system}, ${titleOf(kind)}, ${costs.length} drills: ${numbers.join(', ')}\n`);
}

/**
 * Sets up the peers beside us, prints the tables and draws the chart.
 *
 * @returns for the JSON, and whether everything was measured
 */
async function compare(
  options: Options,
  random: () => number,
  circumstances: string,
): Promise<{ readonly json: object; readonly complete: boolean }> {
  const busyBefore = await settle(options.quiet);
  process.stdout.write(`compare: others used ${busyBefore} % before\n`);
  const comparison = await runComparison(
    CONTENDERS.filter(({ system }) => options.systems?.includes(system.name) !== false),
    { drills: options.drills, random, kinds: options.failures, progress: tellProgress },
  );
  const busyAfter = await readBusy();
  process.stdout.write(`\n${formatComparison(comparison, process.stdout.columns ?? DEFAULT_WIDTH)}`);
  const chart = options.chart ?? options.json?.replace(/(\.json)?$/, '.html') ?? CHART;
  const others = `Others used ${busyBefore} % of the machine before, ${busyAfter} % after.`;
  await mkdir(dirname(chart), { recursive: true });
  await writeFile(chart, chartOf(comparison, [...circumstances.trim().split('\n'), others]));
  process.stdout.write(`${others}\nThe chart is in ${chart}\n`);
  return {
    json: { ...comparisonJson(comparison), busyBefore, busyAfter },
    complete: comparison.troubles.length === 0,
  };
}

/** @returns whether everything was measured */
async function runAll(options: Options): Promise<boolean> {
  const { drills, json } = options;
  const machine = readMachine();
  const seed = options.seed ?? randomInt(SEEDS);
  const random = randomSource(seed);
  const circumstances = formatMachine(machine, seed, drills);
  process.stdout.write(`${circumstances}\n`);
  const save = async (report: BenchReport): Promise<void> => {
    if (json !== undefined) {
      await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
    }
  };
  const kinds = await runKinds(options, random);
  const report = { version: `${VERSION} (${BUILD_COMMIT})`, machine, seed, drills, kinds };
  await save(report);
  if (!options.compare) {
    return true;
  }
  const comparison = await compare(options, random, circumstances);
  await save({ ...report, comparison: comparison.json });
  return comparison.complete;
}

async function main(): Promise<void> {
  const options = optionsOrUsage(() => readOptions(process.argv.slice(2), NAMES), USAGE);
  if (options === undefined) return;
  try {
    process.exitCode = (await runAll(options)) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`The benchmark ended: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
  // A lab that failed may have left a stream's timers behind; the sandbox ends with us.
  process.exit();
}

void main();
