import type { Moment } from '../../deploy/lab/ip-console';
import { LabError, waitUntil } from '../../deploy/lab/wait';
import { BEACONING, Crowd, type Simulated, THOUSAND } from './crowd';
import type { DrillOptions } from './drill';
import { type Goal, type KindReport, type Metric, measured, type Sample } from './result';
import { RouteWatch } from './route-watch';
import { DEFAULT_TIMING, FIRST, NEAR, PLANES, type Timing } from './scene';

/** A way in which a whole plane fails under an agent with many peers. */
export interface MassFault {
  readonly kind: string;
  readonly title: string;
  readonly peers: number;
  /** undefined where the kernel answers for the peers */
  readonly simulated: Simulated | undefined;
  /** of the time from the first route to the last, in ms */
  readonly goals: readonly Goal[];
  break(crowd: Crowd): Promise<Moment>;
  mend(crowd: Crowd): Promise<unknown>;
}

/** The switch dies, every host loses its carrier. */
const DEAD = {
  break: async ({ lab, farEnds }: Crowd) => {
    const [moment] = await Promise.all([lab.killSwitch(FIRST), farEnds?.losePlane(FIRST)]);
    return moment;
  },
  mend: ({ lab, farEnds }: Crowd) => Promise.all([lab.reviveSwitch(FIRST), farEnds?.regainPlane(FIRST)]),
};

/** It forwards nothing any more, and nobody loses the carrier. */
const SILENT = {
  break: ({ lab }: Crowd) => lab.silenceSwitch(FIRST),
  mend: ({ lab }: Crowd) => lab.unsilenceSwitch(FIRST),
};

const ALIASES = { peers: 128, simulated: undefined, goals: [] } as const;

export const MASS_FAULTS: readonly MassFault[] = [
  { ...ALIASES, ...DEAD, kind: 'mass-switch', title: 'the switch dies, every host loses its carrier' },
  { ...ALIASES, ...SILENT, kind: 'mass-silent', title: 'the switch silently forwards nothing any more' },
];

const SIMULATED = { peers: THOUSAND, simulated: BEACONING } as const;
const SPREAD: readonly Goal[] = [{ statistic: 'maximum', limit: 30 }];

/** The same with simulated far ends that send beacons. */
export const SCALE_FAULTS: readonly MassFault[] = [
  {
    ...SIMULATED,
    ...DEAD,
    kind: 'scale-switch',
    title: 'the switch dies, every host loses its carrier and says so',
    goals: SPREAD,
  },
  {
    ...SIMULATED,
    ...SILENT,
    kind: 'scale-silent',
    title: 'the switch silently forwards nothing any more',
    // Every peer's next beacon is due at a time of its own, so this takes as long as the interval of the beacons.
    goals: [],
  },
];

const TIMING: Timing = { ...DEFAULT_TIMING, hold: 200 };
/** How long all routes may take to move, in ms. */
const PATIENCE = 10_000;

const NAMES = { first: 'fault to first route', last: 'fault to last route', spread: 'first to last route' };

function metricsOf({ goals }: MassFault): readonly Metric[] {
  return Object.values(NAMES).map((name) => ({
    name,
    unit: 'ms',
    goals: name === NAMES.spread ? goals : [],
  }));
}

async function runOne(crowd: Crowd, watch: RouteWatch, fault: MassFault, random: number): Promise<Sample> {
  await crowd.untilSteady();
  await new Promise((resolve) => setTimeout(resolve, random * TIMING.interval));
  watch.clear();
  const { before } = await fault.break(crowd);
  const { device } = crowd.lab.host(NEAR).link(FIRST);
  const removed = (): readonly number[] => watch.removals(device).map(({ at }) => at);
  await waitUntil(() => removed().length >= crowd.peers, PATIENCE, `${crowd.peers} routes to be removed`);
  const times = removed();
  if (times.length > crowd.peers) {
    throw new LabError(`${times.length} routes were removed instead of ${crowd.peers}`);
  }
  await fault.mend(crowd);
  const first = Math.min(...times);
  const last = Math.max(...times);
  return { [NAMES.first]: first - before, [NAMES.last]: last - before, [NAMES.spread]: last - first };
}

/** A whole plane fails under an agent with many peers: when are all of them moved? */
export async function runMass(fault: MassFault, { drills, random }: DrillOptions): Promise<KindReport> {
  const crowd = await Crowd.create(fault.peers, TIMING, fault.simulated);
  try {
    const watch = await RouteWatch.start(crowd.lab.host(NEAR));
    const samples: Sample[] = [];
    for (let drill = 0; drill < drills; drill++) {
      samples.push(await runOne(crowd, watch, fault, random()));
    }
    return {
      kind: fault.kind,
      title: `${fault.title}: ${fault.peers} peers move to plane ${PLANES[1]}`,
      circumstances: [
        "times of the kernel's notifications, as `ip monitor route` reads them; hold 200 ms, else the defaults",
      ],
      metrics: measured(metricsOf(fault), samples),
    };
  } finally {
    await crowd.destroy();
  }
}
