import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProcess, LogEvent } from '../../deploy/lab/agent-process';
import type { Moment } from '../../deploy/lab/ip-console';
import { Lab } from '../../deploy/lab/lab';
import { type Session, startSession } from '../../deploy/lab/session';
import { type Stream, startStream } from '../../deploy/lab/stream';
import { LabError, monotonic, waitUntil } from '../../deploy/lab/wait';
import { beaconSection, writeKey } from './beacon';

/** The host that the faults befall, and the one that it talks to. */
export const NEAR = 'alpha';
export const FAR = 'beta';
export const HOSTS = [NEAR, FAR, 'gamma'] as const;
/** The preferred plane, which fails, and the other. */
export const FIRST = 'a';
export const SECOND = 'b';
export const PLANES = [FIRST, SECOND] as const;

/** How long anything may take, in ms. */
const PATIENCE = 30_000;
/** Between two looks at the agents, in ms; only where nothing is measured. */
const LOOK_INTERVAL = 50;
/** A path that falls within this many holds of its return is held longer the next time; one more for good measure. */
const STEADY_HOLDS = 6;

/** How paths are watched, in ms, as far as the bench must know it. */
export interface Timing {
  readonly interval: number;
  readonly retry: number;
  readonly hold: number;
  /** whether the hosts beacon as well, at the same interval; default no */
  readonly beacons?: boolean;
}

export const DEFAULT_TIMING: Timing = { interval: 50, retry: 5, hold: 1000 };

/** The probe section of a cluster file. */
export function probeSection({ interval, retry, hold }: Timing): object {
  return { probe: { interval: `${interval}ms`, retry: `${retry}ms`, hold: `${hold}ms` } };
}

/** What happened to the traffic in a window; times in ms, directions seen from the near host. */
export interface Traffic {
  /** packets lost, each as the ms between two of them */
  readonly outageToward: number;
  readonly outageFrom: number;
  readonly gapToward: number;
  readonly gapFrom: number;
  /** the longest time from a request of the TCP session to its answer */
  readonly stall: number;
}

/** What the log cuts off its times, which are whole ms, on the average. */
const CUT_OFF = 0.5;

/** @returns when the agent wrote a line, in ms on the clock of `monotonic()`, to half a ms */
export function momentOf(event: LogEvent): number {
  const wallNow = performance.timeOrigin + performance.now();
  return monotonic() - (wallNow - Date.parse(String(event.time))) + CUT_OFF;
}

/** A cluster of three hosts with one agent each, and traffic both ways between two of them. */
export class Scene {
  readonly lab: Lab;
  readonly timing: Timing;
  readonly rate: number;
  readonly agents = new Map<string, AgentProcess>();
  readonly #random: () => number;
  #toward: Stream | undefined;
  #from: Stream | undefined;
  #session: Session | undefined;

  private constructor(lab: Lab, timing: Timing, rate: number, random: () => number) {
    this.lab = lab;
    this.timing = timing;
    this.rate = rate;
    this.#random = random;
  }

  /**
   * Builds the cluster, starts agents and traffic, and waits until all paths are up.
   *
   * @param rate packets a second each way
   * @param random gives numbers from 0 to below 1
   * @param sections further ones of the cluster file
   */
  static async create(
    timing: Timing,
    rate: number,
    random: () => number,
    sections: object = {},
  ): Promise<Scene> {
    const lab = await Lab.create({ hosts: HOSTS, planes: PLANES });
    const scene = new Scene(lab, timing, rate, random);
    try {
      const beacons = timing.beacons ? beaconSection(timing.interval, await writeKey(lab)) : {};
      await lab.writeConfiguration({ ...probeSection(timing), ...beacons, ...sections });
      await Promise.all(HOSTS.map((host) => scene.startAgent(host)));
      scene.#toward = await startStream(lab, NEAR, FAR, { hz: rate });
      scene.#from = await startStream(lab, FAR, NEAR, { hz: rate });
      scene.#session = await startSession(lab, NEAR, FAR);
      await scene.untilSteady();
    } catch (error) {
      await scene.destroy();
      throw error;
    }
    return scene;
  }

  destroy(): Promise<void> {
    return this.lab.destroy();
  }

  async startAgent(host: string): Promise<void> {
    this.agents.set(host, await this.lab.host(host).startAgent());
  }

  async killAgent(host: string): Promise<void> {
    const agent = this.agents.get(host);
    agent?.kill('SIGKILL');
    await agent?.exited;
    this.agents.delete(host);
  }

  /** Waits until every path of every agent has been up for long enough not to count as flapping when it fails. */
  async untilSteady(): Promise<void> {
    const enough = STEADY_HOLDS * this.timing.hold;
    const steady = async (): Promise<boolean> => {
      const reports = await Promise.all([...this.agents.keys()].map((host) => this.lab.host(host).status()));
      const paths = reports.flatMap((report) => report.peers.flatMap((peer) => peer.paths));
      const now = Date.now();
      return paths.every(({ state, since }) => state === 'up' && now - Date.parse(since) > enough);
    };
    await waitUntil(steady, PATIENCE, 'every path to be up and steady', LOOK_INTERVAL);
  }

  /** Waits a random part of the probe interval, so that a fault comes at any phase of it. */
  async randomPhase(): Promise<void> {
    await sleep(this.#random() * this.timing.interval);
  }

  /**
   * Changes something, and waits until the agents of some hosts tell that the traffic between the two hosts has moved.
   *
   * @param change returns its moment
   * @param movers hosts whose agents are to tell it
   * @param plane where the traffic goes then
   * @returns the moment, and by host the line of the log
   * @throws LabError where an agent doesn't
   */
  async move(
    change: () => Promise<Moment>,
    movers: readonly string[],
    plane: string,
  ): Promise<{ readonly moment: Moment; readonly told: ReadonlyMap<string, LogEvent> }> {
    const told = movers.map(async (host) => {
      const agent = this.agents.get(host);
      if (agent === undefined) {
        throw new LabError(`no agent runs on ${host}`);
      }
      const peer = host === NEAR ? FAR : NEAR;
      const moved = (event: LogEvent): boolean => event.peer === peer && event.to === plane;
      const event = await agent.waitFor('failover', moved, PATIENCE, agent.events().length);
      return [host, event] as const;
    });
    // A failure of the change must not leave the others' failures unheard.
    const [moment, ...events] = await Promise.all([change(), ...told]);
    return { moment, told: new Map(events) };
  }

  /**
   * What became of the traffic in a window, in ms of `monotonic()`.
   *
   * @throws LabError where the TCP session is lost
   */
  async traffic(from: number, to: number): Promise<Traffic> {
    if (this.#toward === undefined || this.#from === undefined || this.#session === undefined) {
      throw new LabError('no traffic runs');
    }
    const [toward, back, session] = await Promise.all([
      this.#toward.result(from, { to }),
      this.#from.result(from, { to }),
      this.#session.result(from, { to }),
    ]);
    if (!session.alive) {
      throw new LabError(`the TCP session was lost: ${session.error ?? 'no answer'}`);
    }
    return {
      outageToward: (toward.lost * 1000) / this.rate,
      outageFrom: (back.lost * 1000) / this.rate,
      gapToward: toward.longestGap,
      gapFrom: back.longestGap,
      stall: session.longestStall,
    };
  }
}
