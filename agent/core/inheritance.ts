import type { Ledger } from './ledger';
import type { Registry } from './registry';
import type { Peer, Topology } from './topology';

/** What a former run of the agent left in the kernel, and what follows from it. */
export class Inheritance {
  /** until when what stands toward hosts that nobody lists is left alone: they may be discovered again; infinite where nothing is */
  wakeAt = Number.POSITIVE_INFINITY;

  constructor(
    private readonly registry: Registry,
    private readonly ledger: Ledger,
  ) {}

  /** Leaves alone for a while what may belong to hosts that are to be discovered. */
  spare({ peers, beacon }: Topology, now: number): void {
    if (beacon?.discover === true && this.ledger.spare(peers)) this.wakeAt = now + beacon.expire;
  }

  /** Whether what was left alone is to go now. */
  tick(now: number): boolean {
    if (now < this.wakeAt) return false;
    this.end();
    return true;
  }

  /** Nothing is left alone any more. */
  end(): void {
    this.wakeAt = Number.POSITIVE_INFINITY;
    this.ledger.spare(undefined);
  }

  /**
   * Takes over what is known of a peer. Verified addresses count; a path whose route had been taken out is not trusted; the others are
   * presumed to work until judged.
   */
  adopt(peer: Peer, now: number): void {
    const standing = new Set(this.ledger.routesTo(peer).map((route) => route.device));
    for (const path of this.registry.paths.get(peer) ?? []) {
      path.arp.mac ??= this.ledger.neighborOf(path)?.mac;
      if (standing.size === 0 || path.device === undefined || standing.has(path.device)) continue;
      // That its route was out says nothing of it.
      if (path.drained) continue;
      for (const liveness of path.probed) liveness.distrust(now, 'adopted');
      this.registry.agenda.update(path);
    }
  }
}
