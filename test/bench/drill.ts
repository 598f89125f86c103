import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEvent } from '../../deploy/lab/agent-process';
import { monotonic } from '../../deploy/lab/wait';
import type { Fault } from './faults';
import { type Goal, type KindReport, type Metric, measured, type Sample } from './result';
import {
  DEFAULT_TIMING,
  FAR,
  FIRST,
  momentOf,
  NEAR,
  Scene,
  SECOND,
  type Timing,
  type Traffic,
} from './scene';

/** How to run drills. */
export interface DrillOptions {
  readonly drills: number;
  /** gives numbers from 0 to below 1 */
  readonly random: () => number;
}

/** Traffic after the last agent has moved it that still belongs to a drill, in ms: a TCP session may stall as long again. */
const AFTERMATH = 250;
/** Undisturbed traffic before a measured return, in ms. */
const CALM = 300;

const toPeer = `${NEAR} to ${FAR}`;
const fromPeer = `${FAR} to ${NEAR}`;

const NAMES = {
  outageToward: `outage, ${toPeer}`,
  outageFrom: `outage, ${fromPeer}`,
  outage: 'outage, the worse direction',
  gapToward: `longest gap, ${toPeer}`,
  gapFrom: `longest gap, ${fromPeer}`,
  stall: 'TCP request to answer, longest',
} as const;

function trafficMetrics(goals: Fault['goals']): Metric[] {
  const of: Partial<Record<string, readonly Goal[]>> = {
    [NAMES.outageToward]: goals.toward ?? [],
    [NAMES.outageFrom]: goals.from ?? [],
  };
  return Object.values(NAMES).map((name) => ({ name, unit: 'ms', goals: of[name] ?? [] }));
}

function trafficSample(traffic: Traffic): Sample {
  const { outageToward, outageFrom, gapToward, gapFrom, stall } = traffic;
  return {
    [NAMES.outageToward]: outageToward,
    [NAMES.outageFrom]: outageFrom,
    [NAMES.outage]: Math.max(outageToward, outageFrom),
    [NAMES.gapToward]: gapToward,
    [NAMES.gapFrom]: gapFrom,
    [NAMES.stall]: stall,
  };
}

function agentMetrics(movers: readonly string[]): Metric[] {
  return movers.flatMap((host) => [
    { name: `fault to failover logged, ${host}`, unit: 'ms' },
    { name: `of it since first suspicion, ${host}`, unit: 'ms' },
  ]);
}

function agentSample(told: ReadonlyMap<string, LogEvent>, moment: number): Sample {
  const entries = [...told].flatMap(([host, event]) => [
    [`fault to failover logged, ${host}`, momentOf(event) - moment],
    [`of it since first suspicion, ${host}`, Number(event.latency)],
  ]);
  return Object.fromEntries(entries);
}

function circumstances(timing: Timing, rate: number): string[] {
  const { interval, retry, hold } = timing;
  return [
    `interval ${interval} ms, retry ${retry} ms, misses 3, hold ${hold} ms; a TCP request each 5 ms;`,
    `${rate} packets/s each way: an outage is the packets lost times ${1000 / rate} ms`,
  ];
}

async function runDrill(scene: Scene, fault: Fault): Promise<Sample> {
  await scene.untilSteady();
  await fault.prepare?.(scene);
  await scene.randomPhase();
  const { moment, told } = await scene.move(() => fault.break(scene), fault.movers, SECOND);
  await sleep(AFTERMATH);
  const traffic = await scene.traffic(moment.before, monotonic());
  await fault.mend(scene);
  return { ...trafficSample(traffic), ...agentSample(told, moment.before) };
}

/** Runs a kind of fault again and again, with fresh hosts and agents for the kind. */
export async function runFault(fault: Fault, { drills, random }: DrillOptions): Promise<KindReport> {
  const scene = await Scene.create(fault.timing, fault.rate, random);
  try {
    const samples: Sample[] = [];
    for (let drill = 0; drill < drills; drill++) {
      samples.push(await runDrill(scene, fault));
    }
    const metrics = [...trafficMetrics(fault.goals), ...agentMetrics(fault.movers)];
    return {
      kind: fault.kind,
      title: fault.title,
      circumstances: circumstances(fault.timing, fault.rate),
      metrics: measured(metrics, samples),
    };
  } finally {
    await scene.destroy();
  }
}

async function runOneReturn(scene: Scene): Promise<Sample> {
  await scene.untilSteady();
  await scene.move(() => scene.lab.pullCard(NEAR, FIRST), [NEAR, FAR], SECOND);
  await sleep(CALM);
  await scene.randomPhase();
  const { moment, told } = await scene.move(() => scene.lab.returnCard(NEAR, FIRST), [NEAR, FAR], FIRST);
  await sleep(AFTERMATH);
  const sample = trafficSample(await scene.traffic(moment.before, monotonic()));
  const back = Math.max(...[...told.values()].map((event) => momentOf(event) - moment.before));
  return { ...sample, [RETURN.name]: back };
}

const RETURN: Metric = { name: 'return to traffic on the card again', unit: 'ms' };

/** A card that was pulled comes back, at the default hold. */
export async function runReturn({ drills, random }: DrillOptions): Promise<KindReport> {
  const rate = 1000;
  const none = [{ statistic: 'maximum', limit: 0 }] as const;
  const metrics = trafficMetrics({ toward: none, from: none });
  const scene = await Scene.create(DEFAULT_TIMING, rate, random);
  try {
    const samples: Sample[] = [];
    for (let drill = 0; drill < drills; drill++) {
      samples.push(await runOneReturn(scene));
    }
    return {
      kind: 'return',
      title: `${NEAR}'s card comes back`,
      circumstances: circumstances(DEFAULT_TIMING, rate),
      metrics: measured([...metrics, RETURN], samples),
    };
  } finally {
    await scene.destroy();
  }
}
