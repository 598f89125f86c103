import fc from 'fast-check';
import { formatRouteMessage, RouteScope, RouteType } from 'netlink/dist/rt/structs';
import { AttrStream } from 'netlink/dist/structs';
import type { Route } from '../../agent/core/routing';
import { metricsAttributes } from '../../agent/kernel/metrics';
import { addRoute, decodeRoute, removeRoute } from '../../agent/kernel/routes';
import type { Ipv4 } from '../../agent/wire/address';

const uint32 = fc.nat(0xffffffff);
const address = uint32.map((value) => value as Ipv4);
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const metrics = fc.record({
  rtoMin: optional(fc.integer({ min: 1, max: 10_000 })),
  quickack: fc.constantFrom(true as const, undefined),
  initcwnd: optional(fc.integer({ min: 1, max: 1000 })),
  congctl: fc.constantFrom('reno', 'fifteen-letters', undefined),
  mtu: optional(fc.integer({ min: 68, max: 65535 })),
  others: fc.constantFrom<Route['others'][]>(undefined, { window: 1000 }),
});

const anyRoute: fc.Arbitrary<Route> = fc
  .record({
    destination: fc.record({ address, length: fc.nat(32) }),
    unicast: fc.boolean(),
    device: fc.integer({ min: 1, max: 0x7fffffff }),
    gateway: optional(address),
    source: optional(address),
    metric: uint32,
    table: fc.oneof(fc.integer({ min: 1, max: 255 }), fc.integer({ min: 256, max: 0xffffffff })),
    protocol: fc.nat(255),
    metrics,
  })
  .map(({ unicast, metrics: each, ...route }) => ({
    ...route,
    ...each,
    // Of the default route no address is told.
    destination: route.destination.length === 0 ? { address: 0 as Ipv4, length: 0 } : route.destination,
    type: unicast ? 'unicast' : 'unreachable',
    device: unicast ? route.device : 0,
    gateway: unicast ? route.gateway : undefined,
  }));

/** The same route in the package's words, attributes in the order in which ours come. */
function byThePackage(route: Route): Buffer {
  const bytes = (value: number | undefined) => {
    if (value === undefined) return undefined;
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32BE(value);
    return buffer;
  };
  const unicast = route.type === 'unicast';
  const { length } = route.destination;
  const attrs = {
    dst: length > 0 ? bytes(route.destination.address) : undefined,
    priority: route.metric,
    table: route.table,
    oif: unicast ? route.device : undefined,
    gateway: bytes(route.gateway),
    prefsrc: bytes(route.source),
    metrics: metricsAttributes(route),
  };
  const stream = new AttrStream();
  formatRouteMessage(
    {
      kind: 'route',
      data: {
        family: 2,
        dstLen: length,
        table: route.table > 255 ? 0 : route.table,
        protocol: route.protocol,
        scope: unicast && route.gateway === undefined ? RouteScope.LINK : RouteScope.UNIVERSE,
        type: unicast ? RouteType.UNICAST : RouteType.UNREACHABLE,
        flags: route.gateway === undefined ? {} : { __unknown: 4 },
      },
      attrs: Object.fromEntries(Object.entries(attrs).filter(([, value]) => value !== undefined)),
    },
    stream,
  );
  return Buffer.concat(stream.bufs);
}

/** The attributes in a message, each with its bytes, whatever their order. */
function attributesOf(body: Uint8Array): string[] {
  const bytes = Buffer.from(body);
  const attributes: string[] = [];
  for (let at = 12; at + 4 <= bytes.length; at += (bytes.readUInt16LE(at) + 3) & ~3) {
    attributes.push(bytes.subarray(at, at + bytes.readUInt16LE(at)).toString('hex'));
  }
  return attributes.sort();
}

test('a route is written as the package writes it, and read as what it is', () => {
  fc.assert(
    fc.property(anyRoute, (route) => {
      for (const { body } of [addRoute(route, false, 'eth0'), removeRoute(route, 'eth0')]) {
        const other = byThePackage(route);
        expect(Buffer.from(body).subarray(0, 12)).toEqual(other.subarray(0, 12));
        expect(attributesOf(body)).toEqual(attributesOf(other));
        const message = { type: 24, flags: 0, sequence: 1, port: 0, body: Buffer.from(body) };
        expect(decodeRoute(message)).toEqual({ ...route, linkdown: false, dead: false });
      }
    }),
  );
});
