import { BEACONING, Crowd, describe, type Simulated, THOUSAND, type Totals, type Traffic } from './crowd';
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
  late: 'far ends late, at most',
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

/** By agent and kernel of the host, on both planes. */
const TRAFFIC: readonly (readonly [name: string, key: keyof Traffic, divisor: number])[] = [
  ['frames sent', 'framesSent', 1],
  ['KiB sent', 'bytesSent', 1024],
  ['frames received', 'framesReceived', 1],
  ['KiB received', 'bytesReceived', 1024],
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
      ...TRAFFIC.map(([name]): Metric => ({ name, unit: '1/s' })),
      ...TROUBLES.map((name): Metric => ({ name, unit: 'number', goals: NONE })),
      { name: STEADY.farEnds, unit: '%' },
      { name: STEADY.late, unit: 'ms' },
    ],
  },
  {
    kind: 'scale-arp',
    title: `the same ${THOUSAND} peers without beacons: requests alone, those of the agent`,
    simulated: { beacon: undefined, ask: undefined },
    metrics: [
      ...usageMetrics(),
      ...COUNTS,
      ...TRAFFIC.map(([name]): Metric => ({ name, unit: '1/s' })),
      ...TROUBLES.map((name): Metric => ({ name, unit: 'number' })),
      { name: STEADY.farEnds, unit: '%' },
      { name: STEADY.late, unit: 'ms' },
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
    ...Object.fromEntries(
      TRAFFIC.map(([name, key, divisor]) => [
        name,
        (after.traffic[key] - before.traffic[key]) / divisor / seconds,
      ]),
    ),
  };
}

/** @returns the share of one core, and how far they fell behind: that, too, is a reason for suspicions */
function loadOf(before: FarEndsAnswer, after: FarEndsAnswer): Sample {
  const used = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;
  return {
    [STEADY.farEnds]: (100 * (used(after.usage) - used(before.usage))) / (after.at - before.at),
    [STEADY.late]: after.late,
  };
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
