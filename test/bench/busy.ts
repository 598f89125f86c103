import type { ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProcess, LogEvent } from '../../deploy/lab/agent-process';
import { Lab } from '../../deploy/lab/lab';
import { waitUntil } from '../../deploy/lab/wait';
import { writeKey } from './beacon';
import type { DrillOptions } from './drill';
import { readBusy } from './machine';
import { type KindReport, type Metric, measured, type Sample } from './result';
import { FIRST, HOSTS, momentOf, NEAR, PLANES, probeSection, SECOND } from './scene';

/** As fast as silence is found in the drills of `silent-fast`, so the least time in which a stall could be taken for a failure. */
const TIMING = { interval: 10, retry: 2, hold: 1000 };
/** One sample, in ms: with the usual 20 drills ten minutes. */
const WINDOW = 30_000;
/** How long all paths may take to be up, in ms. */
const PATIENCE = 30_000;
const LOOK_INTERVAL = 100;
/** What is told of each path that was blamed, at most this many. */
const TOLD = 10;

/** Of stress-ng(1), one for each core: computes, or sends over the host's own loopback interface, which takes the kernel's network threads too. */
type Stressor = 'cpu' | 'sock';

/** What keeps the machine busy, and how the cluster watches its paths meanwhile. */
interface Busy {
  readonly kind: string;
  readonly stressor: Stressor;
  readonly beacons: boolean;
  /** who answers for the aliases: as on a plain host, or on a hardened one */
  readonly responder: 'kernel' | 'agent';
}

const ROUND_TRIP = 'longest round trip, smoothed';
const FOUND = 'silent drop to failover logged';
const USED = 'of all cores, used';
const METRICS: readonly Metric[] = [
  { name: 'failovers', unit: 'number', goals: [{ statistic: 'maximum', limit: 0 }] },
  { name: 'paths down', unit: 'number', goals: [{ statistic: 'maximum', limit: 0 }] },
  { name: 'suspicions', unit: 'number' },
  { name: USED, unit: '%' },
  { name: ROUND_TRIP, unit: 'ms' },
  { name: FOUND, unit: 'ms' },
];
const EVENTS = { failover: 'failovers', 'path-down': 'paths down', 'path-suspect': 'suspicions' } as const;

/** Only by name: each takes ten minutes. */
export const BUSY_KINDS: readonly Busy[] = [
  { kind: 'busy', stressor: 'cpu', beacons: false, responder: 'kernel' },
  { kind: 'busy-beacons', stressor: 'cpu', beacons: true, responder: 'kernel' },
  { kind: 'busy-sockets', stressor: 'sock', beacons: false, responder: 'kernel' },
  { kind: 'busy-agent', stressor: 'cpu', beacons: false, responder: 'agent' },
];

/** A program that leaves no core idle, until it is ended. */
class Load {
  readonly #children: readonly ChildProcess[];

  private constructor(
    children: readonly ChildProcess[],
    /** in words */
    readonly text: string,
  ) {
    this.#children = children;
  }

  /** Starts stress-ng on the near host, for `ms` at most; where it isn't installed, as many loops of the shell. */
  static async start(lab: Lab, stressor: Stressor, ms: number): Promise<Load> {
    const host = lab.host(NEAR);
    const cores = availableParallelism();
    const { status } = await host.run('sh', ['-c', 'command -v stress-ng'], { check: false });
    if (status === 0) {
      const args = ['--quiet', `--${stressor}`, `${cores}`, '--timeout', `${Math.ceil(ms / 1000)}s`];
      return new Load(
        [host.spawn('stress-ng', args, { stdio: 'ignore' })],
        `stress-ng --${stressor} ${cores}`,
      );
    }
    const loops = Array.from({ length: cores }, () =>
      host.spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }),
    );
    return new Load(loops, `${cores} loops of the shell, since stress-ng is not installed`);
  }

  /** @throws Error where it has ended already: then the cores were idle */
  async stop(): Promise<void> {
    const running = this.#children.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    );
    const ended = running.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of running) child.kill('SIGTERM');
    await Promise.all(ended);
    if (running.length < this.#children.length) throw new Error(`${this.text} ended before its time`);
  }
}

async function build({ beacons, responder }: Busy): Promise<Lab> {
  const configuration = { ...probeSection(TIMING), arp: { responder } };
  const lab = await Lab.create({ hosts: HOSTS, planes: PLANES, configuration });
  if (!beacons) return lab;
  const beacon = { enabled: true, interval: `${TIMING.interval}ms`, 'key-file': await writeKey(lab) };
  await lab.writeConfiguration({ beacon });
  return lab;
}

async function untilUp(lab: Lab): Promise<void> {
  const up = async (): Promise<boolean> => {
    const reports = await Promise.all(lab.hosts().map((host) => host.status()));
    return reports.every(({ peers }) =>
      peers.every(({ paths }) => paths.every(({ state }) => state === 'up')),
    );
  };
  await waitUntil(up, PATIENCE, 'every path to be up', LOOK_INTERVAL);
}

/** What the agents logged from a point on, by name. */
function count(agents: readonly AgentProcess[], from: readonly number[]): Sample {
  const events = agents.flatMap((agent, index) => agent.events().slice(from[index]));
  const counts = Object.entries(EVENTS).map(([event, name]) => [
    name,
    events.filter((logged) => logged.event === event).length,
  ]);
  return Object.fromEntries(counts);
}

/** Every path that was blamed, for whoever looks for the reason. */
function blamed(agents: readonly AgentProcess[], from: readonly number[]): string[] {
  const lines = agents.flatMap((agent, index) =>
    agent
      .events()
      .slice(from[index])
      .filter(({ event }) => event === 'path-down')
      .map((event) => `${HOSTS[index]}: ${JSON.stringify(event)}`),
  );
  return lines.length > TOLD ? [...lines.slice(0, TOLD), `and ${lines.length - TOLD} more`] : lines;
}

async function longestRoundTrip(lab: Lab): Promise<Sample> {
  const reports = await Promise.all(lab.hosts().map((host) => host.status()));
  const paths = reports.flatMap(({ peers }) => peers.flatMap((peer) => peer.paths));
  return { [ROUND_TRIP]: Math.max(...paths.map(({ rtt }) => rtt ?? 0)) };
}

/** Who blames nobody must still find a real fault: every agent's time to do so, and the load goes on meanwhile. */
async function findDrop(lab: Lab, agents: readonly AgentProcess[]): Promise<Sample[]> {
  const from = agents.map((agent) => agent.events().length);
  const isFailover = (event: LogEvent): boolean => event.to === SECOND;
  const found = agents.map((agent, index) => agent.waitFor('failover', isFailover, PATIENCE, from[index]));
  const [{ before }, ...events] = await Promise.all([lab.dropPort(NEAR, FIRST), ...found]);
  return events.map((event) => ({ [FOUND]: momentOf(event) - before }));
}

/** Nothing fails, while another program keeps every core busy: nobody should be blamed. */
export async function runBusy(busy: Busy, { drills }: Pick<DrillOptions, 'drills'>): Promise<KindReport> {
  const lab = await build(busy);
  try {
    const agents = await Promise.all(lab.hosts().map((host) => host.startAgent()));
    await untilUp(lab);
    const start = agents.map((agent) => agent.events().length);
    const load = await Load.start(lab, busy.stressor, 2 * drills * WINDOW);
    const samples: Sample[] = [];
    for (let window = 0; window < drills; window++) {
      const from = agents.map((agent) => agent.events().length);
      const [used] = await Promise.all([readBusy(), sleep(WINDOW)]);
      samples.push({ ...count(agents, from), ...(await longestRoundTrip(lab)), [USED]: used });
    }
    const undisturbed = blamed(agents, start);
    samples.push(...(await findDrop(lab, agents)));
    await load.stop();
    const { interval, retry, hold } = TIMING;
    return {
      kind: busy.kind,
      title: 'nothing fails, and another program keeps every core busy',
      circumstances: [
        `${load.text}, at the agents' own priority; three hosts, ${drills} windows of ${WINDOW / 1000} s;`,
        `interval ${interval} ms, retry ${retry} ms, misses 3, hold ${hold} ms;`,
        `after the last of them ${NEAR}'s port drops every frame;`,
        `beacons ${busy.beacons ? `each ${interval} ms` : 'off'}; the ${busy.responder} answers ARP`,
        ...undisturbed,
      ],
      metrics: measured(METRICS, samples),
    };
  } finally {
    await lab.destroy();
  }
}
