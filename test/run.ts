import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_NOT_PERMITTED } from '../deploy/lab/sandbox';

/**
 * `make test`: runs the suites one after the other, the lab's inside its sandbox, those of the addon once more with the
 * sanitizers, and ends with one line that sums them up. Exit status 1 where a test failed or a suite didn't run, and with CI=true where anything was skipped.
 */

const ROOT = join(__dirname, '..', '..');
const RESULTS = join(ROOT, 'dist', 'test-results');
const JEST = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
const SANDBOX = join(ROOT, 'dist', 'deploy', 'lab', 'sandbox.js');

interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The fields that are used of what `jest --json` writes (@jest/test-result, AggregatedResult). */
interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  /** files that failed before their first test */
  readonly numRuntimeErrorTestSuites: number;
}

/** @returns what jest wrote to `file`, undefined where it didn't come to that */
function readReport(file: string): Tally | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const report = JSON.parse(text) as JestReport;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/**
 * Runs jest on some suites and waits for its end.
 *
 * @param projects names of suites in jest.config.js
 * @param wrapper what jest runs under, as the arguments of node
 */
function runSuites(projects: readonly string[], wrapper: readonly string[]): Tally {
  const name = projects.join('-');
  const file = join(RESULTS, `${name}.json`);
  const jest = [JEST, '--selectProjects', ...projects, '--json', `--outputFile=${file}`];
  // Labs share the machine's time with nobody: a test that waits for a failover must not wait for another test's load.
  const options = wrapper.length > 0 ? ['--runInBand'] : [];
  const inner = wrapper.length > 0 ? [...wrapper, process.execPath] : [];
  const run = spawnSync(process.execPath, [...inner, ...jest, ...options], { cwd: ROOT, stdio: 'inherit' });
  const tally = readReport(file);
  if (tally === undefined && wrapper.length > 0 && run.status === EXIT_NOT_PERMITTED) {
    // The sandbox has said why by then.
    console.log(`suite ${name} skipped, for the reason above`);
    return { passed: 0, failed: 0, skipped: 1 };
  }
  const ended = run.signal ?? run.error?.message ?? `exit status ${run.status}`;
  if (tally === undefined) console.log(`suite ${name} did not run: jest ended with ${ended}`);
  if (tally === undefined) return { passed: 0, failed: 1, skipped: 0 };
  // A failure that no test shows: a coverage threshold, a crash after the report.
  if (run.status !== 0 && tally.failed === 0) {
    console.log(`suite ${name}: every test passed, but jest ended with ${ended}`);
    return { ...tally, failed: 1 };
  }
  return tally;
}

/** The tests of the addon, which is built with AddressSanitizer and UndefinedBehaviorSanitizer; a report of theirs ends jest. */
function runSanitized(): Tally {
  const run = spawnSync(join(ROOT, 'test', 'native', 'asan.sh'), [RESULTS], { cwd: ROOT, stdio: 'inherit' });
  const reports = ['unit', 'lab'].map((suite) => readReport(join(RESULTS, `asan-${suite}.json`)));
  const tally = reports.reduce<Tally>(add, NONE);
  // The lab's part is left out where there is no sandbox, as the suite lab is.
  const skips = run.status === EXIT_NOT_PERMITTED;
  const fails = run.status !== 0 && !skips && tally.failed === 0;
  if (fails)
    console.log(
      `suite asan: it ended with ${run.signal ?? run.error?.message ?? `exit status ${run.status}`}`,
    );
  const sum = add(tally, { passed: 0, failed: fails ? 1 : 0, skipped: skips ? 1 : 0 });
  console.log(`suite asan: ${lineOf(sum)}`);
  return sum;
}

const NONE: Tally = { passed: 0, failed: 0, skipped: 0 };

function add(one: Tally, other: Tally = NONE): Tally {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

function lineOf({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

function main(): number {
  rmSync(RESULTS, { recursive: true, force: true });
  mkdirSync(RESULTS, { recursive: true });
  const tallies = [runSuites(['unit', 'sim', 'fuzz'], []), runSuites(['lab'], [SANDBOX]), runSanitized()];
  const sum = tallies.reduce(add, NONE);
  const { passed, failed, skipped } = sum;
  const line = lineOf(sum);
  writeFileSync(join(RESULTS, 'summary'), `${line}\n`);
  const strict = process.env.CI === 'true';
  if (strict && skipped > 0) console.log('with CI=true, a skipped suite or test is a failure');
  console.log(line);
  return failed > 0 || passed === 0 || (strict && skipped > 0) ? 1 : 0;
}

process.exitCode = main();
