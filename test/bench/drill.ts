import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEvent } from '../../deploy/lab/agent-process';
import { monotonic } from '../../deploy/lab/wait';
import type { Fault } from './faults';
import { type KindReport, type Metric, measured, type Sample } from './result';
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

function trafficMetrics(goals: Fault['goals'], rate: number): Metric[] {
  return [
    { name: `lost, ${toPeer}`, unit: 'packets', goals: goals.lostToward ?? [] },
    { name: `lost, ${fromPeer}`, unit: 'packets', goals: goals.lostFrom ?? [] },
    // Other rates than one packet a ms need the conversion; the goal is of ms everywhere.
    { name: `outage (${1000 / rate} ms a packet lost)`, unit: 'ms', goals: goals.outage ?? [] },
    { name: `longest gap, ${toPeer}`, unit: 'ms' },
    { name: `longest gap, ${fromPeer}`, unit: 'ms' },
    { name: 'TCP request to answer, longest', unit: 'ms' },
  ];
}

function trafficSample(metrics: readonly Metric[], traffic: Traffic): Sample {
  const { lostToward, lostFrom, outage, gapToward, gapFrom, stall } = traffic;
  const values = [lostToward, lostFrom, outage, gapToward, gapFrom, stall];
  return Object.fromEntries(values.map((value, index) => [metrics[index]?.name ?? '', value]));
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
    `${rate} packets/s each way, a TCP request each 5 ms; interval ${interval} ms, retry ${retry} ms, misses 3, hold ${hold} ms`,
  ];
}

async function runDrill(scene: Scene, fault: Fault, metrics: readonly Metric[]): Promise<Sample> {
  await scene.untilSteady();
  await fault.prepare?.(scene);
  await scene.randomPhase();
  const { moment, told } = await scene.move(() => fault.break(scene), fault.movers, SECOND);
  await sleep(AFTERMATH);
  const traffic = await scene.traffic(moment.before, monotonic());
  await fault.mend(scene);
  return { ...trafficSample(metrics, traffic), ...agentSample(told, moment.before) };
}

/** Runs a kind of fault again and again, with fresh hosts and agents for the kind. */
export async function runFault(fault: Fault, { drills, random }: DrillOptions): Promise<KindReport> {
  const traffic = trafficMetrics(fault.goals, fault.rate);
  const scene = await Scene.create(fault.timing, fault.rate, random);
  try {
    const samples: Sample[] = [];
    for (let drill = 0; drill < drills; drill++) {
      samples.push(await runDrill(scene, fault, traffic));
    }
    const metrics = [...traffic, ...agentMetrics(fault.movers)];
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

async function runOneReturn(scene: Scene, metrics: readonly Metric[]): Promise<Sample> {
  await scene.untilSteady();
  await scene.move(() => scene.lab.pullCard(NEAR, FIRST), [NEAR, FAR], SECOND);
  await sleep(CALM);
  await scene.randomPhase();
  const { moment, told } = await scene.move(() => scene.lab.returnCard(NEAR, FIRST), [NEAR, FAR], FIRST);
  await sleep(AFTERMATH);
  const sample = trafficSample(metrics, await scene.traffic(moment.before, monotonic()));
  const back = Math.max(...[...told.values()].map((event) => momentOf(event) - moment.before));
  return { ...sample, [RETURN.name]: back };
}

const RETURN: Metric = { name: 'return to traffic on the card again', unit: 'ms' };

/** A card that was pulled comes back, at the default hold. */
export async function runReturn({ drills, random }: DrillOptions): Promise<KindReport> {
  const rate = 1000;
  const none = [{ statistic: 'maximum', limit: 0 }] as const;
  const metrics = trafficMetrics({ lostToward: none, lostFrom: none }, rate);
  const scene = await Scene.create(DEFAULT_TIMING, rate, random);
  try {
    const samples: Sample[] = [];
    for (let drill = 0; drill < drills; drill++) {
      samples.push(await runOneReturn(scene, metrics));
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
