import type { Ledger } from './ledger';
import type { Registry } from './registry';
import { DEMOTED, METRIC_STEP } from './routing';
import type { Peer, Topology } from './topology';

/** What a former run of the agent left in the kernel, and what follows from it. */
export class Inheritance {
  /** until when what only beacons can explain is left alone; infinite where there is nothing */
  wakeAt = Number.POSITIVE_INFINITY;
  /** peers whose wish is presumed, since no beacon of theirs came yet */
  private readonly presumed = new Set<Peer>();

  constructor(
    private readonly registry: Registry,
    private readonly ledger: Ledger,
  ) {}

  /**
   * Leaves alone for a while what beacons may explain: what stands toward hosts that are to be discovered, and an order of the routes that
   * is not that of our planes.
   */
  spare({ peers, beacon, route }: Topology, now: number): void {
    if (beacon === undefined) return;
    for (const peer of peers) if (peer.kind === 'agent') this.presume(peer, route.metric);
    const unlisted = beacon.discover && this.ledger.spare(peers);
    if (unlisted || this.presumed.size > 0) this.wakeAt = now + beacon.expire;
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
    for (const peer of this.presumed) {
      const paths = this.registry.paths.get(peer) ?? [];
      if (paths.some(({ hearing }) => hearing.heardAt !== undefined)) continue;
      for (const { hearing } of paths) hearing.priority = 0;
      this.registry.reorder(peer);
    }
    this.presumed.clear();
  }

  /**
   * Takes over what is known of a peer. Verified addresses count; a path is not trusted whose route had been taken out, if only to one of
   * several destinations, since the end may have come between two steps; the others are presumed to work until judged.
   */
  adopt({ route }: Topology, peer: Peer, now: number): void {
    const standing = this.devicesTo(peer, route.metric + DEMOTED);
    for (const path of this.registry.paths.get(peer) ?? []) {
      path.arp.mac ??= this.ledger.neighborOf(path)?.mac;
      const { device } = path;
      if (device === undefined || standing.every((devices) => devices.has(device))) continue;
      // That its route was out says nothing of it.
      if (path.drained) continue;
      for (const liveness of path.probed) liveness.distrust(now, 'adopted');
      this.registry.agenda.update(path);
    }
  }

  /** For each destination of a peer that has any: the devices of its routes with a metric below `demoted`. */
  private devicesTo(peer: Peer, demoted: number): ReadonlySet<number>[] {
    const devices = new Map<string, Set<number>>();
    for (const { destination, device, metric } of this.ledger.routesTo(peer)) {
      if (metric >= demoted) continue;
      const key = `${destination.address}/${destination.length}`;
      devices.set(key, (devices.get(key) ?? new Set()).add(device));
    }
    return [...devices.values()];
  }

  /** Presumes that a peer wished the order of planes that the metrics show, of which `base` is the first. */
  private presume(peer: Peer, base: number): void {
    const paths = this.registry.paths.get(peer) ?? [];
    const planes = paths.map(({ plane }) => plane).sort((one, other) => one - other);
    const standing = this.ledger.routesTo(peer);
    const shown = planes.map((plane) => {
      const routes = standing.filter(({ metric }) => metric === base + METRIC_STEP * plane);
      const here = routes.flatMap((route) => paths.find(({ device }) => device === route.device) ?? []);
      // After an end between two steps two paths may have one place: packets leave by the first whose link works.
      return here.find(({ works }) => works) ?? here[0];
    });
    // Those without a route have the places that are left. After an end between two steps a path may have two places: the first counts.
    const absent = paths.filter((path) => !shown.includes(path));
    const order = new Set(shown.map((path) => path ?? absent.shift()!));
    if ([...order].every((path, index) => path === paths[index])) return;
    [...order].forEach(({ hearing }, index) => {
      hearing.priority = order.size - index;
    });
    this.registry.reorder(peer);
    this.presumed.add(peer);
  }
}
