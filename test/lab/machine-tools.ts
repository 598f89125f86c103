import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEvent } from '../../deploy/lab/agent-process';
import { monotonic, waitUntil } from '../../deploy/lab/wait';
import { beaconSection, type KeyFile } from './beacon-cluster';
import {
  Cluster,
  type ClusterOptions,
  cpuShare,
  cpuShareDuring,
  PATIENCE,
  type Streams,
} from './promise-cluster';
import { aliasNeighbors, loopbackAddresses, routesTo, setting } from './promise-kernel';

/** What an agent with one peer may use of a CPU in the second after a change; a loop would take all of one. */
const BUSY = 0.2;
/** Over which that is measured, in ms. */
const WATCH = 1000;
/** Datagrams may be on their way, or wait for a busy machine, for so many ms more than they are lost. */
const SLACK = 40;

/** Something that happens to the machine on which an agent runs, or to its peer's. */
export interface Change {
  readonly name: string;
  inflict(cluster: Cluster): Promise<unknown>;
  /** the one event of alpha's that names it, with these fields */
  readonly event: LogEvent;
  /** how often it may be told, where it happens again and again; default once */
  readonly times?: number;
  /** without a way for at most so many ms, each way */
  readonly bound: number;
  /** what happens next, where it isn't the agent that brings all back */
  mend?(cluster: Cluster): Promise<unknown>;
  /** the same for the mending; default 0 */
  readonly mendBound?: number;
  /** most that the agent may use of a CPU while it is inflicted, from 0 to 1; default as much as it takes */
  readonly busy?: number;
  /** whether alpha's agent is another one afterwards */
  readonly restarts?: boolean;
}

/** What was measured of a change. */
interface Measured {
  /** datagrams of 1000 a second that were lost, so ms, in the worse direction */
  readonly lost: number;
  /** the same while it was mended */
  readonly lostInMending?: number;
  /** share of one CPU that the agent took meanwhile, from 0 to 1 */
  readonly during?: number | undefined;
  /** the same in the second afterwards */
  readonly cpu: number;
}

/** Whether an event has these fields; of an array it has to hold all. A function decides by itself. */
export function matches(event: LogEvent, wanted: LogEvent): boolean {
  return Object.entries(wanted).every(([field, value]) => {
    const found = event[field];
    if (typeof value === 'function') return value(found) === true;
    return Array.isArray(value) && Array.isArray(found)
      ? value.every((each) => found.includes(each))
      : found === value;
  });
}

/** Waits until every path is up and all of ours is in alpha's kernel as it should be. */
export async function untilWhole(cluster: Cluster): Promise<void> {
  const { alpha, beta } = cluster;
  await cluster.waitForPaths('up');
  const whole = async () => {
    const routes = await routesTo(alpha, beta.alias);
    const neighbors = (await aliasNeighbors(alpha)).filter(({ state }) => state.includes('PERMANENT'));
    const settings = ['eth0', 'eth1'].map((device) => setting(alpha, device, 'ignore_routes_with_linkdown'));
    return (
      routes.join() === 'eth0 100,eth1 110' &&
      neighbors.length === 2 &&
      (await Promise.all(settings)).join() === '1,1' &&
      (await loopbackAddresses(alpha)).includes(`${alpha.alias}/32 lo:mh0`)
    );
  };
  await waitUntil(whole, PATIENCE, "all of ours in alpha's kernel", 20);
  await cluster.waitForPlane(alpha, beta.alias, 'a');
  await cluster.waitForPlane(beta, alpha.alias, 'a');
}

/** What the streams lost since a moment, in the worse direction. */
async function lostSince({ there, back }: Streams, from: number): Promise<number> {
  const [one, other] = await Promise.all([there.result(from), back.result(from)]);
  expect(one.sent).toBeGreaterThan(0);
  expect(other.sent).toBeGreaterThan(0);
  return Math.max(one.lost, other.lost);
}

/** Inflicts a change under streams, proves its bound, its one event and that nothing turns in circles, and mends it. */
export async function prove(cluster: Cluster, streams: Streams, change: Change): Promise<void> {
  const before = cluster.agent('alpha');
  const skip = change.restarts === true ? 0 : before.events().length;
  const from = streams.there.mark();
  const during = await inflict(cluster, change);
  const agent = cluster.agent('alpha');
  const isIt = (event: LogEvent) => matches(event, change.event);
  await agent.waitFor(change.event.event ?? '', isIt, PATIENCE, skip);
  const cpu = await cpuShare(agent.pid, WATCH);
  const lost = await lostSince(streams, from);
  const mending = streams.there.mark();
  await change.mend?.(cluster);
  await untilWhole(cluster);
  await sleep(200);
  const lostInMending = await lostSince(streams, mending);
  report(change, { lost, lostInMending, during, cpu });
  const told = agent.events().slice(skip).filter(isIt).length;
  expect(told).toBeGreaterThan(0);
  expect(told).toBeLessThanOrEqual(change.times ?? 1);
  expect(lost).toBeLessThanOrEqual(mostLost(change.bound));
  expect(lostInMending).toBeLessThanOrEqual(mostLost(change.mendBound ?? 0));
  expect(cpu).toBeLessThan(BUSY);
  if (change.busy !== undefined) expect(during).toBeLessThan(change.busy);
  if (change.restarts !== true) expect((await cluster.alpha.status()).pid).toBe(before.pid);
}

/** What the agent used of a CPU while a change was inflicted; undefined where that was but a moment, or it is another one now. */
async function inflict(cluster: Cluster, change: Change): Promise<number | undefined> {
  if (change.restarts === true) {
    await change.inflict(cluster);
    return undefined;
  }
  const from = monotonic();
  const share = await cpuShareDuring(cluster.agent('alpha').pid, () => change.inflict(cluster));
  return monotonic() - from < WATCH ? undefined : share;
}

/** How many datagrams of 1000 a second may be lost where there may be no way for so many ms. */
function mostLost(bound: number): number {
  return bound === 0 ? 0 : bound + SLACK;
}

const HEAD = `| change | event | lost | bound | lost when it is over | CPU meanwhile | CPU afterwards |
|---|---|---|---|---|---|---|
`;

/** Writes a row for `make drill-machine`, which prints them. */
export function report({ name, event, bound, mend }: Omit<Change, 'inflict'>, measured: Measured): void {
  const file = process.env.MACHINE_REPORT;
  if (file === undefined) return;
  if (!existsSync(file)) writeFileSync(file, HEAD);
  const { lost, lostInMending, during, cpu } = measured;
  const percent = (share: number | undefined) => (share === undefined ? '' : `${Math.round(share * 100)} %`);
  const cells = [
    name,
    `\`${event.event}\``,
    `${lost} ms`,
    bound === 0 ? 'none' : `${bound} ms`,
    mend === undefined ? '' : `${lostInMending} ms`,
    percent(during),
    percent(cpu),
  ];
  appendFileSync(file, `| ${cells.join(' | ')} |\n`);
}

/** The configuration with which `make drill-machine` proves the links once more. */
export function withBeacons(key: KeyFile): object {
  return { probe: { hold: '100ms' }, ...beaconSection(key) };
}

interface ProvingOptions extends ClusterOptions {
  /** starts the agents, where the lab doesn't */
  prepare?(cluster: Cluster): Promise<unknown>;
}

/** A test for each change, one after the other in one cluster, under the same streams. */
export function proveEach(changes: readonly Change[], { prepare, ...options }: ProvingOptions = {}): void {
  let cluster: Cluster;
  let streams: Streams;
  beforeAll(async () => {
    cluster = await Cluster.create(options);
    await prepare?.(cluster);
    await cluster.waitForPaths('up');
    streams = await cluster.startStreams();
    await untilWhole(cluster);
  });
  afterAll(() => cluster?.lab.destroy());
  test.each(changes.map((change) => [change.name, change] as const))('%s', async (_, change) => {
    try {
      await prove(cluster, streams, change);
      cluster.checkAgents();
    } catch (error) {
      process.stderr.write(`${cluster.describe()}\n`);
      throw error;
    }
  });
}
