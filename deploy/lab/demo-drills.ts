import { FAR, type Measurement, NEAR, type Scene } from './demo-scene';
import { LabError } from './wait';

const [FIRST, SECOND] = ['a', 'b'] as const;

/** A fault and its mending, both under traffic. */
export interface Drill {
  readonly fault: string;
  readonly mending: string;
  /** before the fault, and not measured */
  prepare?(scene: Scene): Promise<unknown>;
  break(scene: Scene): Promise<unknown>;
  mend(scene: Scene): Promise<unknown>;
}

export interface DrillResult {
  readonly fault: string;
  readonly mending: string;
  readonly broken: Measurement;
  readonly mended: Measurement;
}

/** Ends the near host's agent and pulls its card: only the kernel is left there to notice. */
async function breakWithoutAgent(scene: Scene): Promise<void> {
  await scene.killAgent(NEAR);
  await scene.lab.pullCard(NEAR, FIRST);
}

/** @throws LabError where the new agent doesn't take over the routes that the killed one left */
async function mendWithoutAgent(scene: Scene): Promise<void> {
  await scene.lab.returnCard(NEAR, FIRST);
  await scene.startAgent(NEAR);
  const adopted = scene.agents
    .get(NEAR)
    ?.events()
    .some(({ event }) => event === 'adopted');
  if (adopted !== true) {
    throw new LabError(`the new agent on ${NEAR} did not adopt the routes of the one before`);
  }
}

export const DRILLS: readonly Drill[] = [
  {
    fault: `${NEAR}'s card on plane ${FIRST} is pulled: the link is down at both ends`,
    mending: 'The card is put back',
    break: ({ lab }) => lab.pullCard(NEAR, FIRST),
    mend: ({ lab }) => lab.returnCard(NEAR, FIRST),
  },
  {
    fault: `${NEAR}'s switch port on plane ${FIRST} drops every frame, and the link stays up`,
    mending: 'The port forwards again',
    break: ({ lab }) => lab.dropPort(NEAR, FIRST, 'both'),
    mend: ({ lab }) => lab.undropPort(NEAR, FIRST),
  },
  {
    fault: `the whole switch of plane ${FIRST} dies: all hosts lose that link at once`,
    mending: 'The switch is back',
    break: ({ lab }) => lab.killSwitch(FIRST),
    mend: ({ lab }) => lab.reviveSwitch(FIRST),
  },
  {
    fault: `${NEAR}'s agent is killed (SIGKILL), and its card on plane ${FIRST} is pulled`,
    mending: 'The card is put back, and a new agent adopts the routes it finds',
    break: breakWithoutAgent,
    mend: mendWithoutAgent,
  },
  {
    fault: `the hosts have a key now, and send beacons: ${NEAR}'s card is pulled as in 1`,
    mending: 'The card is put back',
    prepare: (scene) => scene.startBeacons(),
    break: ({ lab }) => lab.pullCard(NEAR, FIRST),
    mend: ({ lab }) => lab.returnCard(NEAR, FIRST),
  },
];

/**
 * Breaks something and measures what that does to the traffic.
 *
 * @throws LabError where the traffic isn't on the second plane after a while
 */
export async function runFault(scene: Scene, drill: Drill): Promise<Measurement> {
  await drill.prepare?.(scene);
  return scene.measure(() => drill.break(scene), SECOND, false);
}

/**
 * Mends it, and measures what the return does to the traffic.
 *
 * @throws LabError where the traffic isn't on the first plane, or a path isn't up, after a while
 */
export function runMending(scene: Scene, drill: Drill): Promise<Measurement> {
  return scene.measure(() => drill.mend(scene), FIRST, true);
}

/** What all drills come to. */
export interface Sum {
  readonly faults: number;
  readonly sent: number;
  readonly lost: number;
  readonly sessionsLost: number;
}

export function sumUp(results: readonly DrillResult[]): Sum {
  const all = results.flatMap(({ broken, mended }) => [broken, mended]);
  return {
    faults: results.length,
    sent: all.reduce((sum, { sent }) => sum + sent, 0),
    lost: all.reduce((sum, { lost }) => sum + lost.there + lost.back, 0),
    sessionsLost: all.some(({ session }) => !session.alive) ? 1 : 0,
  };
}

/** Names of the two directions of the traffic, for people. */
export const DIRECTIONS = { there: `${NEAR} to ${FAR}`, back: `${FAR} to ${NEAR}` } as const;
