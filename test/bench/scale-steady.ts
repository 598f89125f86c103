import { BEACONING, Crowd, describe, type Simulated, THOUSAND, type Totals } from './crowd';
import type { DrillOptions } from './drill';
import type { FarEndsAnswer } from './far-ends';
import { type Goal, type KindReport, type Metric, measured, type Sample } from './result';
import { DEFAULT_TIMING } from './scene';
import { usageMetrics, Windows } from './usage';

const NONE: readonly Goal[] = [{ statistic: 'maximum', limit: 0 }];
const PROCESSOR_GOAL = 15;
const MEMORY_GOAL = 120;

const STEADY = {
  beacons: 'beacons taken',
  requests: 'requests sent',
  questions: 'requests of the peers',
  suspicions: 'suspicions',
  dropped: 'frames dropped',
  farEnds: "the far ends' own processor time",
} as const;

/** How the far ends behave in a steady state that is measured. */
export interface SteadyScale {
  readonly kind: string;
  readonly title: string;
  readonly simulated: Simulated;
  readonly metrics: readonly Metric[];
}

const COUNTS: readonly Metric[] = [
  { name: STEADY.beacons, unit: '1/s' },
  { name: STEADY.requests, unit: '1/s' },
  { name: STEADY.questions, unit: '1/s' },
];

const TROUBLES = [STEADY.suspicions, STEADY.dropped];

export const STEADY_SCALES: readonly SteadyScale[] = [
  {
    kind: 'scale-steady',
    title: `one agent with ${THOUSAND} simulated peers that send beacons`,
    simulated: BEACONING,
    metrics: [
      ...usageMetrics({ processor: PROCESSOR_GOAL, memory: MEMORY_GOAL }),
      ...COUNTS,
      ...TROUBLES.map((name): Metric => ({ name, unit: 'number', goals: NONE })),
      { name: STEADY.farEnds, unit: '%' },
    ],
  },
  {
    kind: 'scale-arp',
    title: `the same ${THOUSAND} peers without beacons: requests alone, those of the agent`,
    simulated: { beacon: undefined, ask: undefined },
    metrics: [
      ...usageMetrics(),
      ...COUNTS,
      ...TROUBLES.map((name): Metric => ({ name, unit: 'number' })),
      { name: STEADY.farEnds, unit: '%' },
    ],
  },
];

function countsBetween(before: Totals, after: Totals): Sample {
  const seconds = (after.at - before.at) / 1000;
  const rate = (counter: string): number =>
    ((after.counters[counter] ?? 0) - (before.counters[counter] ?? 0)) / seconds;
  return {
    [STEADY.beacons]: rate('beacons-heard'),
    [STEADY.requests]: rate('requests'),
    [STEADY.questions]: rate('kernel-answers'),
    [STEADY.suspicions]: after.suspicions - before.suspicions,
    [STEADY.dropped]: after.dropped - before.dropped,
  };
}

/** @returns the share of one core */
function loadOf(before: FarEndsAnswer, after: FarEndsAnswer): Sample {
  const used = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;
  return { [STEADY.farEnds]: (100 * (used(after.usage) - used(before.usage))) / (after.at - before.at) };
}

/** What one agent takes while nothing happens. */
export async function runSteadyScale(scale: SteadyScale, { drills }: DrillOptions): Promise<KindReport> {
  const crowd = await Crowd.create(THOUSAND, DEFAULT_TIMING, scale.simulated);
  const windows = new Windows(drills);
  try {
    await windows.warmUp();
    const [totals, report] = [await crowd.totals(), await crowd.farEnds?.report()];
    const samples = await windows.measure(crowd.agent);
    const [laterReport, laterTotals] = [await crowd.farEnds?.report(), await crowd.totals()];
    const load = report && laterReport ? loadOf(report, laterReport) : {};
    return {
      kind: scale.kind,
      title: scale.title,
      circumstances: [
        `${windows.text}; numbers of suspicions and drops are those of all windows together.`,
        describe(scale.simulated),
      ],
      metrics: measured(scale.metrics, [...samples, { ...countsBetween(totals, laterTotals), ...load }]),
    };
  } finally {
    await crowd.destroy();
  }
}
