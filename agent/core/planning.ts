import { formatMac, type Mac } from '../wire/address';
import { Failover, pathNote } from './failover';
import { Ledger } from './ledger';
import type { Outbox } from './outbox';
import type { Path } from './path';
import type { Registry } from './registry';
import { repairNote } from './repair';
import { isDead, type KernelTable } from './routing';
import type { Peer, Topology } from './topology';

/** Gathers what changes during one event, and makes one plan of it. */
export class Planning {
  readonly failover = new Failover();
  readonly ledger = new Ledger();
  /** peers of which a path changed */
  private readonly dirty = new Set<Peer>();
  /** those that prefer other planes now */
  private readonly reordered = new Set<Peer>();
  /** hardware addresses by which peers are reached, as far as they were told */
  private readonly macs = new WeakMap<Path, Mac>();
  /** whether everything is to be planned */
  private everything = false;
  /** whether it is since the kernel was read again: what then differs, somebody else changed */
  private rereading = false;

  constructor(
    private readonly registry: Registry,
    private readonly outbox: Outbox,
  ) {}

  /** Something that decides on the routes to a peer changed. */
  touch(peer: Peer): void {
    this.dirty.add(peer);
  }

  /** A peer prefers other planes. */
  reorder(peer: Peer): void {
    this.reordered.add(peer);
  }

  /** Anything may have changed. */
  touchAll(): void {
    this.everything = true;
  }

  /** The kernel was read again. */
  reread(table: KernelTable): void {
    this.ledger.adopt(table);
    this.everything = true;
    this.rereading = true;
  }

  /** Plans and tells what changed since the last call; `lost` hears of each path that has just failed for another reason than our own link. */
  finish(topology: Topology, now: number, lost: (path: Path) => void): void {
    if (this.everything) for (const peer of this.registry.paths.keys()) this.dirty.add(peer);
    for (const peer of this.reordered) if (this.registry.reorder(peer)) this.dirty.add(peer);
    for (const peer of this.dirty) this.settle(topology, peer, now, lost);
    if (this.everything) {
      const steps = this.ledger.planAll(topology, this.registry.paths);
      this.outbox.plan(steps);
      if (this.rereading && steps.length > 0)
        this.outbox.tell(repairNote(steps, (ifindex) => this.registry.nameOf(ifindex)));
    }
    this.dirty.clear();
    this.reordered.clear();
    this.everything = false;
    this.rereading = false;
  }

  private settle(topology: Topology, peer: Peer, now: number, lost: (path: Path) => void): void {
    const paths = this.registry.paths.get(peer);
    if (paths === undefined) return;
    for (const path of paths) {
      const from = path.settle(now);
      this.registry.agenda.update(path);
      this.tellMac(topology, path);
      if (from === undefined) continue;
      this.outbox.tell(pathNote(topology, path, from));
      if (path.state === 'down' && path.works) lost(path);
    }
    markLast(paths);
    if (!this.everything) this.outbox.plan(this.ledger.planPeer(topology, peer, paths));
    this.outbox.tell(this.failover.update(topology, peer, paths, this.reordered.has(peer), now));
  }

  /** Tells where a peer has another hardware address than before. */
  private tellMac({ planes }: Topology, path: Path): void {
    const { mac, peer, plane, link } = path;
    const former = this.macs.get(path);
    if (mac === undefined || mac === former) return;
    this.macs.set(path, mac);
    if (former === undefined) return;
    const addresses = { mac: formatMac(mac), former: formatMac(former) };
    this.outbox.note('peer-mac-changed', { peer: peer.name, plane: planes[plane], link, ...addresses });
  }
}

/** Tells each path whether another one could take the traffic over. */
function markLast(paths: readonly Path[]): void {
  // What the far end has drained it gives back as soon as it finds that nothing else leads to it.
  const alive = paths.filter(
    (path) => path.device !== undefined && (!isDead(path) || path.cause === 'drained'),
  );
  for (const path of paths) {
    const last = alive.every((other) => other === path);
    for (const liveness of path.probed) liveness.last = last;
  }
}
