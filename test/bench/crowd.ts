import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusReport } from '../../agent/control/protocol';
import { formatIpv4, parseIpv4 } from '../../agent/wire/address';
import type { AgentProcess, LogEvent } from '../../deploy/lab/agent-process';
import type { AgentOptions } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { LabError, monotonic, waitUntil } from '../../deploy/lab/wait';
import { beaconSection, writeKey } from './beacon';
import { useCores } from './cores';
import { FarEnds } from './far-ends';
import { aliasOf, nameOf } from './far-ends-plan';
import { NEAR, PLANES, probeSection, type Timing } from './scene';

/** The host that stands for all peers. */
const CROWD = 'crowd';
/** How long all peers may take to be up, in ms. */
const PATIENCE = 60_000;
const LOOK_INTERVAL = 200;
const CLUSTER = 'lab';
const ETHERTYPE = 0x88b5;

/** Far ends that a process plays, instead of the kernel of their host. Times in ms. */
export interface Simulated {
  /** between two beacons of each of them, and of the agent, on one plane; undefined for none */
  readonly beacon: number | undefined;
  /** between two ARP requests of each of them to the agent on one plane; undefined for none */
  readonly ask: number | undefined;
}

/** As real peers do: beacons each 100 ms, and a verification each second. */
export const BEACONING: Simulated = { beacon: 100, ask: 1000 };

/** As many peers as the benchmark goes to. */
export const THOUSAND = 1000;

/** In words, for the circumstances of a kind. */
export function describe({ beacon, ask }: Simulated): string {
  const beacons = beacon === undefined ? 'no beacons' : `beacons each ${beacon} ms`;
  const requests = ask === undefined ? 'asks nothing' : `asks each ${ask} ms`;
  return `two planes; every peer sends ${beacons} and ${requests}; else the defaults`;
}

/** What an agent has done since its start. */
export interface Totals {
  /** ms on the clock of `monotonic()` */
  readonly at: number;
  /** those of the status */
  readonly counters: StatusReport['counters'];
  /** `path-suspect` events */
  readonly suspicions: number;
  /** frames that were dropped on their way to it, since the lab was built */
  readonly dropped: number;
  /** of its host's links together, since the lab was built: what agent and kernel send and receive */
  readonly traffic: Traffic;
}

export interface Traffic {
  readonly framesSent: number;
  /** without the check sequence */
  readonly bytesSent: number;
  readonly framesReceived: number;
  readonly bytesReceived: number;
}

/**
 * One real agent and many peers, all on a single other host. Either their aliases are on its loopback interface, and its kernel answers
 * ARP requests for each of them on both planes, as a Linux host does for its own; or a process there simulates them.
 */
export class Crowd {
  readonly lab: Lab;
  readonly peers: number;
  /** undefined where the kernel answers for them */
  readonly farEnds: FarEnds | undefined;
  readonly #hold: number;
  #agent: AgentProcess | undefined;

  private constructor(lab: Lab, peers: number, hold: number, farEnds: FarEnds | undefined) {
    this.lab = lab;
    this.peers = peers;
    this.farEnds = farEnds;
    this.#hold = hold;
  }

  /** Builds it, starts the agent, and waits until all paths are up, without asking it for anything. */
  static async create(peers: number, timing: Timing, simulated?: Simulated): Promise<Crowd> {
    const crowd = await Crowd.build(peers, timing, simulated);
    try {
      await crowd.startAgent();
      await crowd.untilToldUp();
      return crowd;
    } catch (error) {
      await crowd.destroy();
      throw error;
    }
  }

  /** The same without the agent. */
  static async build(peers: number, timing: Timing, simulated?: Simulated): Promise<Crowd> {
    const lab = await Lab.create({ hosts: [NEAR, CROWD], planes: PLANES });
    try {
      const keyFile = await writeKey(lab);
      await lab.writeConfiguration({
        ...probeSection(timing),
        ...(simulated?.beacon === undefined ? {} : beaconSection(simulated.beacon, keyFile)),
        hosts: peerEntries(lab, peers),
      });
      const farEnds = simulated && (await startFarEnds(lab, peers, simulated, keyFile));
      if (farEnds === undefined) {
        await bindAliases(lab, peers);
      }
      return new Crowd(lab, peers, timing.hold, farEnds);
    } catch (error) {
      await lab.destroy();
      throw error;
    }
  }

  /** @throws LabError where none was started */
  get agent(): AgentProcess {
    if (this.#agent === undefined) {
      throw new LabError('no agent runs');
    }
    return this.#agent;
  }

  async startAgent(options: AgentOptions = {}): Promise<AgentProcess> {
    this.#agent = await this.lab.host(NEAR).startAgent(options);
    if (this.farEnds !== undefined) {
      useCores(this.#agent.pid, 'others');
    }
    return this.#agent;
  }

  /** Waits until every path is up. */
  async untilUp(): Promise<void> {
    const up = async (): Promise<boolean> => {
      const { peers } = await this.lab.host(NEAR).status();
      return peers.every(({ paths }) => paths.every(({ state }) => state === 'up'));
    };
    await waitUntil(up, PATIENCE, `every path to ${this.peers} peers to be up`, LOOK_INTERVAL);
  }

  /** Waits until every path has been up for long enough not to count as flapping when it fails. */
  async untilSteady(): Promise<void> {
    await this.untilUp();
    await sleep(6 * this.#hold);
    await this.untilUp();
  }

  /**
   * Waits until the agent that was started last has told of every path that it is up, without asking it for anything.
   *
   * @returns the line of the log with which the last one came up
   */
  async untilToldUp(): Promise<LogEvent> {
    const lastUp = (): LogEvent | undefined => {
      const ups = this.agent.events().filter(({ event }) => event === 'path-up');
      const paths = new Set(ups.map(({ peer, plane }) => `${peer} ${plane}`));
      return paths.size === this.peers * PLANES.length ? ups.at(-1) : undefined;
    };
    return waitUntil(lastUp, PATIENCE, `all paths to ${this.peers} peers to come up`, LOOK_INTERVAL);
  }

  /** What the agent has done since its start. */
  async totals(): Promise<Totals> {
    const host = this.lab.host(NEAR);
    const { counters } = await host.status();
    const devices = PLANES.map((plane) => host.link(plane).device);
    const { dropped, ...traffic } = countsOf(readFileSync(`/proc/${host.pid}/net/dev`, 'utf8'), devices);
    return {
      at: monotonic(),
      counters,
      suspicions: this.agent.events().filter(({ event }) => event === 'path-suspect').length,
      dropped: dropped + (counters['dropped-by-kernel'] ?? 0),
      traffic,
    };
  }

  destroy(): Promise<void> {
    return this.lab.destroy();
  }
}

/** @returns what the text of /proc/net/dev counts for devices; `dropped` are received frames that were dropped below any socket */
function countsOf(text: string, devices: readonly string[]): Traffic & { readonly dropped: number } {
  // Behind the name and its colon: of what was received bytes, packets, errors, drops and four more, and then the same of what was sent.
  const fields = text.split('\n').map((line) => line.trim().split(/[\s:]+/));
  const sum = (field: number): number =>
    devices.reduce((total, device) => total + Number(fields.find(([name]) => name === device)?.[field]), 0);
  return {
    bytesReceived: sum(1),
    framesReceived: sum(2),
    dropped: sum(4),
    bytesSent: sum(9),
    framesSent: sum(10),
  };
}

async function bindAliases(lab: Lab, peers: number): Promise<void> {
  const crowd = lab.host(CROWD);
  await crowd.ip(
    ...Array.from({ length: peers }, (_, peer) => `address add ${formatIpv4(aliasOf(peer))}/32 dev lo`),
    // Loose rp_filter drops a request whose sender is reached by no interface at all.
    ...PLANES.map((plane, index) => {
      const { device } = crowd.link(plane);
      return `route add ${lab.host(NEAR).alias}/32 dev ${device} metric ${100 + index}`;
    }),
  );
}

function startFarEnds(lab: Lab, peers: number, simulated: Simulated, keyFile: string): Promise<FarEnds> {
  const agent = parseIpv4(lab.host(NEAR).alias)!;
  const options = {
    ...simulated,
    count: peers,
    cluster: CLUSTER,
    planes: PLANES,
    agent,
    etherType: ETHERTYPE,
  };
  return FarEnds.start(lab.host(CROWD), options, keyFile);
}

function peerEntries(lab: Lab, peers: number): object {
  // An object each: YAML would write the second use of one as a reference, and the daemon takes few of these.
  const links = (): object =>
    Object.fromEntries(PLANES.map((plane) => [plane, lab.host(NEAR).link(plane).device]));
  const entries = Array.from({ length: peers }, (_, peer) => [
    nameOf(peer),
    { alias: formatIpv4(aliasOf(peer)), links: links() },
  ]);
  return { ...Object.fromEntries(entries), [CROWD]: undefined };
}
