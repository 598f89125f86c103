import type { Path } from '../../agent/core/path';
import { returnChoice } from '../../agent/core/preference';
import type { Cluster } from './cluster';

/** A counter of the agent of a host. */
export function counter(cluster: Cluster, host: string, name: string): number {
  return cluster.host(host).agent!.core.counters.get(name) ?? 0;
}

/** By how much a counter of a host grows in the next `ms`. */
export function growth(cluster: Cluster, host: string, name: string, ms: number): number {
  const before = counter(cluster, host, name);
  cluster.run(ms);
  return counter(cluster, host, name) - before;
}

/** The paths of `host` to `peer`, by plane; none where it doesn't know the peer. */
export function pathsTo(cluster: Cluster, host: string, peer: string): Path[] {
  const { registry } = cluster.host(host).agent!.core;
  const known = registry.peerNamed(peer);
  const paths = known === undefined ? [] : registry.paths.get(known)!;
  return [...paths].sort((one, other) => one.plane - other.plane);
}

/** Plane and metric of each unicast route of `host` to `peer`, the preferred one first. */
export function routesTo(cluster: Cluster, host: string, peer: string): [plane: number, metric: number][] {
  const { kernel, links } = cluster.host(host);
  const { alias } = cluster.host(peer);
  return kernel.routes
    .filter(({ destination, type }) => destination.address === alias && type === 'unicast')
    .map(({ device, metric }): [number, number] => [
      links.findIndex(({ ifindex }) => ifindex === device),
      metric,
    ])
    .sort(([, one], [, other]) => one - other);
}

/** The plane by which `host` sends to `peer`. */
export function planeChosen(cluster: Cluster, host: string, peer: string): number | undefined {
  const { failover, registry } = cluster.host(host).agent!.core;
  return failover.activeOf(registry.peerNamed(peer)!)?.plane;
}

/** The plane by which `peer` sends to `host`, as `host` sees it. */
export function planeAsSeen(cluster: Cluster, host: string, peer: string): number | undefined {
  const { links } = cluster.host(host).agent!.topology;
  return returnChoice(pathsTo(cluster, host, peer), ({ plane }) => links[plane]!.priority)?.path.plane;
}
