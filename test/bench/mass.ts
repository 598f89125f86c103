import type { Moment } from '../../deploy/lab/ip-console';
import type { Lab } from '../../deploy/lab/lab';
import { LabError, waitUntil } from '../../deploy/lab/wait';
import { Crowd } from './crowd';
import type { DrillOptions } from './drill';
import { type KindReport, type Metric, measured, type Sample } from './result';
import { RouteWatch } from './route-watch';
import { DEFAULT_TIMING, FIRST, NEAR, PLANES, type Timing } from './scene';

/** A way in which a whole plane fails. */
export interface MassFault {
  readonly kind: string;
  readonly title: string;
  break(lab: Lab): Promise<Moment>;
  mend(lab: Lab): Promise<unknown>;
}

export const MASS_FAULTS: readonly MassFault[] = [
  {
    kind: 'mass-switch',
    title: 'the switch dies, every host loses its carrier',
    break: (lab) => lab.killSwitch(FIRST),
    mend: (lab) => lab.reviveSwitch(FIRST),
  },
  {
    kind: 'mass-silent',
    title: 'the switch silently forwards nothing any more',
    break: (lab) => lab.silenceSwitch(FIRST),
    mend: (lab) => lab.unsilenceSwitch(FIRST),
  },
];

const PEERS = 128;
const TIMING: Timing = { ...DEFAULT_TIMING, hold: 200 };
/** How long all routes may take to move, in ms. */
const PATIENCE = 10_000;

const NAMES = { first: 'fault to first route', last: 'fault to last route', spread: 'first to last route' };
const METRICS: readonly Metric[] = Object.values(NAMES).map((name) => ({ name, unit: 'ms' }));

async function runOne(crowd: Crowd, watch: RouteWatch, fault: MassFault, random: number): Promise<Sample> {
  await crowd.untilSteady();
  await new Promise((resolve) => setTimeout(resolve, random * TIMING.interval));
  watch.clear();
  const { before } = await fault.break(crowd.lab);
  const removed = (): readonly number[] => watch.removals(crowd.lab.host(NEAR).link(FIRST).device);
  await waitUntil(() => removed().length >= crowd.peers, PATIENCE, `${crowd.peers} routes to be removed`);
  const times = removed();
  if (times.length > crowd.peers) {
    throw new LabError(`${times.length} routes were removed instead of ${crowd.peers}`);
  }
  await fault.mend(crowd.lab);
  const first = Math.min(...times);
  const last = Math.max(...times);
  return { [NAMES.first]: first - before, [NAMES.last]: last - before, [NAMES.spread]: last - first };
}

/** A whole plane fails under an agent with many peers: when are all of them moved? */
export async function runMass(fault: MassFault, { drills, random }: DrillOptions): Promise<KindReport> {
  const crowd = await Crowd.create(PEERS, TIMING);
  try {
    const watch = await RouteWatch.start(crowd.lab.host(NEAR));
    const samples: Sample[] = [];
    for (let drill = 0; drill < drills; drill++) {
      samples.push(await runOne(crowd, watch, fault, random()));
    }
    return {
      kind: fault.kind,
      title: `${fault.title}: ${PEERS} peers move to plane ${PLANES[1]}`,
      circumstances: [
        "times of the kernel's notifications, as `ip monitor route` reads them; hold 200 ms, else the defaults",
      ],
      metrics: measured(METRICS, samples),
    };
  } finally {
    await crowd.destroy();
  }
}
