import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type BlockCounts, countBlocks } from './coverage';
import { ROOT } from './paths';

/**
 * One fuzz target under libFuzzer, in a process of its own, since it ends with the process:
 *
 *     node dist/test/fuzz/guided/process.js TARGET [OPTION of libFuzzer | DIRECTORY | FILE]...
 *     node dist/test/fuzz/guided/process.js TARGET --reached DIRECTORY...
 *
 * The second form runs the inputs of some directories once, and prints how many blocks of each file they reach.
 */

/** libFuzzer, linked with what calls JavaScript (bridge.cc). It doesn't return: it ends the process. */
interface Bridge {
  run(counters: Uint8Array, target: (input: Uint8Array) => void, args: readonly string[]): void;
}

/** What decodes foreign bytes: our own code, and the packages that do it for us. */
const COUNTED = /^(dist\/(agent|native-bindings)|node_modules\/(netlink|yaml)\/dist)\//;

function filesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).map((name) => join(path, name));
}

/** Lines of `file: reached/all`, and the number of inputs. */
function reached(counts: BlockCounts, target: (input: Uint8Array) => void, paths: readonly string[]): string {
  const seen = new Uint8Array(counts.counters.length);
  const inputs = paths.flatMap(filesIn);
  for (const input of inputs) {
    counts.counters.fill(0);
    // libFuzzer gives no Buffer either, whose slice() is no copy.
    target(Uint8Array.from(readFileSync(input)));
    counts.counters.forEach((count, index) => {
      if (count > 0) seen[index] = 1;
    });
  }
  const lines = counts.files.map(({ file, first, count }) => {
    const hit = seen.subarray(first, first + count).reduce((sum, one) => sum + one, 0);
    return { file: relative(ROOT, file), hit, count };
  });
  const text = lines.filter(({ hit }) => hit > 0).map(({ file, hit, count }) => `${file}: ${hit}/${count}`);
  return [...text.sort(), `${inputs.length} inputs`].join('\n');
}

const [name = '', ...args] = process.argv.slice(2);
const counts = countBlocks((file) => COUNTED.test(relative(ROOT, file)));
const { target } = require(join(__dirname, 'targets', name)) as { target(input: Uint8Array): void };
if (args[0] === '--reached') {
  console.log(reached(counts, target, args.slice(1)));
} else {
  const bridge = require(join(ROOT, 'dist', 'fuzz', 'bridge.node')) as Bridge;
  // A module that is loaded later counts beyond what libFuzzer looks at, which does no harm.
  // The program's name is what libFuzzer starts another process of itself by, to merge.
  const self = `${process.execPath} ${__filename} ${name}`;
  bridge.run(counts.counters.subarray(0, (counts.used + 7) & ~7), target, [self, ...args]);
}
