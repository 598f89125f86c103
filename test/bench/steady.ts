import { Crowd } from './crowd';
import { type KindReport, type Metric, measured } from './result';
import { DEFAULT_TIMING } from './scene';
import { usageMetrics, Windows } from './usage';

const NAMES = { requests: 'requests sent', suspicions: 'suspicions' };
const METRICS: readonly Metric[] = [
  ...usageMetrics(),
  { name: NAMES.requests, unit: '1/s' },
  { name: NAMES.suspicions, unit: '1/s' },
];

/** What one agent takes while nothing happens. */
export async function runSteady(peers: number, drills: number): Promise<KindReport> {
  const crowd = await Crowd.create(peers, DEFAULT_TIMING);
  const windows = new Windows(drills);
  try {
    await windows.warmUp();
    const before = await crowd.totals();
    const samples = await windows.measure(crowd.agent);
    const after = await crowd.totals();
    const seconds = (after.at - before.at) / 1000;
    const rates = {
      [NAMES.requests]: ((after.counters.requests ?? 0) - (before.counters.requests ?? 0)) / seconds,
      [NAMES.suspicions]: (after.suspicions - before.suspicions) / seconds,
    };
    return {
      kind: `steady-${peers}`,
      title: `one agent with ${peers} peers on two planes, while nothing happens`,
      circumstances: [
        `${windows.text}. The kernel's share holds the virtual cards and the far end's answers`,
      ],
      metrics: measured(METRICS, [...samples, rates]),
    };
  } finally {
    await crowd.destroy();
  }
}
