import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProcess } from '../../deploy/lab/agent-process';
import { Lab } from '../../deploy/lab/lab';
import { waitUntil } from '../../deploy/lab/wait';
import { NEAR, PLANES, probeSection, type Timing } from './scene';

/** The host that stands for all peers. */
const CROWD = 'crowd';
/** Peers in one 10.78.N.0/24. */
const OCTET = 250;
/** How long all peers may take to be up, in ms. */
const PATIENCE = 60_000;
const LOOK_INTERVAL = 200;

/**
 * One real agent and many peers: their aliases are all on the loopback interface of a single host, whose kernel answers
 * ARP requests for each of them on both planes, as a Linux host does for its own.
 */
export class Crowd {
  readonly lab: Lab;
  readonly agent: AgentProcess;
  readonly peers: number;
  readonly #hold: number;

  private constructor(lab: Lab, agent: AgentProcess, peers: number, hold: number) {
    this.lab = lab;
    this.agent = agent;
    this.peers = peers;
    this.#hold = hold;
  }

  /** Builds it, starts the agent, and waits until all paths are up. */
  static async create(peers: number, timing: Timing): Promise<Crowd> {
    const lab = await Lab.create({ hosts: [NEAR, CROWD], planes: PLANES });
    try {
      await bindAliases(lab, peers);
      await lab.writeConfiguration({ ...probeSection(timing), hosts: peerEntries(lab, peers) });
      const crowd = new Crowd(lab, await lab.host(NEAR).startAgent(), peers, timing.hold);
      await crowd.untilUp();
      return crowd;
    } catch (error) {
      await lab.destroy();
      throw error;
    }
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

  destroy(): Promise<void> {
    return this.lab.destroy();
  }
}

function aliasOf(peer: number): string {
  return `10.78.${1 + Math.floor(peer / OCTET)}.${1 + (peer % OCTET)}`;
}

async function bindAliases(lab: Lab, peers: number): Promise<void> {
  const crowd = lab.host(CROWD);
  await crowd.ip(
    ...Array.from({ length: peers }, (_, peer) => `address add ${aliasOf(peer)}/32 dev lo`),
    // Loose rp_filter drops a request whose sender is reached by no interface at all.
    ...PLANES.map((plane, index) => {
      const { device } = crowd.link(plane);
      return `route add ${lab.host(NEAR).alias}/32 dev ${device} metric ${100 + index}`;
    }),
  );
}

function peerEntries(lab: Lab, peers: number): object {
  // An object each: YAML would write the second use of one as a reference, and the daemon takes few of these.
  const links = (): object =>
    Object.fromEntries(PLANES.map((plane) => [plane, lab.host(NEAR).link(plane).device]));
  const entries = Array.from({ length: peers }, (_, peer) => [
    `peer${peer + 1}`,
    { alias: aliasOf(peer), links: links() },
  ]);
  return { ...Object.fromEntries(entries), [CROWD]: undefined };
}
