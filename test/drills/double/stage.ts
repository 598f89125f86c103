import type { StatusReport } from '../../../agent/control/protocol';
import type { AgentProcess } from '../../../deploy/lab/agent-process';
import { Lab } from '../../../deploy/lab/lab';
import type { DropDirection } from '../../../deploy/lab/switch';
import { LabError, monotonic, waitUntil } from '../../../deploy/lab/wait';
import { beaconSection, writeKey } from '../../bench/beacon';
import { type Fault, hostName, isAgentFault, planeName, type Shape } from './fault';
import { Mesh } from './mesh';
import type { World } from './model';

/** How long anything may take, in ms. */
const PATIENCE = 30_000;
/** Between two looks at the agents, in ms. */
const LOOK = 10;
/**
 * A path that returns is trusted after so many ms, instead of 1000, so that a case takes a second or two. All else is as by
 * default.
 */
const HOLD = 40;
/** A path that falls within this many holds of its return is held longer the next time; one more for good measure. */
const STEADY_HOLDS = 6;
const BEACON_INTERVAL = 50;

/** The hosts and planes of a {@link World}, made of namespaces, with traffic between all of them. */
export class Stage {
  readonly #agents = new Map<number, AgentProcess>();

  private constructor(
    readonly shape: Shape,
    readonly lab: Lab,
    private readonly mesh: { value: Mesh | undefined },
  ) {}

  static async create(shape: Shape, beacons: boolean): Promise<Stage> {
    const names = Array.from({ length: shape.hosts }, (_, host) => hostName(host));
    const planes = Array.from({ length: shape.planes }, (_, plane) => planeName(plane));
    const lab = await Lab.create({ hosts: names, planes });
    const stage = new Stage(shape, lab, { value: undefined });
    try {
      const section = beacons ? beaconSection(BEACON_INTERVAL, await writeKey(lab)) : {};
      await lab.writeConfiguration({ probe: { hold: `${HOLD}ms` }, ...section });
      await Promise.all(names.map((_, host) => stage.#startAgent(host)));
      stage.mesh.value = await Mesh.start(lab);
      await stage.untilSteady();
    } catch (error) {
      await lab.destroy();
      throw error;
    }
    return stage;
  }

  destroy(): Promise<void> {
    return this.lab.destroy();
  }

  look(from: number, to: number): ReturnType<Mesh['look']> {
    return this.mesh.value!.look({ from, to });
  }

  /** What the agents said last, for a case that failed. */
  describe(): string {
    const lines = [...this.#agents].flatMap(([host, agent]) => [
      `${hostName(host)}:`,
      ...agent
        .events()
        .slice(-12)
        .map((event) => `  ${JSON.stringify(event)}`),
      agent.errors(),
    ]);
    return lines.join('\n');
  }

  /** Brings about what has changed in the world by a fault that came or was mended; when that began, in ms of `monotonic()`. */
  async apply(fault: Fault, world: World): Promise<number> {
    const begun = monotonic();
    const comes = world.faults.has(fault);
    if (isAgentFault(fault)) await this.#applyToAgent(fault, comes);
    else if (fault.kind === 'switch') {
      const plane = planeName(fault.plane);
      await (comes ? this.lab.killSwitch(plane) : this.lab.reviveSwitch(plane));
    } else if (fault.kind === 'card') {
      const [host, plane] = [hostName(fault.host), planeName(fault.plane)];
      await (comes ? this.lab.pullCard(host, plane) : this.lab.returnCard(host, plane));
    } else await this.#applyToPort(fault.host, fault.plane, world);
    return begun;
  }

  /** Waits until every agent that runs has judged its paths as they are; the ms that took since `from`. */
  async untilJudged(world: World, from: number): Promise<number> {
    await Promise.all(
      this.lab.hosts().map(async (host, number) => {
        if (!world.runs(number)) return;
        let wrong: readonly string[] = [];
        const judged = async () => {
          wrong = this.#misjudged(await host.status(), number, world);
          return wrong.length === 0;
        };
        await waitUntil(judged, PATIENCE, `${host.name} to judge its paths as they are`, LOOK).catch(
          (error) => {
            throw new LabError(`${(error as Error).message}; at last ${wrong.join(', ')}`);
          },
        );
      }),
    );
    return monotonic() - from;
  }

  /** Waits until all paths are up, and long enough not to count as flapping when they fail, with all traffic on the preferred plane. */
  async untilSteady(): Promise<void> {
    const steady = async () => {
      const reports = await Promise.all(this.lab.hosts().map((host) => host.status()));
      const now = Date.now();
      return reports
        .flatMap(({ peers }) => peers)
        .every(
          ({ active, paths }) =>
            active === planeName(0) &&
            paths.every(
              ({ state, since }) => state === 'up' && now - Date.parse(since) > STEADY_HOLDS * HOLD,
            ),
        );
    };
    await waitUntil(steady, PATIENCE, 'all paths to be up, and the traffic on the preferred plane', LOOK);
  }

  /** By host and peer, the plane by which its kernel sends; only where a plane is preferred on which all works. */
  async planesInKernel(): Promise<(string | undefined)[]> {
    const hosts = this.lab.hosts();
    const ways = hosts.map(async (host) => {
      const routes = await host.routes();
      return hosts
        .filter((peer) => peer !== host)
        .map(({ alias }) => {
          const ours = routes.filter(({ dst, type, flags }) => {
            return dst === alias && type !== 'unreachable' && !flags.includes('linkdown');
          });
          const best = ours.sort((one, other) => (one.metric ?? 0) - (other.metric ?? 0))[0];
          return host.planeOf(best?.dev ?? '');
        });
    });
    return (await Promise.all(ways)).flat();
  }

  /** Paths that are taken to be up and don't work, or work and are not up. */
  #misjudged(report: StatusReport, host: number, world: World): string[] {
    return report.peers.flatMap(({ name, paths }) => {
      const peer = this.lab.hosts().findIndex((each) => each.name === name);
      const working = world.shared(host, peer).map(planeName);
      return paths
        .filter(({ plane, state }) => (state === 'up') !== working.includes(plane))
        .map(({ plane, state }) => `${name} is ${state} on ${plane}`);
    });
  }

  async #startAgent(host: number): Promise<void> {
    this.#agents.set(host, await this.lab.host(hostName(host)).startAgent());
  }

  async #applyToAgent({ kind, host }: Extract<Fault, { host: number }>, comes: boolean): Promise<void> {
    const agent = this.#agents.get(host)!;
    if (kind === 'paused') agent.kill(comes ? 'SIGSTOP' : 'SIGCONT');
    else if (!comes) await this.#startAgent(host);
    else if (kind === 'ended') await agent.stop();
    else {
      agent.kill('SIGKILL');
      await agent.exited;
    }
  }

  /** A port drops what any of the faults makes it drop. */
  async #applyToPort(host: number, plane: number, world: World): Promise<void> {
    const kinds = [...world.faults]
      .filter((fault) => 'plane' in fault && 'host' in fault && fault.host === host && fault.plane === plane)
      .map(({ kind }) => kind);
    const from = kinds.includes('port') || kinds.includes('from-host');
    const to = kinds.includes('port') || kinds.includes('to-host');
    const direction: DropDirection = from && to ? 'both' : from ? 'from-host' : 'to-host';
    const place = [hostName(host), planeName(plane)] as const;
    await (from || to ? this.lab.dropPort(...place, direction) : this.lab.undropPort(...place));
  }
}
