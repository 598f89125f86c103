import { setTimeout as sleep } from 'node:timers/promises';
import { monotonic } from '../../../deploy/lab/wait';
import { type Case, describeFault, type Fault, hostName, planeName } from './fault';
import type { HostPair, PairTraffic } from './mesh';
import { type Verdict, World } from './model';
import type { Stage } from './stage';

/** How traffic between two hosts fared when something happened. */
export interface PairOutcome extends HostPair {
  /** what was possible before, and then */
  readonly before: Verdict;
  readonly verdict: Verdict;
  /** pings got through again within the bound, and a session's exchange was complete */
  readonly flows: boolean;
  /** ms until no ping was lost any more */
  readonly outage: number;
  readonly lost: number;
  /** of the TCP session: the longest time from a request to its answer, in ms */
  readonly stall: number;
}

/** What followed a fault, or its mending. */
export interface Step {
  readonly what: string;
  /** ms until every running agent had judged its paths as they were */
  readonly judged: number;
  readonly pairs: readonly PairOutcome[];
}

export interface Outcome {
  readonly case: Case;
  /** the two faults, then their mending in the order in which they came */
  readonly steps: readonly Step[];
  /** TCP sessions that ended */
  readonly broken: number;
  /** whether all traffic was back on the preferred plane at last, by the agents and in the kernels */
  readonly returned: boolean;
  /** what was not as it must be; empty where all was well */
  readonly problems: readonly string[];
}

/**
 * Within this time after a fault traffic must flow again where a plane carries it, in ms. It is far above what is measured (the
 * table tells), so that a busy machine breaks no promise; what isn't found at all never flows.
 */
export const BOUND = 1000;
/** Where no plane did, sessions resume within this time after one does: TCP waits up to as long again as the outage was. */
export const RESUME_BOUND = 5000;
/** Pings in a row that say that traffic flows. */
const FLOWING = 8;
/** How long a ping may be on its way, in ms. */
const SETTLE = 30;
/** Between two looks at the traffic, in ms. */
const LOOK = 20;
/** What isn't possible is looked at for this time, in ms. */
const DEAD_TIME = 100;

type Pair = PairTraffic & HostPair;

/** The same as {@link drill}; what it throws is a problem of the case. */
export async function tryDrill(stage: Stage, each: Case, together = false): Promise<Outcome> {
  try {
    return await drill(stage, each, together);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { case: each, steps: [], broken: 0, returned: false, problems: [problem] };
  }
}

/**
 * Lets two faults come, mends them in that order, and looks at the traffic all the while.
 *
 * @param together whether the second comes at once, before anybody has judged the first; for faults of links alone, since the
 *   routes that an agent leaves behind depend on what it has judged
 */
export async function drill(stage: Stage, each: Case, together = false): Promise<Outcome> {
  const world = new World(stage.shape);
  const { first, second } = each;
  const brokenBefore = await brokenSessions(stage);
  const steps = [
    together ? await bring(stage, world, first) : await step(stage, world, first, true),
    await step(stage, world, second, true),
    await step(stage, world, first, false),
    await step(stage, world, second, false),
  ];
  await stage.untilSteady();
  const returned = (await stage.planesInKernel()).every((plane) => plane === planeName(0));
  const broken = (await brokenSessions(stage)) - brokenBefore;
  return { case: each, steps, broken, returned, problems: problemsOf(steps, broken, returned) };
}

/** A fault of which nothing is awaited. */
async function bring(stage: Stage, world: World, fault: Fault): Promise<Step> {
  world.break(fault);
  await stage.apply(fault, world);
  return { what: describeFault(fault), judged: 0, pairs: [] };
}

async function step(stage: Stage, world: World, fault: Fault, comes: boolean): Promise<Step> {
  const pairs = pairsOf(stage);
  const before = pairs.map(({ one, other }) => world.verdict(one, other));
  if (comes) world.break(fault);
  else world.mend(fault);
  const verdicts = pairs.map(({ one, other }) => world.verdict(one, other));
  const from = await stage.apply(fault, world);
  const judged = await stage.untilJudged(world, from);
  const traffic = await untilFlowing(stage, from, (pair, index) => {
    return verdicts[index] !== 'open' || flows(pair, before[index]!, from);
  });
  return {
    what: `${comes ? '' : 'mend '}${describeFault(fault)}`,
    judged,
    pairs: traffic.map((pair, index) => ({
      one: pair.one,
      other: pair.other,
      before: before[index]!,
      verdict: verdicts[index]!,
      flows: flows(pair, before[index]!, from),
      outage: pair.outage,
      lost: pair.lost,
      stall: pair.stall,
    })),
  };
}

/** The traffic once each pair is as it must be, or the time is over. */
async function untilFlowing(
  stage: Stage,
  from: number,
  enough: (pair: Pair, index: number) => boolean,
): Promise<readonly Pair[]> {
  await sleep(DEAD_TIME);
  const deadline = monotonic() + RESUME_BOUND;
  for (;;) {
    const traffic = await stage.look(from, monotonic() - SETTLE);
    if (traffic.every(enough) || monotonic() > deadline) return traffic;
    await sleep(LOOK);
  }
}

/** Whether pings get through now, did so in time, and an exchange of the session was complete since. */
function flows({ outage, flowing, exchanged }: Pair, before: Verdict, from: number): boolean {
  const inTime = outage <= (before === 'open' ? BOUND : RESUME_BOUND);
  return flowing >= FLOWING && inTime && exchanged !== null && exchanged >= from + outage;
}

function pairsOf({ shape }: Stage): HostPair[] {
  const pairs: HostPair[] = [];
  for (let one = 0; one < shape.hosts; one++)
    for (let other = one + 1; other < shape.hosts; other++) pairs.push({ one, other });
  return pairs;
}

async function brokenSessions(stage: Stage): Promise<number> {
  const now = monotonic();
  const traffic = await stage.look(now, now);
  return traffic.reduce((sum, { broken }) => sum + broken, 0);
}

function problemsOf(steps: readonly Step[], broken: number, returned: boolean): string[] {
  const problems = steps.flatMap(({ what, pairs }) =>
    pairs.flatMap(({ one, other, verdict, flows: flowing, outage, stall }) => {
      const pair = `${what}: ${hostName(one)} and ${hostName(other)}`;
      if (verdict === 'open' && !flowing)
        return [
          `${pair}: no traffic after ${Math.round(outage)} ms, session stalled ${Math.round(stall)} ms`,
        ];
      if ((verdict === 'cut' || verdict === 'agent') && flowing)
        return [`${pair}: traffic where none should be possible (${verdict})`];
      return [];
    }),
  );
  if (broken > 0) problems.push(`${broken} TCP sessions ended`);
  if (!returned) problems.push('not all traffic is on the preferred plane again');
  return problems;
}
