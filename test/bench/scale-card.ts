import { setTimeout as sleep } from 'node:timers/promises';
import { formatIpv4 } from '../../agent/wire/address';
import { LabError, waitUntil } from '../../deploy/lab/wait';
import { BEACONING, Crowd, describe, THOUSAND } from './crowd';
import type { DrillOptions } from './drill';
import { aliasOf } from './far-ends-plan';
import { type Goal, type KindReport, measured, type Sample } from './result';
import { type Removal, RouteWatch } from './route-watch';
import { DEFAULT_TIMING, FIRST, NEAR, type Timing } from './scene';

const CARD = { moved: 'fault to route moved' } as const;
const CARD_TIMING: Timing = { ...DEFAULT_TIMING, hold: 200 };
/** How long a route may take to move, and how long afterwards no other one may, in ms. */
const PATIENCE = 10_000;
const CALM = 500;

/** One far end loses its card, whether it says so or not. */
export interface CardScale {
  readonly kind: string;
  readonly title: string;
  readonly known: boolean;
  readonly goals: readonly Goal[];
}

export const CARD_SCALES: readonly CardScale[] = [
  {
    kind: 'scale-card',
    title: `one of ${THOUSAND} far ends loses its card, and says so`,
    known: true,
    goals: [
      { statistic: 'median', limit: 2 },
      { statistic: 'p95', limit: 4 },
    ],
  },
  {
    kind: 'scale-card-silent',
    title: `one of ${THOUSAND} far ends falls silent on one plane`,
    known: false,
    goals: [],
  },
];

/** @throws LabError where another route, or more than one, is removed */
function checkRemovals(removals: readonly Removal[], farEnd: number): void {
  const wanted = formatIpv4(aliasOf(farEnd));
  const others = removals.filter(({ destination }) => destination !== wanted);
  if (removals.length !== 1 || others.length > 0) {
    const told = removals.map(({ destination }) => destination).join(', ');
    throw new LabError(`instead of the one route to ${wanted}, these were removed: ${told}`);
  }
}

async function runCardDrill(
  crowd: Crowd,
  watch: RouteWatch,
  known: boolean,
  random: () => number,
): Promise<Sample> {
  const { farEnds } = crowd;
  if (farEnds === undefined) {
    throw new LabError('no far ends are simulated');
  }
  await crowd.untilSteady();
  await sleep(random() * (BEACONING.beacon ?? 0));
  watch.clear();
  const farEnd = Math.floor(random() * crowd.peers);
  const { before } = await farEnds.loseCard(farEnd, FIRST, known);
  const removals = (): readonly Removal[] => watch.removals(crowd.lab.host(NEAR).link(FIRST).device);
  await waitUntil(() => removals().length > 0, PATIENCE, `the route to far end ${farEnd} to be removed`);
  await sleep(CALM);
  checkRemovals(removals(), farEnd);
  await farEnds.regainCard(farEnd, FIRST);
  return { [CARD.moved]: removals()[0]!.at - before };
}

/** One far end's card: how fast does its route move, and does any other? */
export async function runCardScale(scale: CardScale, { drills, random }: DrillOptions): Promise<KindReport> {
  const crowd = await Crowd.create(THOUSAND, CARD_TIMING, BEACONING);
  try {
    const watch = await RouteWatch.start(crowd.lab.host(NEAR));
    const samples: Sample[] = [];
    for (let drill = 0; drill < drills; drill++) {
      samples.push(await runCardDrill(crowd, watch, scale.known, random));
    }
    return {
      kind: scale.kind,
      title: scale.title,
      circumstances: [`${describe(BEACONING)}, but hold ${CARD_TIMING.hold} ms. No other route is removed.`],
      metrics: measured([{ name: CARD.moved, unit: 'ms', goals: scale.goals }], samples),
    };
  } finally {
    await crowd.destroy();
  }
}
