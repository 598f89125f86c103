/**
 * The reference of every option: its meaning, unit, range and default. docs/configuration.md says the same at length.
 * Each section is a schema of its own, so that an error in one doesn't hide those in another.
 */
import { isIP } from 'node:net';
import * as z from 'zod/mini';
import { DEMOTED, GUARD_METRIC, METRIC_STEP } from '../core/routing';
import type { ArpOptions, BeaconOptions, ProbeOptions, RouteOptions } from '../core/topology';
import type { Ipv4, Mac, Prefix } from '../wire/address';
import { Fault, show } from './fault';
import {
  absolutePath,
  congestionControl,
  etherType,
  hardwareAddress,
  hostAddress,
  interfaceName,
  name,
  oneOf,
  prefix,
  scalar,
  time,
  whole,
  yesOrNo,
} from './values';

// Each schema is used once in a process: compiling it to source text first would cost more than it saves.
z.config({ jitless: true });

/** Planes in one cluster. Every peer has a path for each. */
export const MOST_PLANES = 16;

/** Longest names, in characters: as DNS limits a label, and so that tables stay narrow. */
export const LONGEST_NAME = 63;
export const LONGEST_PLANE = 15;

/** Longest path of a Unix socket in bytes (sun_path less the final zero, unix(7)). */
const LONGEST_SOCKET_PATH = 107;
const LONGEST_PATH = 4095;

/** Every metric stays below this: under the guard's, and with room for the route that probes a target by a path that is not usable. */
export const HIGHEST_METRIC = GUARD_METRIC - DEMOTED;

/** The kernel makes a larger one this (net/ipv4/metrics.c, ip_metrics_convert), in bytes. */
const LARGEST_MTU = 65_535 - 15;

/** Protocol numbers that others set on their routes (linux/rtnetlink.h): we would sweep theirs, and they ours. */
const TAKEN_PROTOCOLS: Readonly<Record<number, string>> = {
  8: 'gated',
  9: 'the kernel, for router advertisements',
  10: 'mrt',
  11: 'zebra',
  12: 'BIRD',
  13: 'dnrouted',
  14: 'xorp',
  15: 'ntk',
  16: 'DHCP clients',
  17: 'mrouted',
  18: 'keepalived',
  42: 'babeld',
  99: 'Open/R',
  186: 'BGP daemons',
  187: 'IS-IS daemons',
  188: 'OSPF daemons',
  189: 'RIP daemons',
  192: 'EIGRP daemons',
};

const TABLE_MAIN = 254;
const TABLE_LOCAL = 255;

/** An option that has a default. */
function withDefault<S extends z.ZodMiniType>(
  schema: S,
  value: z.output<S> & z.core.util.NoUndefined<z.output<S>>,
) {
  return z._default(schema, value);
}

/** `cluster`: the cluster's name, 1 to 63 letters, digits, `-`, `_`, `.`; required. Hosts of another cluster are foreign. */
export const cluster = name(LONGEST_NAME, 'write the name of the cluster, such as cluster: demo');

/** `planes`: names of the planes in order of preference, 1 to 16; required. Each up to 15 characters. */
export const planes = z.array(name(LONGEST_PLANE, 'write the name of a plane'));

/** `hosts.NAME` of a host that runs the agent. */
export const agentHost = z.strictObject({
  /** true (the default) here, false for a far end */
  agent: withDefault(yesOrNo(), true),
  /** the host's cluster identity: one IPv4 address or a list of them, the first being the source of what it sends; required */
  alias: z.pipe(
    z.transform((value: unknown) => (Array.isArray(value) ? value : [value])),
    z.array(hostAddress()),
  ),
  /** the host's interface on each plane: plane to interface name; required, one at least */
  links: z.record(z.string(), interfaceName()),
  /** how much the host wants to be reached by a plane: plane to 1 to 255, the higher the rather; default none. Told by beacons. */
  priority: withDefault(z.record(z.string(), whole(1, 255)), {}),
  /** the hardware address of its card on each plane: plane to address; default none. From no other address it is believed there. */
  mac: withDefault(z.record(z.string(), hardwareAddress()), {}),
});

/** `hosts.NAME` of a far end: `agent: false`. */
export const farEnd = z.strictObject({
  agent: yesOrNo(),
  /** its own address on each plane: plane to IPv4 address; required, one at least. ARP probes ask for it. */
  addresses: z.record(z.string(), hostAddress()),
  /** what is reached through it; default none. Its own addresses need not be listed. */
  prefixes: withDefault(z.array(prefix()), []),
  /** an IPv4 address behind it that must answer ICMP echo through a plane for that path to be up; default none */
  icmp: z.optional(hostAddress()),
  /** its hardware address on each plane: plane to address; default none. From no other address it is believed there. */
  mac: withDefault(z.record(z.string(), hardwareAddress()), {}),
});

/** `probe`: how paths are watched. */
export const probe = z.strictObject({
  /** between two requests while a path is up: 1ms to 60s, default 50ms. teamd's and BFD's `interval`. */
  interval: withDefault(time(1, 60_000), 50),
  /** between two requests while a path is suspect, and the least time to wait for an answer: 1ms to `interval`, default 5ms */
  retry: withDefault(time(1, 60_000), 5),
  /** unanswered requests in a row until the path is down: 1 to 100, default 3. teamd's `missed_max`, BFD's detect multiplier. */
  misses: withDefault(whole(1, 100), 3),
  /** answered requests in a row before a path that was down is trusted: 1 to 100, default 3. keepalived's `rise`. */
  rise: withDefault(whole(1, 100), 3),
  /** time without a miss that a returning path needs: 0s to 1h, default 1s. Doubled for a path that flaps. */
  hold: withDefault(time(0, 3_600_000), 1000),
  /** requests a second and peer that hints may cause at most: 2 to 100000, default 60 */
  hints: withDefault(whole(2, 100_000), 60),
});

/** `arp`: how the alias is announced, and who answers for it. */
export const arp = z.strictObject({
  /** who answers ARP requests for the alias: `auto` (default), `agent`, `kernel` */
  responder: withDefault(oneOf('auto', 'agent', 'kernel'), 'auto'),
  /** announcements when a link comes up: 1 to 100, default 3. keepalived's `garp_master_repeat`. */
  repeat: withDefault(whole(1, 100), 3),
  /** between these: 10ms to 60s, default 1100ms, just over the second in which Linux holds on to a neighbor entry */
  spacing: withDefault(time(10, 60_000), 1100),
  /** between two announcements in the steady state: 1s to 1h, default 30s; `off` for none. keepalived's `garp_master_refresh`. */
  refresh: withDefault(time(1000, 3_600_000, { off: 0, '0s': 0 }), 30_000),
});

/** `route`: what our routes look like. */
export const route = z.pipe(
  z.strictObject({
    /** the number that marks our routes: 5 to 255, default 77, which rt_protos.d names `multihomed`. None that others use. */
    protocol: withDefault(protocol(), 77),
    /** metric of the route by the first plane: 1 to 4294957295 less 10 for each plane, default 100. The n-th has 10·n more. */
    metric: withDefault(whole(1, HIGHEST_METRIC - METRIC_STEP), 100),
    /** the routing table: `main` (default), or 1 to 2^32-1 except 255, the kernel's local table */
    table: withDefault(table(), TABLE_MAIN),
    /** TCP's least retransmission time on our routes: 1ms to 10s, default 5ms; `off` leaves the kernel's 200ms */
    'rto-min': withDefault(time(1, 10_000, { off: 0 }), 5),
    /** whether TCP acknowledges every segment at once on our routes; default false */
    quickack: withDefault(yesOrNo(), false),
    /** whether packets to a peer of which no path works wait in the kernel until one does; default false */
    park: withDefault(yesOrNo(), false),
    /** segments that TCP sends at first on our routes: 1 to 65535; default the kernel's, 10 */
    initcwnd: z.optional(whole(1, 65_535)),
    /** TCP's congestion control on our routes, one that the kernel has; default the host's */
    congctl: z.optional(congestionControl()),
    /** largest packet on our routes in bytes: 68 to 65520, and not over the MTU of any link; default the link's */
    mtu: z.optional(whole(68, LARGEST_MTU)),
  }),
  z.transform(
    ({ 'rto-min': rtoMin, quickack, park, ...rest }): RouteOptions => ({
      ...rest,
      rtoMin: rtoMin === 0 ? undefined : rtoMin,
      quickack: quickack || undefined,
      park: park || undefined,
    }),
  ),
);

/** `beacon`: broadcast frames that say what a host has (method 2), authenticated by a key. */
export const beacon = z.pipe(
  z.strictObject({
    /** whether this cluster's hosts send and take beacons; default false */
    enabled: withDefault(yesOrNo(), false),
    /** between two beacons on one link: 1ms to 60s, default 50ms */
    interval: withDefault(time(1, 60_000), 50),
    /** absolute path of the file with the key, default /etc/multihomed/beacon.key */
    'key-file': withDefault(absolutePath(LONGEST_PATH), '/etc/multihomed/beacon.key'),
    /** EtherType of the frames: 0x0600 to 0xffff, default 0x88B5 (IEEE 802, local experimental). None of IP, ARP and VLAN tags. */
    ethertype: withDefault(etherType(), 0x88b5),
    /** between two ARP requests on a path by which beacons come and arrive: 100ms to 60s, at least probe.interval; default 1s */
    verify: withDefault(time(100, 60_000), 1000),
    /** whether a host that the file doesn't list becomes a peer by its beacons; default true */
    discover: withDefault(yesOrNo(), true),
    /** how long such a host may be silent on all planes: 1s to 1h, at least three intervals; default 60s */
    expire: withDefault(time(1000, 3_600_000), 60_000),
  }),
  z.transform(
    ({ 'key-file': keyFile, ethertype, ...rest }): BeaconSection => ({
      ...rest,
      keyFile,
      etherType: ethertype,
    }),
  ),
);

/** `control`: the socket that multihomectl talks to. */
export const control = z.strictObject({
  /** absolute path of at most 107 bytes, default /run/multihomed/control.sock */
  socket: withDefault(absolutePath(LONGEST_SOCKET_PATH), '/run/multihomed/control.sock'),
});

/** `heartbeat`: name of an application to the silence after which it takes a peer for dead, 1ms to 24h; for `multihomectl doctor` alone. */
export const heartbeat = z.record(z.string(), time(1, 86_400_000));

/** `metrics`: accepted and checked, but without effect in this version, and a warning says so. */
export const metrics = z.strictObject({
  /** address and port, such as 127.0.0.1:9477 or [::1]:9477; required where the section stands */
  listen: listenAddress(),
});

/** A host that runs the agent. */
export interface AgentHostEntry {
  readonly kind: 'agent';
  /** one at least */
  readonly aliases: readonly Ipv4[];
  /** interface name by plane */
  readonly links: ReadonlyMap<string, string>;
  /** 1 to 255, by plane; the planes are among those of its links */
  readonly priority: ReadonlyMap<string, number>;
  /** of its cards, by plane; the planes are among those of its links */
  readonly macs: ReadonlyMap<string, Mac>;
}

/** A host that runs no agent. */
export interface FarEndEntry {
  readonly kind: 'far-end';
  /** its own address by plane */
  readonly addresses: ReadonlyMap<string, Ipv4>;
  readonly prefixes: readonly Prefix[];
  readonly icmp: Ipv4 | undefined;
  /** by plane; the planes are among those of its addresses */
  readonly macs: ReadonlyMap<string, Mac>;
}

export type HostEntry = AgentHostEntry | FarEndEntry;

/** `beacon`, without errors where it is enabled. */
export interface BeaconSection extends BeaconOptions {
  readonly enabled: boolean;
  /** absolute path */
  readonly keyFile: string;
}

/** A configuration file without errors. Times are in ms. */
export interface Configuration {
  /** the file that it comes from, as it was given on the command line */
  readonly file: string;
  readonly cluster: string;
  /** in order of preference */
  readonly planes: readonly string[];
  /** by name, in the order of the file */
  readonly hosts: ReadonlyMap<string, HostEntry>;
  readonly probe: ProbeOptions;
  readonly arp: ArpOptions;
  readonly route: RouteOptions;
  readonly beacon: BeaconSection;
  readonly control: { readonly socket: string };
  /** by application: after which silence it takes a peer for dead */
  readonly heartbeats: ReadonlyMap<string, number>;
}

function protocol() {
  const mend = 'write a number from 5 to 255 that no other routing daemon uses, such as 77';
  return scalar((value): number | Fault => {
    if (typeof value !== 'number' || !Number.isInteger(value))
      return new Fault(`${show(value)} is not a whole number`, mend);
    if (value >= 0 && value <= 4) return new Fault(`${value} is the kernel's own`, mend);
    if (value < 0 || value > 255) return new Fault(`${value} is out of range`, mend);
    const owner = TAKEN_PROTOCOLS[value];
    return owner === undefined ? value : new Fault(`${value} belongs to ${owner}`, mend);
  }, mend);
}

function table() {
  const mend = 'write main, or a number from 1 to 4294967295 except 255';
  return scalar((value): number | Fault => {
    if (value === 'main') return TABLE_MAIN;
    if (typeof value !== 'number' || !Number.isInteger(value))
      return new Fault(`${show(value)} is no table`, mend);
    if (value === TABLE_LOCAL) return new Fault("255 is the kernel's local table", mend);
    return value >= 1 && value <= 0xffffffff ? value : new Fault(`${value} is out of range`, mend);
  }, mend);
}

function listenAddress() {
  const mend = 'write an address and a port, such as 127.0.0.1:9477';
  return scalar((value): string | Fault => {
    const match =
      typeof value === 'string' ? /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]{1,5})$/i.exec(value) : null;
    const family = match === null ? 0 : isIP(match[1] ?? match[2] ?? '');
    const port = Number(match?.[3]);
    const good = family === (match?.[1] === undefined ? 4 : 6) && port >= 1 && port <= 65_535;
    return good ? (value as string) : new Fault(`${show(value)} is not an address and a port`, mend);
  }, mend);
}
