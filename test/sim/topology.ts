import type { ArpOptions, BeaconOptions, LinkPlace, ProbeOptions, Topology } from '../../agent/core/topology';
import type { Ipv4 } from '../../agent/wire/address';

const HOST_NAMES = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'];
const PLANE_NAMES = ['a', 'b', 'c'];
/** 10.78.0.1 */
const FIRST_ALIAS = 0x0a4e0001;

export const DEFAULT_PROBE: ProbeOptions = {
  interval: 50,
  retry: 5,
  misses: 3,
  rise: 3,
  hold: 1000,
  hints: 60,
};
export const DEFAULT_ARP: ArpOptions = { responder: 'auto', repeat: 3, spacing: 1100, refresh: 30_000 };

/** Which hosts of a cluster send beacons, and what they say; hosts and planes by their indexes. */
export interface BeaconPlan {
  readonly options: BeaconOptions;
  /** whether a host sends and takes beacons */
  readonly speaks: (host: number) => boolean;
  /** whether the other hosts' file names a host; its own names them all */
  readonly listed: (host: number) => boolean;
  /** what a host states for its link on a plane; 0 for nothing */
  readonly priority: (host: number, plane: number) => number;
  /** numbers of the keys that a host has, the one to sign with first */
  readonly keys: (host: number) => readonly number[];
}

export const DEFAULT_BEACONS: BeaconPlan = {
  options: { interval: 50, etherType: 0x88b5, verify: 1000, discover: true, expire: 60_000 },
  speaks: () => true,
  listed: () => true,
  priority: () => 0,
  keys: () => [1],
};

/** What the topologies of a cluster's hosts are made from. */
export interface ClusterPlan {
  /** how many, 2 to 6 */
  readonly hosts: number;
  /** how many, 1 to 3 */
  readonly planes: number;
  readonly probe: ProbeOptions;
  readonly arp: ArpOptions;
  /** undefined where nobody sends beacons */
  readonly beacons: BeaconPlan | undefined;
}

/** The cluster as the host with this index sees it. */
export function topologyOf(index: number, { hosts, planes, probe, arp, beacons }: ClusterPlan): Topology {
  const names = HOST_NAMES.slice(0, hosts);
  const indexes = Array.from({ length: planes }, (_, plane) => plane);
  const alias = (host: number) => (FIRST_ALIAS + host) as Ipv4;
  const isListed = (host: number) => beacons?.listed(host) ?? true;
  const isNamed = (host: number) => host !== index && (isListed(host) || !isListed(index));
  const speaks = beacons?.speaks(index) === true;
  return {
    cluster: 'demo',
    host: names[index]!,
    planes: PLANE_NAMES.slice(0, planes),
    aliases: [alias(index)],
    links: indexes.map(
      (plane): LinkPlace => ({ plane, name: `eth${plane}`, priority: beacons?.priority(index, plane) ?? 0 }),
    ),
    peers: names.flatMap((name, peer) =>
      isNamed(peer)
        ? [{ kind: 'agent', name, aliases: [alias(peer)], planes: indexes, discovered: false }]
        : [],
    ),
    probe,
    arp,
    route: { protocol: 77, metric: 100, table: 254, rtoMin: 5 },
    beacon: speaks ? beacons.options : undefined,
  };
}
