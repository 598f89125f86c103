import type { Ipv4, Prefix } from '../wire/address';
import type { Path } from './path';
import {
  type Alias,
  desiredRoutes,
  isDead,
  type KernelStep,
  type KernelTable,
  type Neighbor,
  neighborIdentity,
  planNeighbors,
  planRoutes,
  type Route,
} from './routing';
import type { Peer, Topology } from './topology';

/** What the kernel holds that is ours, as far as we know, and the steps from there to what we want. */
export class Ledger {
  private readonly routes = new Map<string, Route[]>();
  private readonly neighbors = new Map<number, Neighbor>();
  private aliases: readonly Alias[] = [];
  /** destinations whose routes and neighbor entries stay though nobody wants them; the guards of those that have one */
  private spared: ReadonlyMap<string, Route | undefined> = new Map();

  /** Takes over what the kernel was seen to hold. */
  adopt(table: KernelTable): void {
    this.routes.clear();
    for (const route of table.routes) this.at(route.destination).push(route);
    this.neighbors.clear();
    for (const neighbor of table.neighbors) this.neighbors.set(neighborIdentity(neighbor), neighbor);
    this.aliases = table.aliases;
  }

  /** The kernel dropped all routes and neighbor entries of a device, as it does without a word when it goes down. */
  forgetDevice(device: number): void {
    for (const [destination, routes] of this.routes) {
      const others = routes.filter((route) => route.device !== device);
      this.routes.set(destination, others);
    }
    this.forgetNeighbors(device);
  }

  /** The kernel dropped all neighbor entries of a device, as it does when the device's own address changes. */
  forgetNeighbors(device: number): void {
    for (const [identity, neighbor] of this.neighbors) {
      if (neighbor.device === device) this.neighbors.delete(identity);
    }
  }

  /**
   * What stands toward hosts that are none of these peers is left alone from now on, until somebody wants it: they may be discovered again.
   * Nothing is left alone where `peers` is undefined. Whether there is anything.
   */
  spare(peers: readonly Peer[] | undefined): boolean {
    const listed = new Set(peers?.flatMap(destinationsOf).map(keyOf));
    const spared = new Map<string, Route | undefined>();
    for (const [key, routes] of peers === undefined ? [] : this.routes) {
      if (listed.has(key) || routes[0]?.destination.length !== 32) continue;
      spared.set(key, routes.find(isGuard));
    }
    this.spared = spared;
    return spared.size > 0;
  }

  /** The unicast routes to a peer that stand. */
  routesTo(peer: Peer): readonly Route[] {
    return destinationsOf(peer).flatMap((destination) =>
      this.at(destination).filter((route) => route.type === 'unicast'),
    );
  }

  neighborOf(path: Path): Neighbor | undefined {
    if (path.device === undefined) return undefined;
    return this.neighbors.get(neighborIdentity({ device: path.device, address: path.target }));
  }

  /** The steps for one peer; taken as done. */
  planPeer(topology: Topology, peer: Peer, paths: readonly Path[]): KernelStep[] {
    const destinations = destinationsOf(peer);
    const standing = destinations.flatMap((destination) => this.at(destination));
    const desired = desiredRoutes(topology, peer, paths);
    for (const destination of destinations) this.at(destination).length = 0;
    for (const route of desired) this.at(route.destination).push(route);
    const verified = verifiedNeighbors(peer, paths);
    const entries = verified.flatMap((neighbor) => this.neighbors.get(neighborIdentity(neighbor)) ?? []);
    const wanted = desiredNeighbors(topology, peer, paths);
    for (const neighbor of verified) this.neighbors.delete(neighborIdentity(neighbor));
    for (const neighbor of wanted) this.neighbors.set(neighborIdentity(neighbor), neighbor);
    const neighbors = planNeighbors(wanted, entries);
    return [...neighbors.set, ...planRoutes(desired, standing), ...neighbors.remove];
  }

  /** The steps for everything: aliases, every peer, and what is ours but no longer wanted; taken as done. */
  planAll(topology: Topology, peers: ReadonlyMap<Peer, readonly Path[]>): KernelStep[] {
    const destinations = new Set([...peers.keys()].flatMap(destinationsOf).map(keyOf));
    const isSpared = (prefix: Prefix) => this.spared.has(keyOf(prefix)) && !destinations.has(keyOf(prefix));
    const routes = [...this.routes.values()].flat();
    // Whatever becomes of the rest, traffic for an alias never leaves by the default route.
    const guards = [...this.spared].flatMap(([key, guard]) =>
      guard === undefined || destinations.has(key) ? [] : [guard],
    );
    const isLeft = (route: Route) => isSpared(route.destination) && !isGuard(route);
    const standing = routes.filter((route) => !isLeft(route));
    const known = [...this.neighbors.values()];
    const entries = known.filter(({ address }) => !isSpared({ address, length: 32 }));
    const desired = [
      ...guards,
      ...[...peers].flatMap(([peer, paths]) => desiredRoutes(topology, peer, paths)),
    ];
    const wanted = [...peers].flatMap(([peer, paths]) => desiredNeighbors(topology, peer, paths));
    const aliases = this.planAliases(topology.aliases);
    const neighbors = planNeighbors(wanted, entries);
    this.adopt({
      routes: [...desired, ...routes.filter(isLeft)],
      neighbors: [...wanted, ...known.filter(({ address }) => isSpared({ address, length: 32 }))],
      aliases: this.aliases,
    });
    return [
      ...aliases.add,
      ...neighbors.set,
      ...this.planEach(desired, standing),
      ...neighbors.remove,
      ...aliases.remove,
    ];
  }

  /** The steps for routes to many destinations, one destination after the other. */
  private planEach(desired: readonly Route[], standing: readonly Route[]): KernelStep[] {
    const [wanted, present] = [byDestination(desired), byDestination(standing)];
    const destinations = new Set([...wanted.keys(), ...present.keys()]);
    return [...destinations].flatMap((key) => planRoutes(wanted.get(key) ?? [], present.get(key) ?? []));
  }

  private planAliases(wanted: readonly Ipv4[]): {
    readonly add: KernelStep[];
    readonly remove: KernelStep[];
  } {
    const present = this.aliases;
    const add = wanted.filter((address) => !present.some((alias) => alias.address === address));
    const remove = present.filter((alias) => alias.ours && !wanted.includes(alias.address));
    this.aliases = [
      ...present.filter((alias) => !remove.includes(alias)),
      ...add.map((address) => ({ address, ours: true })),
    ];
    return {
      add: add.map((address) => ({ operation: 'add-alias', address })),
      remove: remove.map(({ address }) => ({ operation: 'remove-alias', address })),
    };
  }

  private at(destination: Prefix): Route[] {
    const key = keyOf(destination);
    let routes = this.routes.get(key);
    if (routes === undefined) {
      routes = [];
      this.routes.set(key, routes);
    }
    return routes;
  }
}

function isGuard({ type }: Route): boolean {
  return type === 'unreachable';
}

/** A prefix as the key of a map. */
export function keyOf({ address, length }: Prefix): string {
  return `${address}/${length}`;
}

function byDestination(routes: readonly Route[]): Map<string, Route[]> {
  const groups = new Map<string, Route[]>();
  for (const route of routes) {
    const key = keyOf(route.destination);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [route]);
    else group.push(route);
  }
  return groups;
}

/** Every destination to which a peer can have routes. */
export function destinationsOf(peer: Peer): Prefix[] {
  if (peer.kind === 'agent') return peer.aliases.map((address) => ({ address, length: 32 }));
  const target = peer.icmp;
  const listed = peer.prefixes.some(({ address, length }) => length === 32 && address === target);
  return target === undefined || listed
    ? [...peer.prefixes]
    : [...peer.prefixes, { address: target, length: 32 }];
}

/**
 * The permanent entries for a peer. Where packets are to be parked, none stands for a path that is down: what the kernel sends there waits
 * for its own ARP, and goes out when the path returns and the entry is set again (net/core/neighbour.c, __neigh_update).
 */
function desiredNeighbors({ route }: Topology, peer: Peer, paths: readonly Path[]): Neighbor[] {
  return verifiedNeighbors(peer, route.park ? paths.filter((path) => !isDead(path)) : paths);
}

/** An entry for each address of the peer on each link where it was verified. */
function verifiedNeighbors(peer: Peer, paths: readonly Path[]): Neighbor[] {
  return paths.flatMap((path) => {
    const { device, mac } = path;
    if (device === undefined || mac === undefined) return [];
    const addresses = peer.kind === 'agent' ? peer.aliases : [path.target];
    return addresses.map((address) => ({ device, address, mac }));
  });
}
