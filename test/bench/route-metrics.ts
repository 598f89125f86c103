import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../deploy/lab/host';
import { startSession } from '../../deploy/lab/session';
import { TrafficProcess } from '../../deploy/lab/traffic-process';
import { monotonic } from '../../deploy/lab/wait';
import type { DrillOptions } from './drill';
import { type KindReport, type Measured, measured } from './result';
import { DEFAULT_TIMING, FAR, FIRST, NEAR, probeSection, Scene, SECOND, type Timing } from './scene';

/** Asked of the client. */
export interface ExchangeQuestion {
  readonly what: 'two-writes' | 'transfers';
  readonly count: number;
}

/** One metric each, beside the default `rto-min`. */
const VARIANTS: readonly (readonly [name: string, route: object])[] = [
  ['rto-min off', { 'rto-min': 'off' }],
  ['rto-min 5ms', {}],
  ['rto-min 20ms', { 'rto-min': '20ms' }],
  ['quickack', { quickack: true }],
  ['initcwnd 100', { initcwnd: 100 }],
  ['congctl reno', { congctl: 'reno' }],
  ['congctl cubic', { congctl: 'cubic' }],
  ['mtu 1400', { mtu: 1400 }],
];

const TIMING: Timing = { ...DEFAULT_TIMING, hold: 200 };
const RATE = 10;
const EXCHANGES = 100;
const PORT = 47_100;
/** Traffic before a card is pulled, and after the traffic has moved, in ms. */
const AROUND = 400;

async function stalls(scene: Scene, { drills, random }: DrillOptions): Promise<number[]> {
  const session = await startSession(scene.lab, NEAR, FAR);
  const times: number[] = [];
  for (let drill = 0; drill < drills; drill++) {
    await scene.untilSteady();
    await sleep(AROUND + random() * TIMING.interval);
    const from = monotonic();
    await scene.move(() => scene.lab.pullCard(FAR, FIRST), [NEAR, FAR], SECOND);
    await sleep(AROUND);
    times.push((await session.result(from)).longestStall);
    await scene.lab.returnCard(FAR, FIRST);
  }
  await session.stop();
  return times;
}

async function exchanges(scene: Scene, what: ExchangeQuestion['what']): Promise<number[]> {
  const script = join(ROOT, 'dist', 'test', 'bench', 'route-metrics-process.js');
  const [near, far] = [scene.lab.host(NEAR), scene.lab.host(FAR)];
  const addresses = [near.alias, far.alias, PORT];
  const server = await TrafficProcess.start(far, script, ['server', ...addresses]);
  const client = await TrafficProcess.start<ExchangeQuestion, number[]>(near, script, [
    'client',
    ...addresses,
  ]);
  const times = await client.ask({ what, count: EXCHANGES });
  await Promise.all([client.stop(), server.stop()]);
  return times;
}

async function runVariant(
  scene: Scene,
  [name, route]: (typeof VARIANTS)[number],
  options: DrillOptions,
): Promise<Measured[]> {
  await scene.lab.writeConfiguration({ ...probeSection(TIMING), route });
  await Promise.all([NEAR, FAR].map((host) => scene.lab.host(host).ctl('reload')));
  const rows: [string, number[]][] = [
    [`${name}: stall`, await stalls(scene, options)],
    [`${name}: two writes`, await exchanges(scene, 'two-writes')],
    [`${name}: connection, 64 KiB`, await exchanges(scene, 'transfers')],
  ];
  return rows.flatMap(([row, times]) =>
    measured(
      [{ name: row, unit: 'ms' }],
      times.map((time) => ({ [row]: time })),
    ),
  );
}

/** What each metric of our routes does to sessions. */
export async function runRouteMetrics(options: DrillOptions): Promise<KindReport> {
  const scene = await Scene.create(TIMING, RATE, options.random);
  try {
    const metrics: Measured[] = [];
    for (const variant of VARIANTS) metrics.push(...(await runVariant(scene, variant, options)));
    return {
      kind: 'route-metrics',
      title: 'what each metric of our routes does to sessions',
      circumstances: [
        `stall: of a session with a request each 5 ms while ${FAR}'s card is pulled; ${options.drills} drills`,
        `two writes: a request in two parts, under Nagle's algorithm, until its answer; ${EXCHANGES} times`,
        `connection, 64 KiB: a new one, that much, and an answer; ${EXCHANGES} times`,
      ],
      metrics,
    };
  } finally {
    await scene.destroy();
  }
}
