import { resolve } from 'node:path';
import { ROOT } from '../../../deploy/lab/host';
import type { Lab } from '../../../deploy/lab/lab';
import { TrafficProcess } from '../../../deploy/lab/traffic-process';

export const MESH_PORT = 47_000;
/** Between two pings of a pair, in ms. */
export const PING_SPACING = 5;

/** A window, in ms on the clock of `monotonic()`. */
export interface MeshQuestion {
  readonly from: number;
  readonly to: number;
}

/** What became of the traffic to one peer in a window. */
export interface PairTraffic {
  /** the peer's alias */
  readonly peer: string;
  /** pings, which need both directions */
  readonly sent: number;
  readonly lost: number;
  /** ms from the beginning of the window until none was lost any more; 0 where none was */
  readonly outage: number;
  /** pings answered since, without one lost */
  readonly flowing: number;
  /** TCP sessions that ended since the start of the mesh */
  readonly broken: number;
  /** when the session's last exchange of the window was complete; null where there was none */
  readonly exchanged: number | null;
  /** the longest time from a request to its answer, or until now where it waits for it, in ms */
  readonly stall: number;
}

/** The same, with the pair of hosts by their numbers. */
export interface HostPair {
  readonly one: number;
  readonly other: number;
}

/** Pings each 5 ms and a TCP session between the aliases of every two hosts: one process a host. */
export class Mesh {
  private constructor(
    private readonly aliases: readonly string[],
    private readonly processes: readonly TrafficProcess<MeshQuestion, readonly PairTraffic[]>[],
  ) {}

  /** @throws LabError where an alias isn't bound */
  static async start(lab: Lab): Promise<Mesh> {
    const aliases = lab.hosts().map(({ alias }) => alias);
    const script = resolve(ROOT, 'dist', 'test', 'drills', 'double', 'mesh-process.js');
    const processes = await Promise.all(
      lab
        .hosts()
        .map((host, number) =>
          TrafficProcess.start<MeshQuestion, readonly PairTraffic[]>(host, script, [
            host.alias,
            ...aliases.slice(number + 1),
          ]),
        ),
    );
    return new Mesh(aliases, processes);
  }

  /** The traffic of all pairs in a window. */
  async look(window: MeshQuestion): Promise<(PairTraffic & HostPair)[]> {
    const all = await Promise.all(this.processes.map((each) => each.ask(window)));
    return all.flatMap((totals, one) =>
      totals.map((pair) => ({ ...pair, one, other: this.aliases.indexOf(pair.peer) })),
    );
  }
}
