import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { monotonic } from '../../deploy/lab/wait';
import type { Cluster, Streams } from './promise-cluster';
import { aliasNeighbors, KernelWatch, ownRoutes } from './promise-kernel';

/** A host on both planes that belongs to no cluster. */
export const STRANGER = {
  hosts: ['alpha', 'beta', 'stranger'],
  agents: ['alpha', 'beta'],
  configuration: { hosts: { stranger: undefined } },
} as const;

/** How long a flood goes on unless it is ended before, in ms. */
const LONGEST = 60_000;
/** After a failover, until all that was lost must have been noticed, in ms. */
const AFTERMATH = 100;

/** Frames that a stranger sends again and again until it is told to stop. */
export class Flood {
  readonly #child: ChildProcess;
  readonly #sent: Promise<number>;
  readonly #startedAt = monotonic();

  /**
   * @param rate frames a second; undefined for as many as go
   * @param by the program that sends them, and its first arguments
   */
  constructor(
    host: LabHost,
    device: string,
    frames: readonly Uint8Array[],
    rate?: number,
    by: readonly [string, ...string[]] = ['frame-sender.js'],
  ) {
    const [script, ...first] = by;
    const path = join(ROOT, 'dist', 'test', 'lab', script);
    const args = [path, ...first, device, `${LONGEST}`, ...(rate === undefined ? [] : [`${rate}`])];
    this.#child = host.spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    this.#sent = new Promise((resolve) => this.#child.once('close', () => resolve(Number(said))));
    this.#child.stdin?.end(frames.map((frame) => `${Buffer.from(frame).toString('hex')}\n`).join(''));
  }

  /** Ends it; how many frames went, and how many a second. */
  async stop(): Promise<{ readonly sent: number; readonly rate: number }> {
    const ms = monotonic() - this.#startedAt;
    this.#child.kill('SIGTERM');
    const sent = await this.#sent;
    return { sent, rate: Math.round((sent / ms) * 1000) };
  }
}

/** Where it is given, each flood is to be measured by itself, with so many failovers without it and beside it. */
export const { LAB_FAILOVERS } = process.env;
const FAILOVERS = Number(LAB_FAILOVERS ?? 3);

/** Some failovers, one after the other, under streams; how long packets to beta were lost by each, in ms. */
export async function failovers(cluster: Cluster): Promise<number[]> {
  const streams = await cluster.startStreams();
  const times: number[] = [];
  for (let count = 0; count < FAILOVERS; count++) times.push(await failover(cluster, streams));
  await Promise.all(Object.values(streams).map((stream) => stream.stop()));
  return times;
}

/** Beta's card on plane a is pulled and put back; how long packets to it were lost, in ms. */
async function failover(cluster: Cluster, { there }: Streams): Promise<number> {
  const from = there.mark();
  await cluster.lab.pullCard('beta', 'a');
  await cluster.waitForPlane(cluster.alpha, cluster.beta.alias, 'b');
  await sleep(AFTERMATH);
  const { lost } = await there.result(from);
  await cluster.lab.returnCard('beta', 'a');
  await cluster.waitForPaths('up');
  await cluster.waitForPlane(cluster.alpha, cluster.beta.alias, 'a');
  return lost;
}

/** What an agent decides where something is wrong. */
const DECISIONS = ['path-down', 'failover', 'peer-unreachable', 'repaired', 'kernel-refused'];

/**
 * Does something under streams each way; all that changed by it, in words: routes and neighbor entries of the aliases, all the while by
 * ip-monitor(8) and in the end, lost packets, and what the agents decided.
 */
export async function harmed(cluster: Cluster, attack: () => Promise<unknown>): Promise<string[]> {
  const hosts = [cluster.alpha, cluster.beta];
  const holdings = () =>
    Promise.all(
      hosts.map(async (host) => {
        const { stdout } = await host.run('ip', ['-N', 'neigh', 'show', 'nud', 'permanent']);
        return JSON.stringify([await ownRoutes(host), await aliasNeighbors(host), stdout]);
      }),
    );
  const before = await holdings();
  const watches = await Promise.all(hosts.map((host) => KernelWatch.start(host)));
  const seen = hosts.map(({ name }) => cluster.agent(name).events().length);
  const streams = await cluster.startStreams();
  const { there, back } = await cluster.measure(streams, attack);
  const told = await Promise.all(watches.map((watch) => watch.take()));
  const after = await holdings();
  for (const watch of watches) watch.stop();
  await Promise.all(Object.values(streams).map((stream) => stream.stop()));
  const differences = hosts.flatMap(({ name }, index) =>
    before[index] === after[index] ? [] : [`${name} holds ${after[index]} instead of ${before[index]}`],
  );
  const lost = [there, back].map((result) => result.lost).filter((count) => count > 0);
  const silent = [there, back].some(({ sent }) => sent === 0);
  return [
    ...told.flat(),
    ...differences,
    ...(silent ? ['no packet was sent meanwhile'] : []),
    ...lost.map((count) => `${count} packets lost`),
    ...hosts.flatMap(({ name }, index) =>
      cluster.eventNames(name, seen[index]).filter((event) => DECISIONS.includes(event)),
    ),
  ];
}

export function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]!;
}

/** Whether somebody wants to know what was measured. */
export const REPORTING = process.env.LAB_REPORT !== undefined;

/** Prints what was measured, where somebody wants to know. */
export function report(columns: readonly string[]): void {
  if (REPORTING) process.stderr.write(`${columns.join(' | ')}\n`);
}
