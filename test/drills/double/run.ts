/**
 * Every double fault: `make drill-double`. Exit status 0 where traffic flowed wherever it was possible, 1 where it didn't or
 * something failed, 64 for a command line that cannot be meant.
 */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { BUILD_COMMIT, VERSION } from '../../../agent/version';
import { readMachine } from '../../bench/machine';
import { optionsOrUsage, wholeNumber } from '../../bench/options';
import { randomSource } from '../../bench/statistics';
import { casesOf, sampleOf } from './cases';
import { type Outcome, tryDrill } from './drill';
import { type Case, describeCase, isAgentFault, type Shape } from './fault';
import { Stage } from './stage';
import { formatSummary, needingAgent, summaryOf } from './table';

/** Hosts x planes. */
const SHAPES: Readonly<Record<string, Shape>> = {
  '3x2': { hosts: 3, planes: 2 },
  '4x2': { hosts: 4, planes: 2 },
  '3x3': { hosts: 3, planes: 3 },
};
const SEEDS = 2 ** 32;
const USAGE = `usage: drill-double [--shapes ${Object.keys(SHAPES).join(',')}] [--beacons] [--together] [--sample N] [--only WORDS] [--seed N] [--json FILE]
Every ordered pair of faults, or N of them by chance, or those whose description contains WORDS, such as 'killed alpha'.
With --together the second comes at once, before anybody has judged the first: only for faults of links.
`;

interface Options {
  readonly shapes: readonly (readonly [name: string, shape: Shape])[];
  readonly beacons: boolean;
  readonly together: boolean;
  readonly sample: number | undefined;
  readonly only: string;
  readonly seed: number;
  readonly json: string | undefined;
}

interface Report {
  readonly shape: Shape;
  readonly outcomes: readonly Outcome[];
}

/** @throws Error for a command line that cannot be meant */
function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      shapes: { type: 'string', default: Object.keys(SHAPES).join(',') },
      beacons: { type: 'boolean', default: false },
      together: { type: 'boolean', default: false },
      sample: { type: 'string' },
      only: { type: 'string', default: '' },
      seed: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const shapes = values.shapes.split(',').map((name) => {
    const shape = SHAPES[name];
    if (shape === undefined) throw new Error(`there is no cluster ${name}`);
    return [name, shape] as const;
  });
  const options = {
    shapes,
    beacons: values.beacons,
    together: values.together,
    sample: values.sample === undefined ? undefined : wholeNumber(values.sample, 1, '--sample'),
    only: values.only,
    seed: values.seed === undefined ? randomInt(SEEDS) : wholeNumber(values.seed, 0, '--seed'),
    json: values.json,
  };
  if (shapes.every(([, shape]) => namedBy(options, shape).length === 0))
    throw new Error(
      `no pair of faults is meant by '${options.only}'${options.together ? ' --together' : ''}`,
    );
  return options;
}

/** The pairs of faults that the options mean, before any are drawn from them. */
function namedBy({ only, together }: Options, shape: Shape): Case[] {
  return casesOf(shape)
    .filter((each) => describeCase(each).includes(only))
    .filter(({ first, second }) => !together || !(isAgentFault(first) || isAgentFault(second)));
}

/** Goes through the cases on one cluster; one that something fails in gets another cluster after it. */
async function goThrough(
  shape: Shape,
  { beacons, together }: Options,
  cases: readonly Case[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let stage: Stage | undefined;
  for (const [index, each] of cases.entries()) {
    stage ??= await Stage.create(shape, beacons);
    const outcome = await tryDrill(stage, each, together);
    outcomes.push(outcome);
    if (outcome.problems.length > 0) {
      console.log(`${describeCase(each)}: ${outcome.problems.join('; ')}\n${stage.describe()}`);
      await stage.destroy();
      stage = undefined;
    }
    if (index % 50 === 49) console.error(`${index + 1} of ${cases.length}`);
  }
  await stage?.destroy();
  return outcomes;
}

async function main(): Promise<void> {
  const options = optionsOrUsage(() => readOptions(process.argv.slice(2)), USAGE);
  if (options === undefined) return;
  const { seed, json } = options;
  const { date, kernel, node, cores } = readMachine();
  console.log(
    `multihomed ${VERSION} (${BUILD_COMMIT}), seed ${seed}; ${date}, ${kernel}, Node.js ${node}, ${cores} cores\n`,
  );
  const reports: Report[] = [];
  for (const [, shape] of options.shapes) {
    const all = namedBy(options, shape);
    const cases = options.sample === undefined ? all : sampleOf(all, options.sample, randomSource(seed));
    const outcomes = await goThrough(shape, options, cases);
    reports.push({ shape, outcomes });
    for (const line of formatSummary(shape, options, outcomes)) console.log(line);
    console.log('');
  }
  if (json !== undefined) await writeFile(json, `${JSON.stringify(jsonOf(options, reports), null, 1)}\n`);
  const problems = reports.flatMap(({ outcomes }) => outcomes).some((each) => each.problems.length > 0);
  process.exitCode = problems ? 1 : 0;
}

function jsonOf({ beacons, together, seed }: Options, reports: readonly Report[]): object {
  return {
    version: VERSION,
    commit: BUILD_COMMIT,
    machine: readMachine(),
    seed,
    beacons,
    together,
    clusters: reports.map(({ shape, outcomes }) => ({
      shape,
      summary: summaryOf(outcomes),
      needingAgent: needingAgent(outcomes),
      outcomes,
    })),
  };
}

void main();
