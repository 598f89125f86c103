import { LabError, monotonic } from '../../deploy/lab/wait';
import { BEACONING, Crowd, describe, THOUSAND } from './crowd';
import type { DrillOptions } from './drill';
import { type KindReport, type Metric, measured, type Sample } from './result';
import { DEFAULT_TIMING, momentOf, NEAR } from './scene';
import { readUsage } from './usage';

const START = {
  ready: 'exec to `ready`',
  up: 'exec to all paths up',
  memory: 'memory when all are up',
  peak: 'largest memory until then',
} as const;

const METRICS: readonly Metric[] = [
  { name: START.ready, unit: 'ms' },
  { name: START.up, unit: 'ms' },
  { name: START.memory, unit: 'MiB' },
  { name: START.peak, unit: 'MiB' },
];

async function runStart(crowd: Crowd): Promise<Sample> {
  const before = monotonic();
  const agent = await crowd.startAgent();
  const ready = monotonic() - before;
  const up = momentOf(await crowd.untilToldUp()) - before;
  const { memory, largestMemory } = readUsage(agent);
  await agent.stop();
  return { [START.ready]: ready, [START.up]: up, [START.memory]: memory, [START.peak]: largestMemory };
}

/** How long an agent with many peers takes to start; all but the first start adopt what stands. */
export async function runStartScale({ drills }: DrillOptions): Promise<KindReport> {
  const crowd = await Crowd.build(THOUSAND, DEFAULT_TIMING, BEACONING);
  try {
    const samples: Sample[] = [];
    for (let drill = 0; drill < drills; drill++) {
      const { status, stderr } = await crowd.lab.host(NEAR).ctl('teardown');
      if (status !== 0) {
        throw new LabError(`multihomectl teardown: exit status ${status}: ${stderr.trim()}`);
      }
      samples.push(await runStart(crowd));
    }
    return {
      kind: 'scale-start',
      title: `an agent with ${THOUSAND} simulated peers starts`,
      circumstances: [`${describe(BEACONING)}; none of its routes stands before`],
      metrics: measured(METRICS, samples),
    };
  } finally {
    await crowd.destroy();
  }
}
