import { setTimeout as sleep } from 'node:timers/promises';
import type { Moment } from '../../deploy/lab/ip-console';
import type { DrillOptions } from './drill';
import { OutageSessions } from './outage-sessions';
import { type Goal, type KindReport, type Metric, measured, type Sample } from './result';
import { DEFAULT_TIMING, FAR, FIRST, NEAR, PLANES, Scene, SECOND, type Timing } from './scene';

/** What differs from the defaults. */
interface Tuning {
  /** of the kind, after that of the outage */
  readonly name: string;
  /** sysctls below net.ipv4 of both hosts */
  readonly settings?: Readonly<Record<string, number>>;
  /** of the cluster file */
  readonly route?: object;
  /** of the time until a request is answered again, in ms */
  readonly goals?: readonly Goal[];
}

/** A way in which all paths between two hosts fail at once, and one comes back. */
export interface Outage {
  readonly kind: string;
  readonly title: string;
  /** of the outage, on the average, in s */
  readonly seconds: number;
  readonly tuning: Tuning;
  break(scene: Scene): Promise<unknown>;
  /** brings the preferred plane back */
  mend(scene: Scene): Promise<Moment>;
  /** and then the other */
  mendRest(scene: Scene): Promise<unknown>;
}

const PULLED = {
  name: 'outage',
  title: `${NEAR}'s cards are pulled on both planes, then one comes back`,
  break: ({ lab }: Scene) => Promise.all(PLANES.map((plane) => lab.pullCard(NEAR, plane))),
  mend: ({ lab }: Scene) => lab.returnCard(NEAR, FIRST),
  mendRest: ({ lab }: Scene) => lab.returnCard(NEAR, SECOND),
} as const;

const SILENT = {
  name: 'outage-silent',
  title: 'both switches silently forward nothing, then one forwards again',
  break: ({ lab }: Scene) => Promise.all(PLANES.map((plane) => lab.silenceSwitch(plane))),
  mend: ({ lab }: Scene) => lab.unsilenceSwitch(FIRST),
  mendRest: ({ lab }: Scene) => lab.unsilenceSwitch(SECOND),
} as const;

const PLAIN: Tuning = { name: '' };
/** What docs/tcp.md recommends. TCP then tries once a second, and the answer needs no time on a LAN. */
const BOUNDED: Tuning = {
  name: '-tuned',
  settings: { tcp_rto_max_ms: 1000, tcp_retries2: 255, tcp_syn_retries: 120 },
  goals: [{ statistic: 'maximum', limit: 1100 }],
};
/** The queue for datagrams and echoes as well, of which there are 1200 in the 3 s that the kernel keeps them. */
const QUEUE = 4 << 20;
const PARKED: Tuning = {
  name: '-parked',
  settings: { 'neigh.eth0.unres_qlen_bytes': QUEUE, 'neigh.eth1.unres_qlen_bytes': QUEUE },
  route: { park: true },
};

function outagesOf(way: typeof PULLED | typeof SILENT, tuning: Tuning): Outage[] {
  const { name, settings, route } = tuning;
  const differences = Object.entries({ ...settings, ...route }).map(([key, value]) => `${key} ${value}`);
  const title = [way.title, ...differences].join('; ');
  return [1, 5, 30].map((seconds) => ({
    ...way,
    kind: `${way.name}${name}-${seconds}`,
    title,
    seconds,
    tuning,
  }));
}

export const OUTAGES: readonly Outage[] = [PLAIN, BOUNDED, PARKED].flatMap((tuning) => [
  ...outagesOf(PULLED, tuning),
  ...outagesOf(SILENT, tuning),
]);

const TIMING: Timing = { ...DEFAULT_TIMING, hold: 200 };
/** Packets a second of the streams that run in every scene, and of which nothing is asked here. */
const RATE = 10;
/** A drill's outage lasts from so much of the given time to so much more than it: where TCP's back-off is then, is left to chance. */
const SHORTEST = 0.75;
const SPREAD = 0.5;
/** An outage that takes longer than this, in s, is drilled less often. */
const LONG = 10;
const LONG_DRILLS = 6;
/** TCP waits at most about as long as the outage took; this much longer, in ms, would be a failure. */
const PATIENCE = 60_000;
/** Traffic before each outage, in ms. */
const CALM = 300;

const NAMES = {
  exchange: 'TCP request to answer goes on',
  bulk: 'TCP bulk transfer goes on',
  connections: 'connection begun meanwhile stands',
  datagrams: 'UDP datagrams arrive',
  echoes: 'ICMP echoes are answered',
} as const;
const LENGTH = 'length of the outage';

function metricsOf({ goals = [] }: Tuning): Metric[] {
  const names = Object.values(NAMES);
  const resumes = names.map((name): Metric => {
    return { name, unit: 'ms', goals: name === NAMES.exchange ? goals : [] };
  });
  return [{ name: LENGTH, unit: 'ms' }, ...resumes];
}

async function runDrill(
  scene: Scene,
  sessions: OutageSessions,
  outage: Outage,
  random: () => number,
): Promise<Sample> {
  await scene.untilSteady();
  await sleep(CALM);
  await scene.randomPhase();
  const length = outage.seconds * 1000 * (SHORTEST + SPREAD * random());
  const connectAt = length * random();
  await outage.break(scene);
  await sleep(connectAt);
  await sessions.connect();
  await sleep(length - connectAt);
  const { before } = await outage.mend(scene);
  const resumed = await sessions.resumed(before, Object.keys(NAMES), PATIENCE + length);
  await outage.mendRest(scene);
  const times = Object.entries(NAMES).map(([key, name]) => [name, resumed[key]! - before]);
  return { [LENGTH]: length, ...Object.fromEntries(times) };
}

async function set(scene: Scene, { settings }: Tuning): Promise<void> {
  const values = Object.entries(settings ?? {}).map(([name, value]) => `net.ipv4.${name}=${value}`);
  if (values.length === 0) return;
  await Promise.all([NEAR, FAR].map((host) => scene.lab.host(host).run('sysctl', ['-qw', ...values])));
}

/** All paths fail together for a while: how long after the first one's return does each kind of session go on? */
export async function runOutage(outage: Outage, { drills, random }: DrillOptions): Promise<KindReport> {
  const { tuning } = outage;
  const scene = await Scene.create(TIMING, RATE, random, { route: tuning.route });
  try {
    // Only sockets that are opened afterwards heed some of them.
    await set(scene, tuning);
    const sessions = await OutageSessions.start(scene.lab, NEAR, FAR);
    const samples: Sample[] = [];
    const count = outage.seconds > LONG ? Math.min(drills, LONG_DRILLS) : drills;
    for (let drill = 0; drill < count; drill++) {
      samples.push(await runDrill(scene, sessions, outage, random));
    }
    return {
      kind: outage.kind,
      title: outage.title,
      circumstances: [
        `${count} drills; the outage takes ${outage.seconds} s, or up to a quarter less or more`,
        'times from the return of the path; a request, a datagram and an echo each 5 ms, 16 KiB of bulk each 5 ms',
      ],
      metrics: measured(metricsOf(tuning), samples),
    };
  } finally {
    await scene.destroy();
  }
}
