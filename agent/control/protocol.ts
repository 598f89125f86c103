/**
 * The control socket speaks JSON, one object a line, and one request a connection. A client sends a {@link Request}; the
 * daemon answers with one {@link Response}. After `events` with `follow`, every further line is an {@link EventRecord}, until either side closes.
 * Field names are stable: fields are added, never renamed.
 */

export type PathState = 'unknown' | 'up' | 'suspect' | 'down' | 'held' | 'drained';

/** One thing that happened. Further fields depend on `event`; docs/events.md lists them. */
export interface EventRecord {
  /** ISO 8601, UTC */
  readonly time: string;
  readonly level: 'info' | 'warn' | 'error';
  /** its name, such as `path-down` */
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface PathReport {
  readonly plane: string;
  readonly link: string;
  readonly state: PathState;
  /** what is known of it by asking: the same, but for a path that is drained */
  readonly beneath: Exclude<PathState, 'drained'>;
  /** smoothed round trip in ms; null before the first answer */
  readonly rtt: number | null;
  /** ISO 8601: when it came into this state */
  readonly since: string;
  /** the far end's address on this plane, once verified */
  readonly mac: string | null;
  /** whether packets to the peer leave by this path now */
  readonly active: boolean;
  /** what the peer's beacons say by this path; null where none came */
  readonly beacon: BeaconReport | null;
}

/** What a peer's beacons say of one path. */
export interface BeaconReport {
  /** they come: the last one is not overdue */
  readonly coming: boolean;
  /** the peer says that ours come to it */
  readonly hearsUs: boolean;
  /** what the peer says of its link */
  readonly state: 'up' | 'down' | 'drained';
  /** the higher, the rather the peer wants to be reached by it; 0 where it states none */
  readonly priority: number;
}

/** Which plane carries packets in one direction, and why. */
export interface ChoiceReport {
  readonly plane: string;
  /** `only`: no other is usable; `priority`: the receiver prefers it; `order`: it comes first in the order of planes */
  readonly reason: 'only' | 'priority' | 'order';
}

export interface PeerReport {
  readonly name: string;
  readonly kind: 'agent' | 'far-end';
  /** its aliases; a far end's own addresses, by plane */
  readonly addresses: readonly string[];
  /** the plane that carries the traffic now; null where no path is usable */
  readonly active: string | null;
  /** why it is that plane; null where no path is usable */
  readonly choice: ChoiceReport | null;
  /** by which plane the peer sends to us, by what its beacons say; null without them */
  readonly returns: ChoiceReport | null;
  /** `discovered`: it is not in the file, its beacons made it a peer */
  readonly origin: 'file' | 'discovered';
  /**
   * names of peers that we reach and that may reach it, where we don't: by a plane of which we see nobody. A few of them at most; empty
   * otherwise
   */
  readonly relays?: readonly string[];
  readonly paths: readonly PathReport[];
}

/** Peers, and the names of the planes by which each of them works, or may work for all that we know. */
export interface SideReport {
  readonly planes: readonly string[];
  readonly peers: readonly string[];
}

/** Peers that this host reaches on both sides, though no working plane leads from one side to the other. */
export interface PartingReport {
  readonly one: SideReport;
  readonly other: SideReport;
}

export interface LinkReport {
  readonly plane: string;
  readonly name: string;
  readonly exists: boolean;
  readonly ifindex: number | null;
  readonly mac: string | null;
  /** administratively up */
  readonly up: boolean;
  readonly carrier: boolean;
  /** the operator has taken it out of use */
  readonly drained: boolean;
  /** drained, but in use all the same, since nothing else leads anywhere */
  readonly overridden: boolean;
  /** ISO 8601; null where it is not drained, or until told otherwise */
  readonly drainedUntil: string | null;
  /** what we tell the peers: the higher, the rather they send by it; 0 where none is stated */
  readonly priority: number;
}

export interface StatusReport {
  readonly cluster: string;
  readonly host: string;
  readonly version: string;
  readonly pid: number;
  /** ISO 8601 */
  readonly started: string;
  /** alias bound, routes standing, every link that exists announced */
  readonly ready: boolean;
  /** ms from the start of the process until it was ready; null before */
  readonly startup: number | null;
  readonly aliases: readonly string[];
  readonly responder: {
    readonly configured: string;
    readonly acting: 'kernel' | 'agent';
    readonly reason: string;
  };
  /** how beacons are sent; null where they are off */
  readonly beacon: {
    readonly etherType: number;
    /** ms */
    readonly interval: number;
    readonly epoch: number;
  } | null;
  /** one of our own frames was heard on another link not long ago: two planes are one layer-2 network */
  readonly planesJoined: boolean;
  readonly links: readonly LinkReport[];
  readonly peers: readonly PeerReport[];
  /** peers that cannot reach each other, while this host reaches both; empty where there are none, absent where the daemon is older */
  readonly partings?: readonly PartingReport[];
  /** ignored frames by reason, and other totals since the start */
  readonly counters: Readonly<Record<string, number>>;
}

/** One of our routes as the kernel has it. */
export interface RouteReport {
  /** `10.78.0.2`, `192.0.2.0/24` or `default` */
  readonly destination: string;
  readonly type: 'unicast' | 'unreachable';
  readonly gateway: string | null;
  readonly device: string | null;
  readonly source: string | null;
  readonly metric: number;
  readonly protocol: number;
  readonly table: number;
  /** ms; null where the route sets none, as for those that follow */
  readonly rtoMin: number | null;
  readonly quickack: boolean;
  /** segments */
  readonly initcwnd: number | null;
  readonly congctl: string | null;
  /** bytes */
  readonly mtu: number | null;
  readonly linkdown: boolean;
  /** the same as `ip route` prints it */
  readonly text: string;
}

export type Request =
  | { readonly command: 'status' }
  | { readonly command: 'routes' }
  /** the last `last` events, oldest first, and with `follow` those to come */
  | { readonly command: 'events'; readonly last: number; readonly follow: boolean }
  /** answers once the daemon is ready and, where a peer is named, that peer has a path that is up; the client times out */
  | { readonly command: 'wait'; readonly peer?: string }
  | DrainRequest
  /** gives a link, or those on a plane, back */
  | { readonly command: 'undrain'; readonly target: string }
  /** reads the configuration file again; an error leaves the old one in force */
  | { readonly command: 'reload' }
  /** removes alias, routes, neighbor entries and recorded sysctls, answers, and ends the daemon */
  | { readonly command: 'teardown' };

/** Takes a link, or those on a plane, out of use; answers once the peers have had the time to leave it. */
export interface DrainRequest {
  readonly command: 'drain';
  /** name of a link, or else of a plane */
  readonly target: string;
  /** ms; without it until `undrain` */
  readonly for?: number;
  /** also where it cuts somebody off */
  readonly force: boolean;
}

/** A link of this host, and its plane. */
export interface LinkName {
  readonly name: string;
  readonly plane: string;
}

export interface DrainReport {
  readonly links: readonly LinkName[];
  /** ISO 8601; null for until told otherwise */
  readonly until: string | null;
  /** names of the peers that no other link reaches: their traffic stays; empty unless it was forced */
  readonly stranded: readonly string[];
  /** names of the links on which the kernel goes on answering, by a setting for all links: peers that take no beacons of ours stay */
  readonly answering: readonly string[];
  /** names of the far ends: they run no agent, and leave by their own means or not at all */
  readonly farEnds: readonly string[];
  /** ms that the peers were given */
  readonly waited: number;
}

export interface UndrainReport {
  /** those that were drained */
  readonly links: readonly LinkName[];
}

export interface ReloadReport {
  /** names of peers */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** What was removed or given back, one line each. */
export interface TeardownReport {
  readonly removed: readonly string[];
}

/** What each command's `result` is. */
export interface Results {
  readonly status: StatusReport;
  readonly routes: readonly RouteReport[];
  /** the last ones, oldest first */
  readonly events: readonly EventRecord[];
  readonly wait: null;
  readonly drain: DrainReport;
  readonly undrain: UndrainReport;
  readonly reload: ReloadReport;
  readonly teardown: TeardownReport;
}

export type ErrorCode =
  | 'bad-request'
  | 'unknown-command'
  | 'unknown-peer'
  | 'unknown-link'
  /** it would cut somebody off */
  | 'last-link'
  | 'configuration'
  | 'failed';

export type Response =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: { readonly code: ErrorCode; readonly message: string } };
