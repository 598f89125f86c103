import type { Path } from './path';
import type { AgentPeer } from './topology';

/** A peer that runs an agent, with our paths to it: those by the planes on which we are too. */
export interface Neighbor {
  readonly peer: Pick<AgentPeer, 'name' | 'planes'>;
  readonly paths: readonly Pick<Path, 'plane' | 'beneath' | 'withdrawn'>[];
}

/** Peers, and the planes by which each of them may be reached. */
export interface Side {
  readonly planes: readonly number[];
  readonly peers: readonly string[];
}

/** Peers that we reach on both sides, though no plane leads from one side to the other. */
export interface Parting {
  readonly one: Side;
  readonly other: Side;
}

/**
 * Which peers have no plane in common while we reach both, and which peers may reach one that we don't reach: as far as our own paths
 * tell. A frame from host to host passes nothing but two links and a switch, so on a plane by which we reach anybody our own link and
 * the switch work, and a peer that we don't reach there is reached there by nobody. Of a plane by which we reach nobody we know nothing:
 * it may be our own link that has failed; only what a peer withdraws by its beacons is known not to work. Nobody tells whom
 * it reaches by another plane: a beacon says whom its sender hears on the plane on which it is sent.
 */
export class Relays {
  /** planes by which we reach somebody */
  private readonly seen: ReadonlySet<number>;

  constructor(private readonly neighbors: readonly Neighbor[]) {
    this.seen = new Set(neighbors.flatMap(({ paths }) => paths.filter(mayWork).map((path) => path.plane)));
  }

  /** Every two groups of peers that we reach and that share no plane. */
  partings(): Parting[] {
    const sides = new Map<string, { planes: readonly number[]; peers: string[] }>();
    for (const neighbor of this.neighbors) {
      if (!isReached(neighbor)) continue;
      const planes = this.openPlanes(neighbor);
      const side = sides.get(planes.join()) ?? { planes, peers: [] };
      side.peers.push(neighbor.peer.name);
      sides.set(planes.join(), side);
    }
    const all = [...sides.values()];
    return all.flatMap((one, index) =>
      all
        .slice(index + 1)
        .filter((other) => !one.planes.some((plane) => other.planes.includes(plane)))
        .map((other) => ({ one, other })),
    );
  }

  /** The first peers, `most` of them, that we reach and that may reach one that we don't reach: by a plane that we don't see. */
  to(name: string, most: number): string[] {
    const target = this.neighbors.find(({ peer }) => peer.name === name);
    if (target === undefined || target.paths.some(mayWork)) return [];
    const hidden = this.openPlanes(target);
    const found: string[] = [];
    if (hidden.length === 0) return found;
    for (const neighbor of this.neighbors) {
      if (found.length === most) break;
      if (!isReached(neighbor)) continue;
      if (this.openPlanes(neighbor).some((plane) => hidden.includes(plane))) found.push(neighbor.peer.name);
    }
    return found;
  }

  /** The planes by which a peer works, or may work for all that we know, ascending. */
  private openPlanes({ peer, paths }: Neighbor): number[] {
    return peer.planes.filter((plane) => {
      const path = paths.find((each) => each.plane === plane);
      if (path !== undefined && mayWork(path)) return true;
      return !this.seen.has(plane) && path?.withdrawn !== true;
    });
  }
}

/** One that answers again, or has not been judged, is not known to fail. */
function mayWork({ beneath }: Pick<Path, 'beneath'>): boolean {
  return beneath !== 'down';
}

function isReached({ paths }: Neighbor): boolean {
  return paths.some(({ beneath }) => beneath === 'up' || beneath === 'suspect');
}
