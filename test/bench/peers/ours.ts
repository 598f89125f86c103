import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VERSION } from '../../../agent/version';
import type { AgentProcess } from '../../../deploy/lab/agent-process';
import type { Lab } from '../../../deploy/lab/lab';
import { waitUntil } from '../../../deploy/lab/wait';
import { DEFAULT_TIMING, probeSection, type Timing } from '../scene';
import type { Look, RunningSystem, System } from './system';

/** A return is trusted sooner than by default, so that a drill waits less; the return itself is measured with it. */
const HOLD = 200;
const FAST: Timing = { interval: 10, retry: 2, hold: HOLD };
const NORMAL: Timing = { ...DEFAULT_TIMING, hold: HOLD };
/** A path that falls within this many holds of its return is held longer the next time; one more for good measure. */
const STEADY_HOLDS = 6;
const PATIENCE = 60_000;
const LOOK_INTERVAL = 50;

class Agents implements RunningSystem {
  readonly #lab: Lab;
  readonly #agents = new Map<string, AgentProcess>();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async untilSteady(look: Look = (condition) => condition()): Promise<void> {
    const steady = async (): Promise<boolean> => {
      const reports = await Promise.all(
        [...this.#agents.keys()].map((host) => this.#lab.host(host).status()),
      );
      const now = Date.now();
      return reports
        .flatMap((report) => report.peers.flatMap((peer) => peer.paths))
        .every(({ state, since }) => state === 'up' && now - Date.parse(since) > STEADY_HOLDS * HOLD);
    };
    await waitUntil(() => look(steady), PATIENCE, 'every path to be up and steady', LOOK_INTERVAL);
  }

  async kill(host: string): Promise<void> {
    const agent = this.#agents.get(host);
    agent?.kill('SIGKILL');
    await agent?.exited;
    this.#agents.delete(host);
  }

  async revive(host: string): Promise<void> {
    this.#agents.set(host, await this.#lab.host(host).startAgent());
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#agents.keys()].map((host) => this.kill(host)));
  }
}

/** The beacon section of a cluster file, with a key of the lab's own. */
async function beaconSection(lab: Lab, interval: number): Promise<object> {
  const keyFile = join(dirname(lab.configurationFile), 'beacon.key');
  await writeFile(keyFile, `${'5a'.repeat(32)}\n`, { mode: 0o600 });
  return { beacon: { enabled: true, interval: `${interval}ms`, 'key-file': keyFile } };
}

function system(name: string, timing: Timing, beacons: boolean): System {
  const { interval, retry } = timing;
  const how = beacons ? 'beacons and ARP' : 'ARP alone';
  return {
    name,
    title: `multihomed ${VERSION}, ${how}, interval ${interval} ms, retry ${retry} ms`,
    unavailable: () => Promise.resolve(undefined),
    async start(lab) {
      const section = beacons ? await beaconSection(lab, interval) : {};
      await lab.writeConfiguration({ ...probeSection(timing), ...section });
      const agents = new Agents(lab);
      await Promise.all(lab.hosts().map(({ name }) => agents.revive(name)));
      await agents.untilSteady();
      return agents;
    },
  };
}

/** The agent in four configurations. */
export const OURS: readonly System[] = [
  system('multihomed-beacons', NORMAL, true),
  system('multihomed', NORMAL, false),
  system('multihomed-beacons-fast', FAST, true),
  system('multihomed-fast', FAST, false),
];
