import type { Note } from './event';
import type { PathState } from './liveness';
import type { Path } from './path';
import { activePath, isDead } from './routing';
import type { Peer, Topology } from './topology';

/**
 * Follows on which path the packets to each peer leave, and tells when that changes. A change is a failover, whichever way it
 * goes; a peer without a usable path is unreachable, though its routes stay.
 */
export class Failover {
  private readonly active = new Map<string, Path | undefined>();

  /** The path on which packets to `peer` leave now. */
  activeOf(peer: Peer): Path | undefined {
    return this.active.get(peer.name);
  }

  /** Forgets the peers that are no longer in the topology. */
  retain(peers: readonly Peer[]): void {
    const names = new Set(peers.map((peer) => peer.name));
    for (const name of this.active.keys()) if (!names.has(name)) this.active.delete(name);
  }

  /** Takes the present paths of a peer; what to tell if its active path is another one now. `reordered`: since the peer prefers others. */
  update(
    topology: Topology,
    peer: Peer,
    paths: readonly Path[],
    reordered: boolean,
    now: number,
  ): Note | undefined {
    const known = this.active.has(peer.name);
    const before = this.active.get(peer.name);
    const after = activePath(paths);
    this.active.set(peer.name, after);
    if (before === after || !known) return undefined;
    const plane = (path: Path | undefined) => (path === undefined ? null : topology.planes[path.plane]);
    const moved = before !== undefined && isLeft(before, after) ? before : after;
    return {
      event: eventOf(before, after),
      level: after === undefined ? 'error' : 'warn',
      causedAt: reordered ? now : (moved?.trouble ?? 0),
      fields: {
        peer: peer.name,
        from: plane(before),
        to: plane(after),
        cause: reordered ? 'priority' : (moved?.cause ?? null),
      },
    };
  }
}

/** Whether it is for what happened to `before` that packets leave by another path now. */
function isLeft(before: Path, after: Path | undefined): boolean {
  if (after === undefined || isDead(before)) return true;
  return before.drained && before.since > after.since;
}

function eventOf(before: Path | undefined, after: Path | undefined): string {
  if (after === undefined) return 'peer-unreachable';
  return before === undefined ? 'peer-reachable' : 'failover';
}

/** What to tell of a path that came from another state; nothing where its link was lost or drained, which is one event for all its paths. */
export function pathNote(topology: Topology, path: Path, from: PathState): Note | undefined {
  const { state, cause, peer, link, rtt } = path;
  if (cause === 'carrier-lost' || cause === 'link-down' || cause === 'link-gone') return undefined;
  if (state === 'drained') return undefined;
  const plane = topology.planes[path.plane];
  const rounded = rtt === undefined ? null : Math.round(rtt * 1000) / 1000;
  return {
    event: `path-${state}`,
    level: state === 'down' && cause !== 'drained' ? 'warn' : 'info',
    causedAt: path.trouble,
    fields: { peer: peer.name, plane, link, from, cause, rtt: rounded },
  };
}
