/**
 * A snapshot of this host: everything that the checks look at, as plain data. What could not be looked at is {@link Unknown}, with the
 * reason.
 */
import type { StatusReport } from '../control/protocol';
import type { Topology } from '../core/topology';
import type { Ipv4, Mac, Prefix } from '../wire/address';
import type { FilterChain } from './packet-filter';

/** What was not looked at, and why. */
export class Unknown {
  constructor(readonly reason: string) {}
}

/** What a check always has: it comes from the configuration file. */
export interface Plan {
  readonly topology: Topology;
  /** by name, in ms: after which silence an application takes a peer for dead */
  readonly heartbeats: ReadonlyMap<string, number>;
}

export interface InterfaceFact {
  readonly ifindex: number;
  readonly name: string;
  /** undefined where it is not Ethernet's */
  readonly mac: Mac | undefined;
  /** bytes */
  readonly mtu: number;
  readonly up: boolean;
  readonly carrier: boolean;
  /** false for an interface with the flag NOARP */
  readonly arp: boolean;
  /** the bridge, bond or VRF that it is a port of */
  readonly master: string | undefined;
  /** the interface that carries its frames, for a VLAN and its like */
  readonly lower: string | undefined;
  readonly addresses: readonly AddressFact[];
}

export interface AddressFact {
  readonly address: Ipv4;
  /** 0 to 32 */
  readonly length: number;
  readonly label: string;
}

/** One IPv4 route of any table. */
export interface RouteFact {
  readonly table: number;
  /** rtm_type: 1 unicast, 2 local, 6 blackhole, 7 unreachable, 8 prohibit, 9 throw */
  readonly type: number;
  readonly destination: Prefix;
  /** undefined for a route that has none, or several */
  readonly device: string | undefined;
  readonly gateway: string | undefined;
  readonly metric: number;
  readonly protocol: number;
}

/** One IPv4 policy rule. */
export interface RuleFact {
  readonly priority: number;
  /** the selectors are inverted */
  readonly not: boolean;
  /** undefined for all */
  readonly source: Prefix | undefined;
  readonly destination: Prefix | undefined;
  readonly iif: string | undefined;
  readonly oif: string | undefined;
  /** matches packets with a firewall mark alone */
  readonly marked: boolean;
  /** selectors that some packets match and others don't, such as `ipproto tcp`; empty for none */
  readonly some: string;
  readonly action:
    | { readonly type: 'table'; readonly table: number; readonly suppress: number }
    | { readonly type: 'goto'; readonly target: number }
    | { readonly type: 'nop' }
    /** blackhole, unreachable or prohibit */
    | { readonly type: 'refuse' };
  /** as `ip rule del` takes it, without these two words */
  readonly text: string;
}

export interface NeighborFact {
  readonly device: string;
  readonly address: Ipv4;
  readonly mac: Mac;
}

/** An established TCP connection over IPv4. */
export interface SessionFact {
  readonly local: Ipv4;
  readonly localPort: number;
  readonly remote: Ipv4;
  readonly remotePort: number;
  /** the program's name, and undefined where it may not be known */
  readonly program: string | undefined;
}

/** How systemd-networkd is set. */
export interface NetworkdFact {
  /** interfaces that it configures */
  readonly configures: readonly string[];
  /** ManageForeignRoutes= */
  readonly foreignRoutes: boolean;
}

/** How NetworkManager is set. */
export interface NetworkManagerFact {
  /** interfaces that it manages */
  readonly manages: readonly string[];
}

/** What came of asking on the wire. */
export interface WireFact {
  /** links on which we asked: those with carrier */
  readonly links: readonly string[];
  /** what we sent on one link was heard on another */
  readonly joined: readonly { readonly sentOn: string; readonly heardOn: string }[];
  /** somebody else has one of our aliases */
  readonly claims: readonly { readonly link: string; readonly alias: Ipv4; readonly mac: Mac }[];
  /** whom we asked for; `mac` is who answered */
  readonly questions: readonly {
    readonly link: string;
    readonly peer: string;
    readonly address: Ipv4;
    readonly mac: Mac | undefined;
  }[];
  /** beacons of this cluster, and the plane that they say they were sent on */
  readonly beacons: readonly { readonly link: string; readonly host: string; readonly plane: string }[];
}

export interface Facts {
  /** by path below /proc/sys; without those that this kernel doesn't have */
  readonly settings: ReadonlyMap<string, number>;
  readonly interfaces: readonly InterfaceFact[];
  readonly routes: readonly RouteFact[];
  /** in the kernel's order */
  readonly rules: readonly RuleFact[];
  readonly neighbors: readonly NeighborFact[];
  readonly nftables: readonly FilterChain[];
  readonly iptables: readonly FilterChain[];
  readonly networkd: NetworkdFact;
  readonly networkManager: NetworkManagerFact;
  readonly sessions: readonly SessionFact[];
  /** null where no daemon runs */
  readonly status: StatusReport | null;
  readonly wire: WireFact;
}

export type Evidence = { readonly [Part in keyof Facts]: Facts[Part] | Unknown };
