import type { Ipv4, Mac, Prefix } from '../wire/address';
import type { LivenessState, PathState } from './liveness';
import type { SettingName } from './settings';
import type { Peer, RouteMetrics, Topology } from './topology';

/** One of our routes, as we want it or as the kernel has it. */
export interface Route extends RouteMetrics {
  readonly destination: Prefix;
  /** `unreachable` is the guard below all routes to an alias: its traffic never leaves by a less specific route */
  readonly type: 'unicast' | 'unreachable';
  /** ifindex; 0 for `unreachable` */
  readonly device: number;
  /** undefined where the destination is on the link itself */
  readonly gateway: Ipv4 | undefined;
  readonly source: Ipv4 | undefined;
  readonly metric: number;
  readonly table: number;
  readonly protocol: number;
  /** metrics that none of our routes has, as the kernel holds them, by name: somebody else's doing */
  readonly others?: Readonly<Record<string, number>> | undefined;
}

/** A permanent neighbor entry of ours. */
export interface Neighbor {
  /** ifindex */
  readonly device: number;
  readonly address: Ipv4;
  readonly mac: Mac;
}

/** An address on the loopback interface. */
export interface Alias {
  readonly address: Ipv4;
  /** whether it carries our label, so that we may remove it */
  readonly ours: boolean;
}

/** What the kernel holds that is ours. */
export interface KernelTable {
  readonly routes: readonly Route[];
  readonly neighbors: readonly Neighbor[];
  readonly aliases: readonly Alias[];
}

/** One kernel operation. */
export type KernelStep =
  | { readonly operation: 'add-alias'; readonly address: Ipv4 }
  | { readonly operation: 'remove-alias'; readonly address: Ipv4 }
  | { readonly operation: 'set-neighbor'; readonly neighbor: Neighbor }
  | { readonly operation: 'remove-neighbor'; readonly neighbor: Neighbor }
  /** `beside`: another route of ours has the same destination and metric, and goes in a later step */
  | { readonly operation: 'add-route'; readonly route: Route; readonly beside: boolean }
  | { readonly operation: 'remove-route'; readonly route: Route }
  /** the former value is recorded before; `restore` gives it back */
  | {
      readonly operation: 'change-setting';
      readonly link: string;
      readonly setting: SettingName;
      readonly value: number;
    }
  | { readonly operation: 'restore-setting'; readonly link: string; readonly setting: SettingName };

/** What routing has to know of a path. */
export interface PathView {
  readonly plane: number;
  readonly state: PathState;
  /** what is known of it by asking, also where it is drained */
  readonly beneath: LivenessState;
  /** ifindex of the link; undefined while the link can hold no route (absent, or administratively down) */
  readonly device: number | undefined;
}

/** Distance between the metrics of two planes. */
export const METRIC_STEP = 10;
/** The guard loses against every other route. */
export const GUARD_METRIC = 0xffffffff;
/** What is added to the metric of the route to an ICMP target by a path that is not usable: it must still be probed there. */
export const DEMOTED = 10_000;

/** Whether packets may leave by a path. `unknown` counts: a path is presumed to work until it has been judged. */
export function isUsable(state: PathState): boolean {
  return state === 'up' || state === 'suspect' || state === 'unknown';
}

/** Whether nothing is expected to come through: what is drained may work all the same. */
export function isDead({ beneath }: PathView): boolean {
  return beneath === 'down';
}

/**
 * The paths whose routes should stand: the usable ones; where there is none, those that answer again; where there is none of
 * these either, those that are drained and would be usable; and else all, so that no peer is ever without a route.
 */
export function chosenPaths<P extends PathView>(paths: readonly P[]): readonly P[] {
  const present = paths.filter((path) => path.device !== undefined);
  const usable = present.filter((path) => isUsable(path.state));
  if (usable.length > 0) return usable;
  const held = present.filter((path) => path.state === 'held');
  if (held.length > 0) return held;
  const drained = present.filter((path) => path.state === 'drained' && !isDead(path));
  return drained.length > 0 ? drained : present;
}

/** The path on which packets leave now: of those that are chosen the one on the most preferred plane; undefined where none works. */
export function activePath<P extends PathView>(paths: readonly P[]): P | undefined {
  return chosenPaths(paths).find((path) => !isDead(path));
}

/** The routes toward `peer`, the guards first. */
export function desiredRoutes(topology: Topology, peer: Peer, paths: readonly PathView[]): Route[] {
  const { metric, table, protocol, park: _park, ...metrics } = topology.route;
  const source = topology.aliases[0];
  const chosen = new Set(chosenPaths(paths));
  const ranks = metricRanks(paths);
  const routes: Route[] = [];
  const unicast = (path: PathView, destination: Prefix, gateway: Ipv4 | undefined, added: number) =>
    routes.push({
      destination,
      type: 'unicast',
      device: path.device!,
      gateway,
      source,
      metric: metric + METRIC_STEP * ranks.get(path)! + added,
      table,
      protocol,
      ...metrics,
    });
  if (peer.kind === 'agent') {
    for (const alias of peer.aliases) routes.push(guard(topology, alias));
    for (const path of chosen) {
      for (const address of peer.aliases) unicast(path, { address, length: 32 }, undefined, 0);
    }
    return routes;
  }
  for (const path of paths) {
    if (path.device === undefined) continue;
    const gateway = peer.addresses.get(path.plane);
    if (chosen.has(path)) for (const prefix of peer.prefixes) unicast(path, prefix, gateway, 0);
    const target = peer.icmp;
    const listed = peer.prefixes.some((prefix) => prefix.length === 32 && prefix.address === target);
    if (target === undefined || (listed && chosen.has(path))) continue;
    unicast(path, { address: target, length: 32 }, gateway, chosen.has(path) ? 0 : DEMOTED);
  }
  return routes;
}

/** For each path the plane whose metric its routes have: the paths' own planes, dealt out in order of preference. */
function metricRanks<P extends PathView>(paths: readonly P[]): ReadonlyMap<P, number> {
  const planes = paths.map((path) => path.plane).sort((one, other) => one - other);
  return new Map(paths.map((path, index) => [path, planes[index]!]));
}

function guard(topology: Topology, alias: Ipv4): Route {
  return {
    destination: { address: alias, length: 32 },
    type: 'unreachable',
    device: 0,
    gateway: undefined,
    source: undefined,
    metric: GUARD_METRIC,
    table: topology.route.table,
    protocol: topology.route.protocol,
  };
}

/** Whether two routes are the same, every attribute included. */
export function isSameRoute(one: Route, other: Route): boolean {
  return (
    isSameSlot(one, other) &&
    one.type === other.type &&
    one.device === other.device &&
    one.gateway === other.gateway &&
    one.source === other.source &&
    one.protocol === other.protocol &&
    haveSameMetrics(one, other)
  );
}

/** The kernel takes one route for each of these, unless told to append. */
export function isSameSlot(one: Route, other: Route): boolean {
  return (
    one.destination.address === other.destination.address &&
    one.destination.length === other.destination.length &&
    one.metric === other.metric &&
    one.table === other.table
  );
}

/** The metrics of a route, those of others included. */
export type Metrics = Pick<Route, 'rtoMin' | 'quickack' | 'initcwnd' | 'congctl' | 'mtu' | 'others'>;

/** Whether the metrics are the same, whoever's they are. */
export function haveSameMetrics(one: Metrics, other: Metrics): boolean {
  return (
    one.rtoMin === other.rtoMin &&
    one.quickack === other.quickack &&
    one.initcwnd === other.initcwnd &&
    one.congctl === other.congctl &&
    one.mtu === other.mtu &&
    (one.others === other.others || JSON.stringify(one.others) === JSON.stringify(other.others))
  );
}

/**
 * The steps from the `standing` routes to some destinations to the `desired` ones, additions first, and guards last of what goes. Each is compared with each, since they
 * are few: whoever has many asks for each destination. A route whose attributes change is added beside the old one before that
 * one goes, so that its destination is never without.
 */
export function planRoutes(desired: readonly Route[], standing: readonly Route[]): KernelStep[] {
  const additions = desired
    .filter((route) => !standing.some((other) => isSameRoute(route, other)))
    .map((route): KernelStep => {
      const beside = standing.some((other) => isSameSlot(route, other));
      return { operation: 'add-route', route, beside };
    });
  const removals = standing
    .filter((route) => !desired.some((other) => isSameRoute(route, other)))
    .sort((one, other) => one.metric - other.metric)
    .map((route): KernelStep => ({ operation: 'remove-route', route }));
  return [...additions, ...removals];
}

/** The same number for the same device and address. */
export function neighborIdentity(neighbor: Pick<Neighbor, 'device' | 'address'>): number {
  return neighbor.device * 0x100000000 + neighbor.address;
}

/** The steps from the `standing` neighbor entries to the `desired` ones: those to set, and those to remove. */
export function planNeighbors(
  desired: readonly Neighbor[],
  standing: readonly Neighbor[],
): { readonly set: KernelStep[]; readonly remove: KernelStep[] } {
  const have = new Map(standing.map((neighbor) => [neighborIdentity(neighbor), neighbor.mac]));
  const wanted = new Set(desired.map(neighborIdentity));
  return {
    set: desired
      .filter((neighbor) => have.get(neighborIdentity(neighbor)) !== neighbor.mac)
      .map((neighbor) => ({ operation: 'set-neighbor', neighbor })),
    remove: standing
      .filter((neighbor) => !wanted.has(neighborIdentity(neighbor)))
      .map((neighbor) => ({ operation: 'remove-neighbor', neighbor })),
  };
}
