/**
 * Real applications through failures: `make drill-apps`. Exit status 0 where every session was held, 1 where one was lost or
 * something failed, 64 for a command line that cannot be meant, 69 where none of the applications can run here.
 */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { BUILD_COMMIT, VERSION } from '../../../agent/version';
import { readBusy, readMachine } from '../machine';
import { namesAmong, optionsOrUsage, wholeNumber } from '../options';
import { formatMachine } from '../report';
import { randomSource } from '../statistics';
import type { Application } from './application';
import { drill, type Outcome } from './drill';
import { ERLANG } from './erlang';
import { IPERF, IPERF_FIFO } from './iperf';
import { POSTGRES } from './postgres';
import { REDIS } from './redis';
import { SSH } from './ssh';
import { type Cell, cellsOf, formatTable } from './table';

const APPLICATIONS: readonly Application[] = [ERLANG, POSTGRES, SSH, IPERF, REDIS];
/** Only where it is asked for by name. */
const FURTHER: readonly Application[] = [IPERF_FIFO];
const NAMES = [...APPLICATIONS, ...FURTHER].map(({ name }) => name);
const EXIT_UNAVAILABLE = 69;
const SEEDS = 2 ** 32;
const USAGE = `usage: drill-apps [--drills N] [--only NAME[,NAME...]] [--beacons] [--json FILE] [--seed N]
applications: ${APPLICATIONS.map(({ name }) => name).join(', ')}; only by name: ${FURTHER.map(({ name }) => name).join(', ')}
`;

interface Options {
  readonly drills: number;
  readonly beacons: boolean;
  readonly seed: number;
  readonly applications: readonly Application[];
  readonly json: string | undefined;
}

/** What one application went through. */
interface Report {
  readonly application: string;
  readonly title: string;
  /** why it couldn't run */
  readonly skipped?: string;
  readonly cells: readonly Cell[];
  readonly outcomes: readonly Outcome[];
  /** percent of the machine that others used before and after */
  readonly busy?: readonly [before: number, after: number];
}

/** @throws Error for a command line that cannot be meant */
function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      drills: { type: 'string', default: '3' },
      only: { type: 'string' },
      beacons: { type: 'boolean', default: false },
      json: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  const names = namesAmong(NAMES, values.only, 'application');
  return {
    drills: wholeNumber(values.drills, 1, '--drills'),
    beacons: values.beacons,
    seed: values.seed === undefined ? randomInt(SEEDS) : wholeNumber(values.seed, 0, '--seed'),
    applications:
      names === undefined
        ? APPLICATIONS
        : [...APPLICATIONS, ...FURTHER].filter(({ name }) => names.includes(name)),
    json: values.json,
  };
}

async function runOne(application: Application, options: Options, random: () => number): Promise<Report> {
  const { name, title } = application;
  const skipped = application.unavailable();
  if (skipped !== undefined) {
    process.stdout.write(`${title}\n  skipped: ${skipped}\n\n`);
    return { application: name, title, skipped, cells: [], outcomes: [] };
  }
  const before = await readBusy();
  const outcomes = await drill(application, { ...options, random });
  const cells = cellsOf(outcomes);
  const busy = [before, await readBusy()] as const;
  process.stdout.write(formatTable(`${title}; others used ${busy[0]} % before, ${busy[1]} % after`, cells));
  process.stdout.write('\n');
  return { application: name, title, cells, outcomes, busy };
}

/** @returns the exit status */
async function runAll(options: Options): Promise<number> {
  const { drills, seed, beacons, json } = options;
  const machine = readMachine();
  const random = randomSource(seed);
  process.stdout.write(`${formatMachine(machine, seed, drills)}\n`);
  const reports: Report[] = [];
  for (const application of options.applications) {
    reports.push(await runOne(application, options, random));
  }
  const report = {
    version: `${VERSION} (${BUILD_COMMIT})`,
    machine,
    seed,
    drills,
    beacons,
    applications: reports,
  };
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  const outcomes = reports.flatMap((each) => each.outcomes);
  const lost = outcomes.filter(({ held }) => !held).length;
  const skipped = reports.filter((each) => each.skipped !== undefined).length;
  process.stdout.write(
    `${outcomes.length} events, ${lost} sessions lost, ${skipped} of ${reports.length} applications skipped.\n`,
  );
  if (outcomes.length === 0) return EXIT_UNAVAILABLE;
  return lost === 0 ? 0 : 1;
}

async function main(): Promise<void> {
  const options = optionsOrUsage(() => readOptions(process.argv.slice(2)), USAGE);
  if (options === undefined) return;
  try {
    process.exitCode = await runAll(options);
  } catch (error) {
    process.stderr.write(`The drills ended: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
  // An application that failed may have left timers behind; the sandbox ends with us.
  process.exit();
}

void main();
