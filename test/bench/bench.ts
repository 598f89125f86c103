/**
 * The benchmark: drills of each kind in the lab, summed up as a table and as JSON. Its exit status says whether it could
 * measure, not whether the goals were met: docs/benchmarks.md.
 */
import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { BUILD_COMMIT, VERSION } from '../../agent/version';
import { ROOT } from '../../deploy/lab/host';
import { BUSY_KINDS, runBusy } from './busy';
import { chartOf } from './compare/chart';
import { type Comparison, runComparison } from './compare/comparison';
import { FAILURE_KINDS, titleOf } from './compare/kinds';
import { comparisonJson, formatComparison } from './compare/report';
import { SYSTEMS } from './compare/systems';
import { type DrillOptions, runFault, runReturn } from './drill';
import { FAULTS } from './faults';
import { QUIET, readBusy, readMachine } from './machine';
import { MASS_FAULTS, runMass } from './mass';
import { type BenchReport, formatGoalSum, formatKind, formatMachine } from './report';
import type { KindReport, TimedReport } from './result';
import { SCALE_KINDS } from './scale';
import { runStartup } from './startup';
import { randomSource } from './statistics';
import { runSteady } from './steady';

const DEFAULT_DRILLS = 20;
const EXIT_USAGE = 64;
const LARGEST_SEED = 2 ** 32;

type Kind = readonly [name: string, run: (options: DrillOptions) => Promise<KindReport>];

const KINDS: readonly Kind[] = [
  ...FAULTS.map((fault): Kind => [fault.kind, (options) => runFault(fault, options)]),
  ['return', runReturn],
  ['start', runStartup],
  ...[2, 32, 128].map((peers): Kind => [`steady-${peers}`, ({ drills }) => runSteady(peers, drills)]),
  ...MASS_FAULTS.map((fault): Kind => [fault.kind, (options) => runMass(fault, options)]),
  ...SCALE_KINDS,
];

/** Only where it is asked for by name. */
const FURTHER_KINDS: readonly Kind[] = [
  ['steady-1000', ({ drills }) => runSteady(1000, drills)],
  ...BUSY_KINDS.map((busy): Kind => [busy.kind, (options) => runBusy(busy, options)]),
];

/** The kind that sets the peers up beside us. */
const COMPARE = 'compare';
const CHART = join(ROOT, 'dist', 'bench', 'comparison.html');

const USAGE = `usage: bench [--drills N] [--only KIND[,KIND...]] [--json FILE] [--chart FILE] [--seed N] [--quiet]
             [--systems NAME[,NAME...]] [--failures NAME[,NAME...]]
kinds: ${KINDS.map(([name]) => name).join(', ')}, ${COMPARE}
systems that ${COMPARE} sets up: ${SYSTEMS.map(({ name }) => name).join(', ')}
failures in it: ${FAILURE_KINDS.map(({ name }) => name).join(', ')}
and, only by name: ${FURTHER_KINDS.map(([name]) => name).join(', ')}
`;

interface Options {
  readonly drills: number;
  readonly seed: number;
  readonly kinds: readonly Kind[];
  readonly json: string | undefined;
  /** whether to set the peers up beside us, which of them, and in which failures */
  readonly compare: boolean;
  readonly systems: readonly string[] | undefined;
  readonly failures: readonly string[] | undefined;
  readonly chart: string;
  /** whether to wait before each kind until others leave the machine alone */
  readonly quiet: boolean;
}

/** @throws Error for what cannot be meant */
function wholeNumber(text: string, least: number, what: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value >= LARGEST_SEED) {
    throw new Error(`${what} takes a whole number from ${least}, not ${text}`);
  }
  return value;
}

/** @throws Error for a kind that doesn't exist */
function kindsNamed(names: string | undefined): readonly Kind[] {
  if (names === undefined) {
    return KINDS;
  }
  const all = [...KINDS, ...FURTHER_KINDS];
  return names
    .split(',')
    .filter((name) => name !== COMPARE)
    .map((name) => kindNamed(all, name));
}

function kindNamed(all: readonly Kind[], name: string): Kind {
  const kind = all.find(([candidate]) => candidate === name);
  if (kind === undefined) {
    throw new Error(`there is no kind ${name}`);
  }
  return kind;
}

/** @throws Error for a name that isn't among those that there are */
function namesAmong(known: readonly { readonly name: string }[], text: string | undefined, what: string) {
  const names = text?.split(',');
  const wrong = names?.find((name) => !known.some((each) => each.name === name));
  if (wrong !== undefined) {
    throw new Error(`there is no ${what} ${wrong}`);
  }
  return names;
}

/** @throws Error for a command line that cannot be meant */
function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      drills: { type: 'string', default: `${DEFAULT_DRILLS}` },
      only: { type: 'string' },
      json: { type: 'string' },
      chart: { type: 'string', default: CHART },
      systems: { type: 'string' },
      failures: { type: 'string' },
      seed: { type: 'string' },
      quiet: { type: 'boolean', default: false },
    },
  });
  return {
    drills: wholeNumber(values.drills, 1, '--drills'),
    seed: values.seed === undefined ? randomInt(LARGEST_SEED) : wholeNumber(values.seed, 0, '--seed'),
    kinds: kindsNamed(values.only),
    json: values.json,
    compare: values.only === undefined || values.only.split(',').includes(COMPARE),
    systems: namesAmong(SYSTEMS, values.systems, 'system'),
    failures: namesAmong(FAILURE_KINDS, values.failures, 'failure'),
    chart: values.chart,
    quiet: values.quiet,
  };
}

/** @returns how much of the machine others use, in percent; with `quiet`, once that is little */
async function settle(quiet: boolean): Promise<number> {
  for (;;) {
    const busy = await readBusy();
    if (!quiet || busy <= QUIET) {
      return busy;
    }
  }
}

/** Sets up the peers beside us, prints the tables and draws the chart. */
async function compare(options: Options, random: () => number): Promise<Comparison> {
  const { drills, seed, systems, failures, chart } = options;
  const busy = await settle(options.quiet);
  const comparison = await runComparison(
    SYSTEMS.filter(({ name }) => systems?.includes(name) !== false),
    {
      drills,
      random,
      kinds: failures,
      progress: ({ kind, system, costs }) => {
        if (process.stderr.isTTY) {
          process.stderr.write(`... ${system}: ${titleOf(kind)}, ${costs.length} drills\n`);
        }
      },
    },
  );
  process.stdout.write(`${formatComparison(comparison)}\n`);
  await mkdir(dirname(chart), { recursive: true });
  const circumstances = [
    ...formatMachine(readMachine(), seed, drills).trim().split('\n'),
    `Others used ${busy} % before.`,
  ];
  await writeFile(chart, chartOf(comparison, circumstances));
  process.stdout.write(`The chart is in ${chart}\n`);
  return comparison;
}

async function runAll(options: Options): Promise<BenchReport> {
  const { drills, seed, kinds, quiet } = options;
  const machine = readMachine();
  process.stdout.write(`${formatMachine(machine, seed, drills)}\n`);
  const random = randomSource(seed);
  const reports: TimedReport[] = [];
  for (const [name, run] of kinds) {
    if (process.stderr.isTTY) {
      process.stderr.write(`... ${name}\r`);
    }
    const busyBefore = await settle(quiet);
    const report = await run({ drills, random });
    const timed = { ...report, busyBefore, busyAfter: await readBusy() };
    reports.push(timed);
    process.stdout.write(`${formatKind(timed)}\n`);
  }
  const comparison = options.compare ? await compare(options, random) : undefined;
  process.stdout.write(formatGoalSum(reports));
  return {
    version: `${VERSION} (${BUILD_COMMIT})`,
    machine,
    seed,
    drills,
    kinds: reports,
    ...(comparison === undefined ? {} : { comparison: comparisonJson(comparison) }),
  };
}

async function main(): Promise<void> {
  let options: Options;
  try {
    options = readOptions();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  try {
    const report = await runAll(options);
    if (options.json !== undefined) {
      await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
    }
  } catch (error) {
    process.stderr.write(`The benchmark ended: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
  // A lab that failed may have left a stream's timers behind; the sandbox ends with us.
  process.exit();
}

void main();
