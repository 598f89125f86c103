import Module from 'node:module';
import { type NodePath, type PluginObj, template, transformSync, types } from '@babel/core';

/**
 * Counts how often each block of JavaScript is reached, as clang does for C++ (inline-8bit-counters): so libFuzzer sees which inputs
 * reach something new. Modules loaded after {@link countBlocks} are counted.
 */

/** Room for the counters of all modules; those of our sources with the packages that decode are about 20 000. */
const ROOM = 1 << 15;

/** What is counted in one file: its blocks are those from `first` on. */
export interface CountedFile {
  readonly file: string;
  readonly first: number;
  readonly count: number;
}

export interface BlockCounts {
  /** one for each block; they wrap around, as clang's do */
  readonly counters: Uint8Array;
  readonly files: readonly CountedFile[];
  /** how many counters are in use */
  readonly used: number;
}

/** Loads a module from its text; Node.js has it as a method of every module. */
interface Compiling {
  _compile(this: Module, text: string, file: string): unknown;
}

const COUNTERS = '__reached';
const takeCounters = template.statement(`const ${COUNTERS} = globalThis.${COUNTERS};`);

/** From now on, counts the blocks of the modules whose file `isCounted`. */
export function countBlocks(isCounted: (file: string) => boolean): BlockCounts {
  const counters = new Uint8Array(ROOM);
  const files: CountedFile[] = [];
  const counts = { counters, files, used: 0 };
  Object.assign(globalThis, { [COUNTERS]: counters });
  const prototype = Module.prototype as unknown as Compiling;
  const compile = prototype._compile;
  prototype._compile = function (text, file) {
    if (!isCounted(file)) return compile.call(this, text, file);
    const first = counts.used;
    const counted = counting(text, file, () => counts.used++);
    if (counts.used > ROOM) throw new Error(`more than ${ROOM} blocks to count`);
    files.push({ file, first, count: counts.used - first });
    return compile.call(this, counted, file);
  };
  return counts;
}

/** The program `text` with a counter, numbered by `next`, at the beginning of each block. Lines stay where they are. */
function counting(text: string, file: string, next: () => number): string {
  const result = transformSync(text, {
    filename: file,
    babelrc: false,
    configFile: false,
    sourceType: 'script',
    retainLines: true,
    compact: false,
    plugins: [() => plugin(next)],
  });
  return result?.code ?? text;
}

function plugin(next: () => number): PluginObj {
  const count = () =>
    types.updateExpression(
      '++',
      types.memberExpression(types.identifier(COUNTERS), types.numericLiteral(next()), true),
    );
  const counted = (expression: types.Expression) => types.sequenceExpression([count(), expression]);
  const enter = (statement: types.Statement) =>
    types.blockStatement([types.expressionStatement(count()), statement]);
  const begin = (block: types.BlockStatement) => {
    block.body.unshift(types.expressionStatement(count()));
  };
  return {
    visitor: {
      Program: { exit: ({ node }: NodePath<types.Program>) => void node.body.unshift(takeCounters()) },
      Function: ({ node }) => {
        if (node.body.type === 'BlockStatement') begin(node.body);
        else node.body = counted(node.body);
      },
      IfStatement: ({ node }) => {
        node.consequent = enter(node.consequent);
        node.alternate = node.alternate
          ? enter(node.alternate)
          : types.blockStatement([types.expressionStatement(count())]);
      },
      Loop: ({ node }) => {
        node.body = enter(node.body);
      },
      SwitchCase: ({ node }) => {
        node.consequent.unshift(types.expressionStatement(count()));
      },
      CatchClause: ({ node }) => begin(node.body),
      ConditionalExpression: ({ node }) => {
        node.consequent = counted(node.consequent);
        node.alternate = counted(node.alternate);
      },
      LogicalExpression: ({ node }) => {
        node.right = counted(node.right);
      },
    },
  };
}
