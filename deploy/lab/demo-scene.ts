import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProcess } from './agent-process';
import { Lab } from './lab';
import { type Session, startSession } from './session';
import { type Stream, type StreamResult, startStream } from './stream';
import { LabError, monotonic, waitUntil } from './wait';

/** The two hosts between which the traffic runs. */
export const NEAR = 'alpha';
export const FAR = 'beta';
export const HOSTS = [NEAR, FAR, 'gamma'] as const;
export const PLANES = ['a', 'b'] as const;

/** How long the traffic may take to be where it is expected, in ms. A path that flaps is held longer each time. */
const PATIENCE = 40_000;
/** Between two looks at where the traffic is, in ms: seldom enough not to disturb it. */
const LOOK_INTERVAL = 50;
/** How much undisturbed traffic belongs to a measurement after each change, in ms. */
const AFTERMATH = 400;

/** What happened to the traffic during one change. */
export interface Measurement {
  readonly sent: number;
  /** packets lost toward the far host, and from it */
  readonly lost: { readonly there: number; readonly back: number };
  /** of both directions, in ms */
  readonly longestGap: number;
  /** which carries the traffic both ways at the end */
  readonly plane: string;
  /** from the change until the traffic was there and every expected path was up, in ms, to within some 10 ms */
  readonly settled: number;
  readonly session: { readonly alive: boolean; readonly longestStall: number; readonly error: string | null };
}

/** The cluster, its agents and the traffic on it. */
export class Scene {
  readonly lab: Lab;
  /** running agents by host */
  readonly agents = new Map<string, AgentProcess>();
  #traffic: { there: Stream; back: Stream; session: Session } | undefined;

  private constructor(lab: Lab) {
    this.lab = lab;
  }

  static async create(): Promise<Scene> {
    return new Scene(await Lab.create({ hosts: HOSTS, planes: PLANES }));
  }

  /**
   * Starts the agent of a host and waits until it is ready.
   *
   * @returns how long that took, in ms
   */
  async startAgent(host: string): Promise<number> {
    const start = monotonic();
    this.agents.set(host, await this.lab.host(host).startAgent());
    return monotonic() - start;
  }

  /** Ends an agent by SIGKILL. */
  async killAgent(host: string): Promise<void> {
    const agent = this.agents.get(host);
    agent?.kill('SIGKILL');
    await agent?.exited;
    this.agents.delete(host);
  }

  /** Gives the hosts a key, and starts their agents anew, so that no path counts as flapping: they send beacons from now on. */
  async startBeacons(): Promise<void> {
    const keyFile = join(dirname(this.lab.configurationFile), 'beacon.key');
    await writeFile(keyFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    await this.lab.writeConfiguration({ beacon: { enabled: true, 'key-file': keyFile } });
    for (const host of HOSTS) {
      await this.killAgent(host);
      await this.startAgent(host);
    }
    await this.waitForAllPaths();
  }

  /** @throws LabError where an agent sees a path that is not up, or not watched by beacons where it sends them, and goes on seeing it */
  async waitForAllPaths(): Promise<void> {
    const up = async (): Promise<boolean> => {
      const reports = await Promise.all([...this.agents.keys()].map((host) => this.lab.host(host).status()));
      return reports.every(({ peers, beacon: sends }) =>
        peers.every(({ paths }) =>
          paths.every(({ state, beacon }) => state === 'up' && (sends === null || beacon?.hearsUs === true)),
        ),
      );
    };
    await waitUntil(up, PATIENCE, 'every path to be up', LOOK_INTERVAL);
  }

  /** Starts a session, and a stream each way. */
  async startTraffic(): Promise<void> {
    const [there, back, session] = await Promise.all([
      startStream(this.lab, NEAR, FAR),
      startStream(this.lab, FAR, NEAR),
      startSession(this.lab, NEAR, FAR),
    ]);
    this.#traffic = { there, back, session };
  }

  /**
   * Changes something, waits until the traffic of both directions is on the expected plane, and measures it.
   *
   * @param plane where the traffic is expected to be then
   * @param whole whether every path is expected to be up again
   * @throws LabError where that doesn't happen
   */
  async measure(change: () => Promise<unknown>, plane: string, whole: boolean): Promise<Measurement> {
    if (this.#traffic === undefined) {
      throw new LabError('no traffic runs');
    }
    const { there, back, session } = this.#traffic;
    const from = monotonic();
    await change();
    if (whole) {
      await this.waitForAllPaths();
    }
    await this.#waitForPlane(plane);
    const settled = monotonic() - from;
    await sleep(AFTERMATH);
    const to = monotonic();
    const [sentThere, sentBack, held] = await Promise.all([
      there.result(from, { to }),
      back.result(from, { to }),
      session.result(from, { to }),
    ]);
    return { ...summarize(sentThere, sentBack), plane, settled, session: held };
  }

  destroy(): Promise<void> {
    return this.lab.destroy();
  }

  /** Asks the kernels, since they decide by which card a packet leaves; an agent may be dead. */
  async #waitForPlane(plane: string): Promise<void> {
    const near = this.lab.host(NEAR);
    const far = this.lab.host(FAR);
    const there = async (): Promise<boolean> => {
      const [out, back] = await Promise.all([near.routeTo(far.alias), far.routeTo(near.alias)]);
      return [near.planeOf(out?.dev ?? ''), far.planeOf(back?.dev ?? '')].every((used) => used === plane);
    };
    await waitUntil(
      there,
      PATIENCE,
      `the traffic between ${NEAR} and ${FAR} on plane ${plane}`,
      LOOK_INTERVAL,
    );
  }
}

function summarize(
  there: StreamResult,
  back: StreamResult,
): Pick<Measurement, 'sent' | 'lost' | 'longestGap'> {
  return {
    sent: there.sent + back.sent,
    lost: { there: there.lost, back: back.lost },
    longestGap: Math.max(there.longestGap, back.longestGap),
  };
}
