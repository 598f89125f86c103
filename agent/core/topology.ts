import type { Ipv4, Mac, Prefix } from '../wire/address';

/** When a path is asked, and when it is judged. Every time is in ms. */
export interface ProbeTiming {
  /** between two requests while a path is up */
  readonly interval: number;
  /** between two requests while a path is suspect, and the least time to wait for an answer */
  readonly retry: number;
  /** unanswered requests in a row that make a path down */
  readonly misses: number;
  /** answered requests in a row before a path that was down is trusted again */
  readonly rise: number;
  /** the time without a miss that a returning path needs, doubled for a path that flaps */
  readonly hold: number;
}

/** How paths are watched. */
export interface ProbeOptions extends ProbeTiming {
  /** requests a second and peer that hints may cause at most: announcements are not authenticated */
  readonly hints: number;
}

/** How beacons are sent and taken (method 2). Every time is in ms. */
export interface BeaconOptions {
  /** between two beacons on one link */
  readonly interval: number;
  readonly etherType: number;
  /** between two ARP requests on a path by which the peer's beacons come and ours arrive */
  readonly verify: number;
  /** whether a host that the topology doesn't name becomes a peer by its beacons */
  readonly discover: boolean;
  /** how long such a host may be silent on all planes before it is forgotten */
  readonly expire: number;
}

/** How the alias is announced and who answers for it. Every time is in ms. */
export interface ArpOptions {
  readonly responder: 'auto' | 'agent' | 'kernel';
  /** announcements when a link comes up */
  readonly repeat: number;
  /** between these announcements; over 1 s, the age in which Linux holds on to an entry (`locktime`) */
  readonly spacing: number;
  /** between two announcements in the steady state; 0 for none */
  readonly refresh: number;
}

/** What a route says to TCP, and to IP, of the way to its destination (RTA_METRICS, linux/rtnetlink.h). What is undefined is left to the kernel. */
export interface RouteMetrics {
  /** TCP's least retransmission time, in ms; locked, since TCP heeds no other (tcp_rto_min, include/net/tcp.h) */
  readonly rtoMin?: number | undefined;
  /** whether TCP acknowledges every segment at once; undefined for no */
  readonly quickack?: true | undefined;
  /** segments that TCP sends at first without an acknowledgement */
  readonly initcwnd?: number | undefined;
  /** name of TCP's congestion control, for sockets that choose none themselves */
  readonly congctl?: string | undefined;
  /** bytes of the largest packet; not locked, so that path MTU discovery may find less */
  readonly mtu?: number | undefined;
}

/** What our routes look like. */
export interface RouteOptions extends RouteMetrics {
  /** rtm_protocol, 1 to 255 */
  readonly protocol: number;
  /** of the route by the first plane; the n-th has `metric + 10·n`, counted from 0 */
  readonly metric: number;
  /** routing table number */
  readonly table: number;
  /** whether packets to a peer of which no path works wait in the kernel until one does; undefined for no */
  readonly park?: true | undefined;
}

/** One of this host's interfaces, on a plane. */
export interface LinkPlace {
  /** index into {@link Topology.planes} */
  readonly plane: number;
  /** interface name */
  readonly name: string;
  /** 1 to 255, told to the peers by beacons: the higher, the rather they send to us by it; 0 states none */
  readonly priority: number;
  /** the address that the peers were told to believe it from; undefined for any */
  readonly mac?: Mac | undefined;
}

/** Another host that runs an agent: reached at its aliases over every plane that both are on. */
export interface AgentPeer {
  readonly kind: 'agent';
  readonly name: string;
  readonly aliases: readonly Ipv4[];
  /** planes that it is on, ascending */
  readonly planes: readonly number[];
  /** its hardware addresses by plane, where it is to be believed from no other; undefined for none */
  readonly macs?: ReadonlyMap<number, Mac> | undefined;
  /** known by its beacons alone */
  readonly discovered: boolean;
}

/** A far end without an agent, such as a firewall: reached at its own address on each plane. */
export interface FarEnd {
  readonly kind: 'far-end';
  readonly name: string;
  /** its address by plane */
  readonly addresses: ReadonlyMap<number, Ipv4>;
  /** what is reached through it */
  readonly prefixes: readonly Prefix[];
  /** a host behind it that ICMP echo must reach as well for the path to be up */
  readonly icmp: Ipv4 | undefined;
  /** its hardware addresses by plane, where it is to be believed from no other; undefined for none */
  readonly macs?: ReadonlyMap<number, Mac> | undefined;
}

export type Peer = AgentPeer | FarEnd;

/** The cluster as one host sees it: what the core is made from. */
export interface Topology {
  readonly cluster: string;
  /** this host's name */
  readonly host: string;
  /** names, in order of preference */
  readonly planes: readonly string[];
  /** our own; the first is the source of what we send */
  readonly aliases: readonly Ipv4[];
  /** ascending by plane, one at most for each */
  readonly links: readonly LinkPlace[];
  readonly peers: readonly Peer[];
  readonly probe: ProbeOptions;
  readonly arp: ArpOptions;
  readonly route: RouteOptions;
  /** undefined where this host sends and takes no beacons */
  readonly beacon: BeaconOptions | undefined;
}

/** Names of the peers that differ from one topology to another. */
export interface TopologyChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

export function compareTopologies(before: Topology, after: Topology): TopologyChange {
  const old = new Map(before.peers.map((peer) => [peer.name, fingerprint(peer)]));
  const names = new Set(after.peers.map((peer) => peer.name));
  const known = after.peers.filter((peer) => old.has(peer.name));
  return {
    added: after.peers.filter((peer) => !old.has(peer.name)).map((peer) => peer.name),
    removed: [...old.keys()].filter((name) => !names.has(name)),
    changed: known.filter((peer) => old.get(peer.name) !== fingerprint(peer)).map((peer) => peer.name),
  };
}

function fingerprint(peer: Peer): string {
  const macs = [...(peer.macs ?? [])];
  return JSON.stringify(
    peer.kind === 'agent' ? { ...peer, macs } : { ...peer, macs, addresses: [...peer.addresses] },
  );
}
