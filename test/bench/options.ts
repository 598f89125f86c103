import { parseArgs } from 'node:util';

/** What a command line asks for; undefined stands for all. */
export interface Options {
  readonly drills: number;
  /** undefined where it is left to chance */
  readonly seed: number | undefined;
  /** kinds of drill; none where only the comparison is asked for */
  readonly kinds: readonly string[] | undefined;
  /** whether to set up the peers beside us, which systems, and in which failures */
  readonly compare: boolean;
  readonly systems: readonly string[] | undefined;
  readonly failures: readonly string[] | undefined;
  readonly json: string | undefined;
  readonly chart: string | undefined;
  /** whether to wait before each kind until others leave the machine alone */
  readonly quiet: boolean;
}

/** The names that there are. */
export interface Names {
  readonly kinds: readonly string[];
  readonly systems: readonly string[];
  readonly failures: readonly string[];
}

const DEFAULT_DRILLS = '20';
/** Seeds have 32 bits; no other number needs more. */
const NUMBERS = 2 ** 32;

/** @throws Error for what cannot be meant */
export function wholeNumber(text: string, least: number, what: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value >= NUMBERS) {
    throw new Error(`${what} takes a whole number from ${least}, not ${text}`);
  }
  return value;
}

/** @throws Error for a name that isn't among those that there are */
export function namesAmong(
  known: readonly string[],
  text: string | undefined,
  what: string,
): string[] | undefined {
  const names = text?.split(',');
  const wrong = names?.find((name) => !known.includes(name));
  if (wrong !== undefined) {
    throw new Error(`there is no ${what} ${wrong}`);
  }
  return names;
}

/** @throws Error for a command line that cannot be meant */
export function readOptions(args: readonly string[], names: Names): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      drills: { type: 'string', default: DEFAULT_DRILLS },
      only: { type: 'string' },
      compare: { type: 'boolean', default: false },
      systems: { type: 'string' },
      failures: { type: 'string' },
      json: { type: 'string' },
      chart: { type: 'string' },
      seed: { type: 'string' },
      quiet: { type: 'boolean', default: false },
    },
  });
  const kinds = namesAmong(names.kinds, values.only, 'kind');
  return {
    drills: wholeNumber(values.drills, 1, '--drills'),
    seed: values.seed === undefined ? undefined : wholeNumber(values.seed, 0, '--seed'),
    kinds: values.compare ? (kinds ?? []) : kinds,
    compare: values.compare || kinds === undefined,
    systems: namesAmong(names.systems, values.systems, 'system'),
    failures: namesAmong(names.failures, values.failures, 'failure'),
    json: values.json,
    chart: values.chart,
    quiet: values.quiet,
  };
}

/** Exit status for wrong arguments (sysexits.h, EX_USAGE). */
const EXIT_USAGE = 64;

/** The options that `read` makes of the arguments; undefined where these are wrong, which is told with the usage and the exit status. */
export function optionsOrUsage<T>(read: () => T, usage: string): T | undefined {
  try {
    return read();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exitCode = EXIT_USAGE;
    return undefined;
  }
}
