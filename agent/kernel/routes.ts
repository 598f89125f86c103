import { RouteScope, RouteType } from 'netlink/dist/rt/structs';
import type { Route } from '../core/routing';
import { formatPrefix, type Ipv4, type Prefix } from '../wire/address';
import { Attributes, readUint32 } from './attributes';
import { AF_INET, ipv4In } from './bytes';
import { MessageWriter } from './message';
import { metricsBytes, metricsIn, rawMetricsIn } from './metrics';
import { FLAG, type KernelMessage, type KernelRequest, RTM, type Rtnetlink } from './rtnetlink';

/** A route of ours as the kernel has it. */
export interface StandingRoute extends Route {
  /** the kernel takes its nexthop for dead, since the device has no carrier (RTNH_F_LINKDOWN) */
  readonly linkdown: boolean;
  /** the kernel passes over it: linkdown, where `ignore_routes_with_linkdown` is set (RTNH_F_DEAD) */
  readonly dead: boolean;
}

/** Where the routes of ours are. */
export interface RouteSpace {
  readonly table: number;
  readonly protocol: number;
}

/** Where a route stands, and whose it is. */
export interface RoutePlace extends RouteSpace {
  readonly destination: Prefix;
  readonly metric: number;
  /** ifindex; undefined for a route that leads to none, or to several */
  readonly device: number | undefined;
}

/** rtm_table holds 8 bits; a larger number is in RTA_TABLE alone (RT_TABLE_UNSPEC there). */
const LARGEST_SHORT_TABLE = 255;

/** The request that adds a route. It never replaces one that is there already: that may be somebody else's. */
export function addRoute(route: Route, beside: boolean, device: string): KernelRequest {
  const flags = FLAG.create | (beside ? FLAG.append : FLAG.exclusive);
  return {
    type: RTM.newRoute,
    flags,
    body: encodeRoute(route),
    doing: `adding the route to ${describe(route, device)}`,
  };
}

/** The request that removes exactly this route. */
export function removeRoute(route: Route, device: string): KernelRequest {
  const doing = `removing the route to ${describe(route, device)}`;
  return { type: RTM.delRoute, flags: 0, body: encodeRoute(route), doing };
}

/** Our routes, and only ours: the kernel filters by table and protocol. */
export function readRoutes(netlink: Rtnetlink, space: RouteSpace): StandingRoute[] {
  const any = { scope: RouteScope.UNIVERSE, type: RouteType.UNSPEC, flags: 0 };
  const body = routeHeader({ ...space, ...any, length: 0 }).number(RTA.table, space.table);
  return netlink
    .dump(RTM.getRoute, body.take(), 'reading the routes')
    .flatMap((message) => decodeRoute(message) ?? [])
    .filter((route) => route.table === space.table && route.protocol === space.protocol);
}

/** The IPv4 route in a message; undefined for a kind of route that we never make, such as multipath. */
export function decodeRoute(message: KernelMessage): StandingRoute | undefined {
  const { body } = message;
  if (body.length < HEADER || body[0] !== AF_INET) return undefined;
  const type = body[7];
  if (type !== RouteType.UNICAST && type !== RouteType.UNREACHABLE) return undefined;
  const attributes = new Attributes(body, HEADER);
  // rtm_flags carries the flags of a single nexthop as well.
  const flags = readUint32(body, 8);
  return {
    destination: { address: ipv4In(attributes.bytes(RTA.destination)) ?? (0 as Ipv4), length: body[1]! },
    type: type === RouteType.UNICAST ? 'unicast' : 'unreachable',
    device: attributes.number(RTA.device) ?? 0,
    gateway: ipv4In(attributes.bytes(RTA.gateway)),
    source: ipv4In(attributes.bytes(RTA.source)),
    metric: attributes.number(RTA.priority) ?? 0,
    table: attributes.number(RTA.table) ?? body[4]!,
    protocol: body[5]!,
    ...metricsIn(rawMetricsIn(attributes.bytes(RTA.metrics))),
    linkdown: (flags & RTNH_F_LINKDOWN) !== 0,
    dead: (flags & RTNH_F_DEAD) !== 0,
  };
}

/** Where the IPv4 route in a message stands, of whatever kind it is. */
export function decodePlace({ body }: KernelMessage): RoutePlace | undefined {
  if (body.length < HEADER || body[0] !== AF_INET) return undefined;
  const attributes = new Attributes(body, HEADER);
  return {
    destination: { address: ipv4In(attributes.bytes(RTA.destination)) ?? (0 as Ipv4), length: body[1]! },
    metric: attributes.number(RTA.priority) ?? 0,
    device: attributes.number(RTA.device),
    table: attributes.number(RTA.table) ?? body[4]!,
    protocol: body[5]!,
  };
}

/** Length of what every message on a route begins with (linux/rtnetlink.h, struct rtmsg). */
const HEADER = 12;

/** Attributes of a route (linux/rtnetlink.h, enum rtattr_type_t). */
const RTA = { destination: 1, device: 4, gateway: 5, priority: 6, source: 7, metrics: 8, table: 15 } as const;

const RTNH_F_DEAD = 1;
const RTNH_F_LINKDOWN = 16;
const RTNH_F_ONLINK = 4;

function encodeRoute(route: Route): Uint8Array {
  const unicast = route.type === 'unicast';
  const { destination, gateway, source, table, protocol } = route;
  const message = routeHeader({
    table,
    protocol,
    length: destination.length,
    scope: unicast && gateway === undefined ? RouteScope.LINK : RouteScope.UNIVERSE,
    type: unicast ? RouteType.UNICAST : RouteType.UNREACHABLE,
    // The gateway need not be on a subnet of ours: links may have no address at all.
    flags: gateway === undefined ? 0 : RTNH_F_ONLINK,
  });
  if (destination.length > 0) message.address(RTA.destination, destination.address);
  message.number(RTA.priority, route.metric).number(RTA.table, route.table);
  if (unicast) message.number(RTA.device, route.device);
  if (gateway !== undefined) message.address(RTA.gateway, gateway);
  if (source !== undefined) message.address(RTA.source, source);
  const metrics = metricsBytes(route);
  if (metrics !== undefined) message.bytes(RTA.metrics, metrics);
  return message.take();
}

/** What every message on a route begins with (struct rtmsg). */
interface RouteHeader extends RouteSpace {
  /** of the destination's prefix */
  readonly length: number;
  readonly scope: number;
  readonly type: number;
  readonly flags: number;
}

function routeHeader({ length, table, protocol, scope, type, flags }: RouteHeader): MessageWriter {
  const [sourceLength, serviceType] = [0, 0];
  return new MessageWriter()
    .byte(AF_INET)
    .byte(length)
    .byte(sourceLength)
    .byte(serviceType)
    .byte(shortTable(table))
    .byte(protocol)
    .byte(scope)
    .byte(type)
    .word(flags);
}

function shortTable(table: number): number {
  return table > LARGEST_SHORT_TABLE ? 0 : table;
}

function describe(route: Route, device: string): string {
  const destination = formatPrefix(route.destination, true);
  return route.type === 'unicast' ? `${destination} by ${device}` : `${destination} (unreachable)`;
}
