import type { Ipv4, Mac, Prefix } from '../wire/address';
import { Agenda } from './agenda';
import { destinationsOf, keyOf } from './ledger';
import { Link } from './link';
import { Path } from './path';
import { byPreference } from './preference';
import type { Peer, Topology } from './topology';

/** Spreads the steady requests of the paths evenly over the interval, in tenths, so that wake-ups are shared. */
const GOLDEN_RATIO = 0.618034;
const PHASES = 10;

/** The links and paths that a topology makes. */
export class Registry {
  readonly links = new Map<string, Link>();
  /** by peer, in order of preference */
  readonly paths = new Map<Peer, readonly Path[]>();
  /** which path is to be woken next; whoever changes a path's times tells it */
  readonly agenda = new Agenda<Path>();
  private readonly byTarget = new Map<string, Map<Ipv4, Path>>();
  private readonly byAlias = new Map<Ipv4, Peer>();
  private readonly byName = new Map<string, Peer>();
  private readonly destinations = new Set<string>();

  constructor(topology: Topology, now: number) {
    this.rebuild(topology, topology.peers, now);
  }

  /** Takes another topology, or other peers in it; links and paths that are the same go on as they are. */
  rebuild(topology: Topology, peers: readonly Peer[], now: number): void {
    const kept = new Map(
      [...this.allPaths()].map((path) => [identityOf(path.peer, path.plane, path.link), path]),
    );
    this.rebuildLinks(topology, now);
    this.paths.clear();
    this.byAlias.clear();
    this.byName.clear();
    this.destinations.clear();
    let serial = 0;
    for (const peer of peers) {
      const paths = [...this.links.values()]
        .filter((link) => isOn(peer, link.place.plane))
        .map(({ name, place }) => {
          const phase = Math.floor(((serial * GOLDEN_RATIO) % 1) * PHASES) / PHASES;
          const path =
            kept.get(identityOf(peer, place.plane, name)) ??
            new Path(peer, place.plane, name, topology.probe, now, phase, serial);
          path.peer = peer;
          path.fix(peer.macs?.get(place.plane), now);
          path.serial = serial++;
          for (const liveness of path.probed) liveness.retime(topology.probe, now);
          this.byTarget.get(name)!.set(path.target, path);
          return path;
        });
      this.paths.set(peer, paths.sort(byPreference));
      this.byName.set(peer.name, peer);
      for (const destination of destinationsOf(peer)) this.destinations.add(keyOf(destination));
      if (peer.kind === 'agent') for (const alias of peer.aliases) this.byAlias.set(alias, peer);
    }
    this.agenda.reset(this.allPaths());
  }

  /** Sorts the paths of a peer anew, after what it prefers has changed; whether that is another order. Whoever is no peer any more has none. */
  reorder(peer: Peer): boolean {
    const before = this.paths.get(peer);
    if (before === undefined) return false;
    const after = [...before].sort(byPreference);
    this.paths.set(peer, after);
    return after.some((path, index) => path !== before[index]);
  }

  /** How many links work. */
  get workingLinks(): number {
    let count = 0;
    for (const link of this.links.values()) if (link.works) count += 1;
    return count;
  }

  *allPaths(): Generator<Path> {
    for (const paths of this.paths.values()) yield* paths;
  }

  /** The paths over a link. */
  pathsOver(link: Link): Iterable<Path> {
    return this.byTarget.get(link.name)?.values() ?? [];
  }

  /** The path over a link that asks for an address. */
  pathTo(link: Link, address: Ipv4): Path | undefined {
    return this.byTarget.get(link.name)?.get(address);
  }

  /** The path over a link to a peer. */
  pathOver(link: Link, peer: Peer): Path | undefined {
    return this.paths.get(peer)?.find((path) => path.link === link.name);
  }

  /** The path over a link to whoever has an address: one of a peer's aliases, or what is asked for there. */
  pathAt(link: Link, address: Ipv4): Path | undefined {
    const peer = this.byAlias.get(address);
    return peer === undefined ? this.pathTo(link, address) : this.pathOver(link, peer);
  }

  /** The peer that has an alias. */
  peerOf(alias: Ipv4): Peer | undefined {
    return this.byAlias.get(alias);
  }

  peerNamed(name: string): Peer | undefined {
    return this.byName.get(name);
  }

  /** Whether a destination is one to which we have routes. */
  isRouted(destination: Prefix): boolean {
    return this.destinations.has(keyOf(destination));
  }

  /** The name of an interface by its ifindex; where it is none of our links, as `ip` shows one that it doesn't find. */
  nameOf(ifindex: number): string {
    for (const link of this.links.values()) if (link.state?.ifindex === ifindex) return link.name;
    return `if${ifindex}`;
  }

  /** Whether a hardware address is of one of our links. */
  isOurs(mac: Mac): boolean {
    for (const link of this.links.values()) if (link.state?.mac === mac) return true;
    return false;
  }

  /** The hardware addresses from which frames of the cluster come by some links: those of peers that were verified there, and our own. */
  *knownOn(links: Iterable<Link>): Generator<Mac> {
    for (const link of links) {
      for (const { mac } of this.pathsOver(link)) if (mac !== undefined) yield mac;
    }
    for (const { state } of this.links.values()) if (state !== undefined) yield state.mac;
  }

  /** How many peers were not verified by a link yet. */
  unverifiedOn(link: Link): number {
    let count = 0;
    for (const { mac } of this.pathsOver(link)) if (mac === undefined) count += 1;
    return count;
  }

  private rebuildLinks(topology: Topology, now: number): void {
    const before = new Map(this.links);
    this.links.clear();
    this.byTarget.clear();
    for (const place of topology.links) {
      const former = before.get(place.name);
      const link =
        former?.place.plane === place.plane ? former : new Link(place, topology.arp, topology.probe);
      link.place = place;
      link.announcing.retime(topology.arp, topology.probe.retry, now);
      if (former !== undefined) link.state = former.state;
      link.drainedUntil = former?.drainedUntil;
      this.links.set(place.name, link);
      this.byTarget.set(place.name, new Map());
    }
  }
}

function isOn(peer: Peer, plane: number): boolean {
  return peer.kind === 'agent' ? peer.planes.includes(plane) : peer.addresses.has(plane);
}

function identityOf(peer: Peer, plane: number, link: string): string {
  const target = peer.kind === 'agent' ? peer.aliases[0] : `${peer.addresses.get(plane)} ${peer.icmp}`;
  return `${peer.name} ${plane} ${link} ${target}`;
}
