import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PathReport } from '../../agent/control/protocol';
import type { AgentExit, AgentProcess } from '../../deploy/lab/agent-process';
import type { AgentOptions, LabHost } from '../../deploy/lab/host';
import { Lab, type LabOptions } from '../../deploy/lab/lab';
import { type Stream, type StreamResult, startStream } from '../../deploy/lab/stream';
import { monotonic, waitUntil } from '../../deploy/lab/wait';

/** How long something that has to happen may take on a busy machine, in ms. Says nothing of how fast it should be. */
export const PATIENCE = 20_000;
/** Between two looks at a status, in ms. */
const LOOK = 20;
/** Traffic before and after what is done to it, in ms, so that a loss at its edges shows. */
const AROUND = 200;

export interface ClusterOptions extends Partial<LabOptions> {
  /** hosts on which the lab starts the agent; default all */
  readonly agents?: readonly string[];
}

/** A stream each way between alpha's and beta's aliases. */
export interface Streams {
  readonly there: Stream;
  readonly back: Stream;
}

/** A path that returns is trusted sooner than by default, so that the tests wait less. */
const CONFIGURATION = { probe: { hold: '100ms' } };

/** A lab of two hosts on two planes, unless told otherwise, with agents that see every path up. */
export class Cluster {
  readonly #agents = new Map<string, AgentProcess>();

  private constructor(readonly lab: Lab) {}

  static async create({ agents, ...options }: ClusterOptions): Promise<Cluster> {
    const configuration = { ...CONFIGURATION, ...options.configuration };
    const lab = await Lab.create({ hosts: ['alpha', 'beta'], planes: ['a', 'b'], ...options, configuration });
    const cluster = new Cluster(lab);
    try {
      const names = agents ?? lab.hosts().map(({ name }) => name);
      await Promise.all(names.map((name) => cluster.start(name)));
      await cluster.waitForPaths('up');
    } catch (error) {
      await lab.destroy();
      throw error;
    }
    return cluster;
  }

  get alpha(): LabHost {
    return this.lab.host('alpha');
  }

  get beta(): LabHost {
    return this.lab.host('beta');
  }

  /** The agent of a host; one that has ended too, until the next is started. */
  agent(host: string): AgentProcess {
    const agent = this.#agents.get(host);
    if (agent === undefined) throw new Error(`no agent was started on ${host}`);
    return agent;
  }

  async start(host: string, options: AgentOptions = {}): Promise<AgentProcess> {
    const agent = await this.lab.host(host).startAgent(options);
    this.#agents.set(host, agent);
    return agent;
  }

  /** Ends an agent by a signal, and waits until it is gone. */
  async kill(host: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<AgentExit> {
    this.agent(host).kill(signal);
    return this.agent(host).exited;
  }

  /** The path from a host to a peer on a plane, as that host's agent reports it. */
  async path(host: string, peer: string, plane: string): Promise<PathReport> {
    const { peers } = await this.lab.host(host).status();
    const found = peers.find(({ name }) => name === peer)?.paths.find((path) => path.plane === plane);
    if (found === undefined) throw new Error(`${host} reports no path to ${peer} on ${plane}`);
    return found;
  }

  waitForPath(host: string, peer: string, plane: string, state: PathReport['state']): Promise<unknown> {
    const reached = async () => (await this.path(host, peer, plane)).state === state;
    return waitUntil(reached, PATIENCE, `${host} to see ${peer} ${state} on ${plane}`, LOOK);
  }

  /** Waits until these hosts' agents, those of all hosts if none are named, see every path in a state. */
  async waitForPaths(
    state: PathReport['state'],
    hosts: readonly string[] = [...this.#agents.keys()],
  ): Promise<void> {
    const reached = async (host: string) => {
      const { peers } = await this.lab.host(host).status();
      return peers.every(({ paths }) => paths.every((path) => path.state === state));
    };
    for (const host of hosts) {
      await waitUntil(() => reached(host), PATIENCE, `${host} to see every path ${state}`, LOOK);
    }
  }

  /** Waits until packets from a host to an address leave by the link on a plane, whatever the agents know of it. */
  waitForPlane(host: LabHost, address: string, plane: string): Promise<unknown> {
    const there = async () => host.planeOf((await host.routeTo(address))?.dev ?? '') === plane;
    return waitUntil(there, PATIENCE, `packets from ${host.name} to ${address} on plane ${plane}`, LOOK);
  }

  /** Starts a stream each way. */
  async startStreams(hz = 1000): Promise<Streams> {
    const [there, back] = await Promise.all([
      startStream(this.lab, 'alpha', 'beta', { hz }),
      startStream(this.lab, 'beta', 'alpha', { hz }),
    ]);
    return { there, back };
  }

  /** What both streams lost while something was done, and shortly before and after. */
  async measure(
    { there, back }: Streams,
    change: () => Promise<unknown>,
  ): Promise<{ readonly there: StreamResult; readonly back: StreamResult }> {
    await sleep(AROUND);
    const from = there.mark() - AROUND / 2;
    await change();
    await sleep(AROUND);
    const [one, other] = await Promise.all([there.result(from), back.result(from)]);
    return { there: one, back: other };
  }

  /** The names of the events that an agent logged from a point on. */
  eventNames(host: string, from = 0): string[] {
    return this.agent(host)
      .events()
      .slice(from)
      .map(({ event }) => event ?? '');
  }

  /** What the agents said last, for a test that failed. */
  describe(): string {
    const lines = [...this.#agents].flatMap(([host, agent]) => [
      `${host}:`,
      ...agent
        .events()
        .slice(-15)
        .map((event) => `  ${JSON.stringify(event)}`),
      agent.errors(),
    ]);
    return lines.join('\n');
  }

  /** @throws where an agent met something that it has no name for */
  checkAgents(): void {
    for (const host of this.#agents.keys()) expect(this.eventNames(host)).not.toContain('fatal');
  }
}

/** A test in a cluster of its own, of which nothing stays. A failure tells what the agents said. */
export function inCluster(
  body: (cluster: Cluster) => Promise<void>,
  options: ClusterOptions = {},
): () => Promise<void> {
  return async () => {
    const cluster = await Cluster.create(options);
    try {
      await body(cluster);
      cluster.checkAgents();
    } catch (error) {
      process.stderr.write(`${cluster.describe()}\n`);
      throw error;
    } finally {
      await cluster.lab.destroy();
    }
  };
}

/** What a process used of one CPU during some ms, from 0 to 1 for each of its threads. */
export async function cpuShare(pid: number, ms = 600): Promise<number> {
  return cpuShareDuring(pid, () => sleep(ms));
}

/** The same while something is done. */
export async function cpuShareDuring(pid: number, action: () => Promise<unknown>): Promise<number> {
  /** utime and stime, fields 14 and 15, in ticks of 10 ms (proc_pid_stat(5)); the name before may hold spaces */
  const used = () => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  };
  const [before, from] = [used(), monotonic()];
  await action();
  return (used() - before) / (monotonic() - from);
}

/** A stream that lost nothing. */
export const NOTHING_LOST = expect.objectContaining({ lost: 0, sent: expect.any(Number) });
