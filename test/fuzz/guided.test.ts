import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { BUILT, CORPUS, ROOT } from './guided/paths';

/**
 * Every target under libFuzzer, which keeps changing the inputs that reached something new: those of test/fuzz/corpus are its beginning.
 * `make fuzz SECONDS=600` gives each so many seconds, and keeps what it found in dist/fuzz/corpus.
 */

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 4);
const KEEP = process.env.FUZZ_SECONDS !== undefined;
// libFuzzer takes 0 for: without end.
if (!(SECONDS >= 1)) throw new Error(`FUZZ_SECONDS is ${process.env.FUZZ_SECONDS}: give a number of seconds`);
/** One input may take no longer, in seconds, and the process no more memory, in MiB. */
const LIMITS = ['-timeout=20', '-rss_limit_mb=1024', '-max_len=4096'];
/** Start, the inputs that are kept, and a busy machine, in seconds. */
const SLACK = 120;

const names = (folder: string, suffix: string) =>
  readdirSync(join(__dirname, 'guided', folder))
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length));
const SCRIPTS = names('targets', '.ts');
const NATIVE = names('native', '.cc');

interface Run {
  readonly status: number | null;
  readonly output: string;
}

function commandOf(target: string): string[] {
  if (NATIVE.includes(target)) return [join(BUILT, target)];
  return [process.execPath, join(ROOT, 'dist', 'test', 'fuzz', 'guided', 'process.js'), target];
}

function optionsOf(target: string, found: string): string[] {
  const dictionary = join(ROOT, 'test', 'fuzz', 'dictionaries', `${target}.dict`);
  return [
    ...LIMITS,
    `-max_total_time=${SECONDS}`,
    // Each commit is judged by the same inputs; another find is for `make fuzz`.
    ...(KEEP ? [] : ['-seed=1']),
    `-artifact_prefix=${join(BUILT, `${target}-`)}`,
    ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
    found,
    join(CORPUS, target),
  ];
}

function run([command = '', ...args]: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    child.on('error', (error) => resolve({ status: null, output: error.message }));
    child.on('close', (status) => resolve({ status, output }));
  });
}

/** What is to be read of a failure: what was thrown, the input, and the command that repeats it. */
function failureOf(target: string, output: string): string {
  const input = /Test unit written to (\S+)/.exec(output)?.[1];
  const again = [...commandOf(target), input ?? ''].map((part) => relative(ROOT, part) || part).join(' ');
  const said = output.split('\n').filter((line) => !/^#\d+\t|^INFO:/.test(line));
  return [
    ...said.slice(-40),
    `${target} failed; to repeat it:`,
    `  ${again.replace(/^\.\.\S*/, 'node')}`,
  ].join('\n');
}

/** Inputs, how many of them a second, and blocks reached, as libFuzzer sums it up. */
function totalsOf(output: string): Record<'inputs' | 'blocks' | 'rate', number> {
  const [, inputs, blocks, rate] = /#(\d+)\s+DONE\s+cov: (\d+).* exec\/s: (\d+)/.exec(output) ?? [];
  return { inputs: Number(inputs), blocks: Number(blocks), rate: Number(rate) };
}

let running = 0;
const waiting: (() => void)[] = [];
const summaries: string[] = [];

/** As many at a time as there are cores. */
async function whenFree<T>(act: () => Promise<T>): Promise<T> {
  if (running >= availableParallelism()) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await act();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

afterAll(() => void process.stderr.write(`${summaries.sort().join('\n')}\n`));

const TARGETS = [...SCRIPTS, ...NATIVE];
const patience = (TARGETS.length * SECONDS + SLACK) * 1000;

test.concurrent.each(TARGETS)(
  '%s: no input does harm',
  (target) =>
    whenFree(async () => {
      const found = KEEP ? join(BUILT, 'corpus', target) : mkdtempSync(join(tmpdir(), 'fuzz-'));
      mkdirSync(found, { recursive: true });
      const { status, output } = await run([...commandOf(target), ...optionsOf(target, found)]);
      if (!KEEP) rmSync(found, { recursive: true });
      if (status !== 0) throw new Error(failureOf(target, output));
      const { inputs, blocks, rate } = totalsOf(output);
      summaries.push(`  ${target}: ${inputs} inputs, ${rate} a second, ${blocks} blocks`);
      // Each of those that are kept reaches a block that no other does; a fuzzer that cannot see the code would pass anything.
      const kept = readdirSync(join(CORPUS, target)).length;
      expect(kept).toBeGreaterThan(0);
      expect(inputs).toBeGreaterThan(kept);
      expect(blocks).toBeGreaterThanOrEqual(kept);
    }),
  patience,
);
