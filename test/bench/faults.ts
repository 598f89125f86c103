import type { Moment } from '../../deploy/lab/ip-console';
import type { Goal } from './result';
import { DEFAULT_TIMING, FAR, FIRST, NEAR, type Scene, type Timing } from './scene';

/** A fault on the preferred plane, and its mending. */
export interface Fault {
  readonly kind: string;
  readonly title: string;
  readonly timing: Timing;
  /** packets a second each way */
  readonly rate: number;
  /** hosts whose agents move the traffic */
  readonly movers: readonly string[];
  /** done before the moment of the fault */
  prepare?(scene: Scene): Promise<void>;
  break(scene: Scene): Promise<Moment>;
  mend(scene: Scene): Promise<unknown>;
  readonly goals: {
    /** of the outage toward the peer, in ms; 0 is no packet lost */
    readonly toward?: readonly Goal[];
    /** of the outage from the peer */
    readonly from?: readonly Goal[];
  };
}

/** Beside the default interval, so that a drill need not wait long for the return, which isn't measured. */
const TIMING: Timing = { ...DEFAULT_TIMING, hold: 200 };
const FAST_TIMING: Timing = { interval: 10, retry: 2, hold: 200 };
/** A packet a ms: then packets lost are ms. */
const RATE = 1000;
const FINE_RATE = 5000;

const NONE: readonly Goal[] = [{ statistic: 'maximum', limit: 0 }];
const HINTED: readonly Goal[] = [{ statistic: 'median', limit: 8 }];
const WITHDRAWN: readonly Goal[] = [
  { statistic: 'median', limit: 2 },
  { statistic: 'p95', limit: 4 },
];
const SILENT: readonly Goal[] = [
  { statistic: 'median', limit: 45 },
  { statistic: 'p95', limit: 75 },
];
const SILENT_FAST: readonly Goal[] = [
  { statistic: 'median', limit: 18 },
  { statistic: 'p95', limit: 20 },
];

const COMMON = { timing: TIMING, rate: RATE, movers: [NEAR, FAR] } as const;

const PULL = {
  break: ({ lab }: Scene) => lab.pullCard(NEAR, FIRST),
  mend: ({ lab }: Scene) => lab.returnCard(NEAR, FIRST),
} as const;

const DROP = {
  break: ({ lab }: Scene) => lab.dropPort(NEAR, FIRST, 'both'),
  mend: ({ lab }: Scene) => lab.undropPort(NEAR, FIRST),
} as const;

const BY_ARP: readonly Fault[] = [
  {
    ...COMMON,
    ...PULL,
    kind: 'card',
    title: `${NEAR}'s card is pulled`,
    goals: { toward: NONE, from: HINTED },
  },
  {
    ...COMMON,
    ...PULL,
    kind: 'card-fine',
    title: `${NEAR}'s card is pulled, under a denser stream`,
    rate: FINE_RATE,
    goals: { from: HINTED },
  },
  {
    ...COMMON,
    kind: 'far-card',
    title: `${FAR}'s card is pulled, as ${NEAR} sees it`,
    break: ({ lab }) => lab.pullCard(FAR, FIRST),
    mend: ({ lab }) => lab.returnCard(FAR, FIRST),
    goals: { toward: HINTED, from: NONE },
  },
  {
    ...COMMON,
    ...DROP,
    kind: 'silent',
    title: `${NEAR}'s switch port silently drops every frame`,
    goals: { toward: SILENT, from: SILENT },
  },
  {
    ...COMMON,
    kind: 'silent-from-host',
    title: `${NEAR}'s switch port silently drops every frame from ${NEAR}`,
    break: ({ lab }) => lab.dropPort(NEAR, FIRST, 'from-host'),
    mend: DROP.mend,
    goals: { toward: SILENT },
  },
  {
    ...COMMON,
    kind: 'silent-to-host',
    title: `${NEAR}'s switch port silently drops every frame to ${NEAR}`,
    break: ({ lab }) => lab.dropPort(NEAR, FIRST, 'to-host'),
    mend: DROP.mend,
    goals: { from: SILENT },
  },
  {
    ...COMMON,
    ...DROP,
    kind: 'silent-fast',
    title: `${NEAR}'s switch port silently drops every frame, at a shorter interval`,
    timing: FAST_TIMING,
    goals: { toward: SILENT_FAST, from: SILENT_FAST },
  },
  {
    ...COMMON,
    kind: 'switch',
    title: 'the whole switch dies: every host loses its carrier there',
    break: ({ lab }) => lab.killSwitch(FIRST),
    mend: ({ lab }) => lab.reviveSwitch(FIRST),
    goals: { toward: NONE, from: NONE },
  },
  {
    ...COMMON,
    kind: 'dead-agent',
    title: `${NEAR}'s agent is killed (SIGKILL), then its card is pulled`,
    movers: [FAR],
    prepare: (scene) => scene.killAgent(NEAR),
    break: PULL.break,
    mend: async (scene) => {
      await PULL.mend(scene);
      await scene.startAgent(NEAR);
    },
    goals: { toward: NONE },
  },
];

/** The same fault where the hosts beacon. */
function withBeacons(kind: string, goals: Fault['goals'] | undefined, rate: number): Fault {
  const fault = BY_ARP.find((each) => each.kind === kind)!;
  return {
    ...fault,
    kind: `${kind}-beacons`,
    title: `${fault.title}; the hosts beacon`,
    timing: { ...fault.timing, beacons: true },
    rate,
    goals: goals ?? fault.goals,
  };
}

export const FAULTS: readonly Fault[] = [
  ...BY_ARP,
  withBeacons('card', { toward: NONE, from: WITHDRAWN }, FINE_RATE),
  withBeacons('far-card', { toward: WITHDRAWN, from: NONE }, FINE_RATE),
  withBeacons('silent', undefined, RATE),
  withBeacons('silent-from-host', undefined, RATE),
  withBeacons('silent-to-host', undefined, RATE),
  withBeacons('silent-fast', undefined, RATE),
  withBeacons('switch', undefined, RATE),
];
