import { setTimeout as sleep } from 'node:timers/promises';
import { monotonic } from '../../../deploy/lab/wait';
import { FIRST, NEAR, type Scene } from '../../bench/scene';

/** Between two changes of a card that goes up and down, in ms. */
const FLAP = 200;
/** Frames of a hundred that a lossy port loses, in each direction. */
const LOSS = 30;
/** How long a card stays up that works long enough to be trusted, in holds, and how long it is down then, in ms. */
const SLOW_UP = 1.5;
const SLOW_DOWN = 200;

/** Something on the preferred plane that neither works nor fails. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** brings it about for so many ms, and leaves the link as it was before; how often it changed from working to failing */
  trouble(scene: Scene, length: number): Promise<number>;
  /** how often the traffic may return meanwhile, on the worst case, in so many ms with this `probe.hold` */
  returns(length: number, hold: number): number;
}

/** What fails and works by turns, and how. */
interface Turns {
  fail(scene: Scene): Promise<unknown>;
  work(scene: Scene): Promise<unknown>;
}

const CARD: Turns = {
  fail: ({ lab }) => lab.pullCard(NEAR, FIRST),
  work: ({ lab }) => lab.returnCard(NEAR, FIRST),
};
const PORT: Turns = {
  fail: ({ lab }) => lab.dropPort(NEAR, FIRST),
  work: ({ lab }) => lab.undropPort(NEAR, FIRST),
};
const SWITCH: Turns = {
  fail: ({ lab }) => lab.killSwitch(FIRST),
  work: ({ lab }) => lab.reviveSwitch(FIRST),
};

/** Fails at first, and works at the end; the times in ms. */
async function flap(
  scene: Scene,
  { fail, work }: Turns,
  length: number,
  up: number,
  down: number,
): Promise<number> {
  const end = monotonic() + length;
  let flaps = 0;
  while (monotonic() < end) {
    await fail(scene);
    await sleep(down);
    await work(scene);
    flaps += 1;
    if (monotonic() < end) await sleep(up);
  }
  return flaps;
}

/** One that never works for as long as a hold. */
function quickFlap(name: string, title: string, turns: Turns): Scenario {
  return {
    name,
    title: `${title} each ${FLAP} ms`,
    trouble: (scene, length) => flap(scene, turns, length, FLAP, FLAP),
    returns: (length, hold) => (hold > FLAP ? 0 : mostReturns(length, hold)),
  };
}

/**
 * How often a path may be trusted again within some ms, whatever befalls it: each return needs `hold`, twice as long as the one before where
 * the path fell within five of these holds. So in the long run none comes sooner than six holds after the one before, and a burst
 * brings at most two more (test/unit/core-damping.test.ts).
 */
export function mostReturns(length: number, hold: number): number {
  return Math.floor(length / (6 * hold)) + 2;
}

export const SCENARIOS: readonly Scenario[] = [
  quickFlap('flap', `${NEAR}'s card goes down and up`, CARD),
  quickFlap('silent-flap', `${NEAR}'s port drops every frame and none`, PORT),
  quickFlap('switch-flap', 'the whole switch goes down and up', SWITCH),
  {
    name: 'slow-flap',
    title: `${NEAR}'s card works for ${SLOW_UP} holds, and fails for ${SLOW_DOWN} ms`,
    trouble: (scene, length) => flap(scene, CARD, length, scene.timing.hold * SLOW_UP, SLOW_DOWN),
    // After its first return it would have to work for two holds.
    returns: () => 1,
  },
  {
    name: 'loss',
    title: `${NEAR}'s port loses ${LOSS} % of the frames each way`,
    trouble: async ({ lab }, length) => {
      await lab.losePort(NEAR, FIRST, LOSS);
      await sleep(length);
      await lab.unlosePort(NEAR, FIRST);
      return 1;
    },
    returns: mostReturns,
  },
  {
    name: 'spanning-tree',
    title: `${NEAR}'s card comes back, and its port forwards only after a while`,
    trouble: async ({ lab }, length) => {
      await lab.pullCard(NEAR, FIRST);
      await lab.dropPort(NEAR, FIRST);
      await sleep(FLAP);
      await lab.returnCard(NEAR, FIRST);
      await sleep(length);
      await lab.undropPort(NEAR, FIRST);
      return 1;
    },
    returns: () => 0,
  },
];
