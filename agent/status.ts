import { type Clock, isoTime } from './clock';
import type {
  ChoiceReport,
  LinkReport,
  PartingReport,
  PathReport,
  PeerReport,
  RouteReport,
  StatusReport,
} from './control/protocol';
import type { Core } from './core/core';
import type { Link } from './core/link';
import type { Path } from './core/path';
import { type Choice, reasonFor, returnChoice } from './core/preference';
import { Relays, type Side } from './core/relays';
import type { Peer, Topology } from './core/topology';
import { protocolName } from './kernel/protocol-name';
import type { StandingRoute } from './kernel/routes';
import { formatIpv4, formatMac, formatPrefix } from './wire/address';

/** What the agent knows beside its core. */
export interface Situation {
  readonly version: string;
  /** ms of the monotonic clock */
  readonly startedAt: number;
  readonly readyAt: number | undefined;
  readonly counters: Readonly<Record<string, number>>;
}

/** Of the peers that may reach one that we don't, so many are named: any of them will do. */
const MOST_RELAYS = 4;

export function statusReport(core: Core, situation: Situation, clock: Clock): StatusReport {
  const { topology, responder, registry } = core;
  const { startedAt, readyAt } = situation;
  const relays = relaysOf(registry.paths);
  return {
    cluster: topology.cluster,
    host: topology.host,
    version: situation.version,
    pid: process.pid,
    started: isoTime(clock, startedAt),
    ready: readyAt !== undefined,
    startup: readyAt === undefined ? null : rounded(readyAt - startedAt),
    aliases: topology.aliases.map(formatIpv4),
    responder: { configured: topology.arp.responder, acting: responder.acting, reason: responder.reason },
    beacon: core.speaks
      ? {
          etherType: topology.beacon!.etherType,
          interval: topology.beacon!.interval,
          epoch: core.epoch,
        }
      : null,
    planesJoined: core.planesJoined(clock.now()),
    links: [...registry.links.values()].map((link): LinkReport => {
      const { state, place } = link;
      return {
        plane: planeName(topology, place.plane),
        name: place.name,
        exists: state !== undefined,
        ifindex: state?.ifindex ?? null,
        mac: state === undefined ? null : formatMac(state.mac),
        up: state?.up ?? false,
        carrier: state?.carrier ?? false,
        drained: link.drained,
        overridden: link.overridden,
        drainedUntil: endOf(link, clock),
        priority: place.priority,
      };
    }),
    peers: [...registry.paths].map(([peer, paths]) => ({
      ...peerReport(core, peer, paths, clock),
      relays: relays.to(peer.name, MOST_RELAYS),
    })),
    partings: relays.partings().map(
      ({ one, other }): PartingReport => ({
        one: sideReport(topology, one),
        other: sideReport(topology, other),
      }),
    ),
    counters: {
      ...Object.fromEntries([...core.counters].sort(([a], [b]) => (a < b ? -1 : 1))),
      ...situation.counters,
    },
  };
}

/** Far ends run no agent: nobody passes anything on to them, and they to nobody. */
function relaysOf(all: ReadonlyMap<Peer, readonly Path[]>): Relays {
  return new Relays([...all].flatMap(([peer, paths]) => (peer.kind === 'agent' ? [{ peer, paths }] : [])));
}

function sideReport(topology: Topology, { planes, peers }: Side): PartingReport['one'] {
  return { planes: planes.map((plane) => planeName(topology, plane)), peers };
}

function peerReport(
  core: Core,
  peer: Peer,
  paths: readonly Path[],
  clock: Clock,
): Omit<PeerReport, 'relays'> {
  const { topology } = core;
  const active = core.failover.activeOf(peer);
  const priorityOf = (path: Path) => core.registry.links.get(path.link)?.place.priority ?? 0;
  const addresses = peer.kind === 'agent' ? peer.aliases : [...peer.addresses.values()];
  return {
    name: peer.name,
    kind: peer.kind,
    addresses: addresses.map(formatIpv4),
    active: active === undefined ? null : planeName(topology, active.plane),
    choice: choiceReport(topology, active && { path: active, reason: reasonFor(active, paths) }),
    returns: choiceReport(topology, returnChoice(paths, priorityOf)),
    origin: peer.kind === 'agent' && peer.discovered ? 'discovered' : 'file',
    paths: paths.map(
      (path): PathReport => ({
        plane: planeName(topology, path.plane),
        link: path.link,
        state: path.state,
        beneath: path.beneath,
        rtt: path.rtt === undefined ? null : rounded(path.rtt),
        since: isoTime(clock, path.since),
        mac: path.mac === undefined ? null : formatMac(path.mac),
        active: path === active,
        beacon: beaconReport(path),
      }),
    ),
  };
}

/** When a link will be in use again, as ISO 8601; null where that is not known. */
function endOf({ drainedUntil }: Link, clock: Clock): string | null {
  const known = drainedUntil !== undefined && drainedUntil !== Number.POSITIVE_INFINITY;
  return known ? isoTime(clock, drainedUntil) : null;
}

function beaconReport({ hearing }: Path): PathReport['beacon'] {
  const { heardAt, coming, hearsUs, state, priority } = hearing;
  return heardAt === undefined ? null : { coming, hearsUs, state, priority };
}

function choiceReport(topology: Topology, choice: Choice | undefined): ChoiceReport | null {
  return choice === undefined
    ? null
    : { plane: planeName(topology, choice.path.plane), reason: choice.reason };
}

/** A route of ours as `ip route` prints it (iproute2, ip/iproute.c). */
export function routeReport(route: StandingRoute, deviceName: string): RouteReport {
  const unicast = route.type === 'unicast';
  const destination = route.destination.length === 0 ? 'default' : formatPrefix(route.destination, true);
  const gateway = route.gateway === undefined ? null : formatIpv4(route.gateway);
  const source = route.source === undefined ? null : formatIpv4(route.source);
  const words = [
    unicast ? destination : `unreachable ${destination}`,
    gateway === null ? '' : `via ${gateway}`,
    unicast ? `dev ${deviceName}` : '',
    `proto ${protocolName(route.protocol)}`,
    unicast && gateway === null ? 'scope link' : '',
    source === null ? '' : `src ${source}`,
    `metric ${route.metric}`,
    route.dead ? 'dead' : '',
    gateway === null ? '' : 'onlink',
    route.linkdown ? 'linkdown' : '',
    ...metricsWords(route),
  ];
  return {
    destination,
    type: route.type,
    gateway,
    device: unicast ? deviceName : null,
    source,
    metric: route.metric,
    protocol: route.protocol,
    table: route.table,
    rtoMin: route.rtoMin ?? null,
    quickack: route.quickack ?? false,
    initcwnd: route.initcwnd ?? null,
    congctl: route.congctl ?? null,
    mtu: route.mtu ?? null,
    linkdown: route.linkdown,
    text: words.filter((word) => word !== '').join(' '),
  };
}

/** In the order in which `ip route` prints them, that of their numbers (print_rta_metrics). */
function metricsWords({ mtu, initcwnd, rtoMin, quickack, congctl }: StandingRoute): string[] {
  return [
    mtu === undefined ? '' : `mtu ${mtu}`,
    initcwnd === undefined ? '' : `initcwnd ${initcwnd}`,
    rtoMin === undefined ? '' : `rto_min lock ${rtoMin}ms`,
    quickack === undefined ? '' : 'quickack 1',
    congctl === undefined ? '' : `congctl ${congctl}`,
  ];
}

function planeName(topology: Topology, plane: number): string {
  return topology.planes[plane] ?? String(plane);
}

/** ms with three digits: the clock's last digits mean nothing. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
