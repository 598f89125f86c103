import { formatRouteMetrics, type RouteMetrics as RawMetrics } from 'netlink/dist/rt/structs';
import { AttrStream, readU32, writeU32 } from 'netlink/dist/structs';
import { haveSameMetrics, type Metrics } from '../core/routing';
import { Attributes } from './attributes';
import { bytesOf } from './message';

/** Number of the metric that TCP heeds only where it is locked (tcp_rto_min, include/net/tcp.h); elsewhere it is as good as none. */
const RTAX_RTO_MIN = 13;
const RTO_MIN_LOCK = 1 << RTAX_RTO_MIN;

/** Names of the metrics in the package's words, by their numbers (linux/rtnetlink.h, RTAX_LOCK and those that follow). */
const NAMES: readonly (keyof RawMetrics)[] = [
  'lock',
  'mtu',
  'window',
  'rtt',
  'rttvar',
  'ssthresh',
  'cwnd',
  'advmss',
  'reordering',
  'hoplimit',
  'initcwnd',
  'features',
  'rtoMin',
  'initrwnd',
  'quickack',
  'ccAlgo',
  'fastopenNoCookie',
];

/** The content of a route's RTA_METRICS by names; those that are newer than this are left out. */
export function rawMetricsIn(bytes: Buffer | undefined): RawMetrics | undefined {
  if (bytes === undefined) return undefined;
  const attributes = new Attributes(bytes);
  const named = [...attributes.types].flatMap((type) => {
    const name = NAMES[type - 1];
    return name === undefined ? [] : [[name, attributes.bytes(type)]];
  });
  return Object.fromEntries(named) as RawMetrics;
}

/** The metrics of a route in a message. Those that our routes never have, and locks on others than `rto_min`, are {@link Route.others}. */
export function metricsIn(raw: RawMetrics | undefined): Metrics {
  const { ccAlgo, ...rest } = raw ?? {};
  const numbers = new Map<string, number>();
  for (const [name, bytes] of Object.entries(rest)) {
    if (Buffer.isBuffer(bytes) && bytes.length === 4) numbers.set(name, readU32.call(bytes, 0));
  }
  const take = (name: string) => {
    const value = numbers.get(name);
    numbers.delete(name);
    return value;
  };
  const lock = take('lock') ?? 0;
  const heeded = (lock & RTO_MIN_LOCK) !== 0;
  const rtoMin = heeded ? take('rtoMin') : undefined;
  const foreignLock = rtoMin === undefined ? lock : lock & ~RTO_MIN_LOCK;
  const quickack = (take('quickack') ?? 0) === 0 ? undefined : (true as const);
  const known = { rtoMin, quickack, initcwnd: take('initcwnd'), congctl: textIn(ccAlgo), mtu: take('mtu') };
  if (foreignLock !== 0) numbers.set('lock', foreignLock);
  return { ...known, others: numbers.size === 0 ? undefined : Object.fromEntries(numbers) };
}

/** The metrics of the route that was encoded last, and their bytes: those of all our routes are the same. */
let encoded: { readonly metrics: Metrics; readonly bytes: Buffer | undefined } = {
  metrics: {},
  bytes: undefined,
};

/** The content of a route's RTA_METRICS; undefined where it has none. */
export function metricsBytes(metrics: Metrics): Buffer | undefined {
  if (!haveSameMetrics(metrics, encoded.metrics)) {
    const { rtoMin, quickack, initcwnd, congctl, mtu, others } = metrics;
    const bytes = encodeMetrics(metrics);
    encoded = { metrics: { rtoMin, quickack, initcwnd, congctl, mtu, others }, bytes };
  }
  return encoded.bytes;
}

function encodeMetrics(metrics: Metrics): Buffer | undefined {
  const attributes = metricsAttributes(metrics);
  if (attributes === undefined) return undefined;
  const stream = new AttrStream();
  stream.emit(formatRouteMetrics(attributes));
  return bytesOf(stream);
}

/** The metrics of a route for a message; undefined where it has none. */
export function metricsAttributes(metrics: Metrics): RawMetrics | undefined {
  const { rtoMin, quickack, initcwnd, congctl, mtu, others } = metrics;
  const lock = (others?.lock ?? 0) | (rtoMin === undefined ? 0 : RTO_MIN_LOCK);
  const numbers = { ...others, lock: lock || undefined, mtu, initcwnd, rtoMin: rtoMin ?? others?.rtoMin };
  const attributes: Record<string, Buffer> = {};
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined) attributes[name] = uint32Bytes(value);
  }
  if (quickack) attributes.quickack = uint32Bytes(1);
  if (congctl !== undefined) attributes.ccAlgo = Buffer.from(`${congctl}\0`);
  return Object.keys(attributes).length === 0 ? undefined : attributes;
}

function uint32Bytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  writeU32.call(bytes, value, 0);
  return bytes;
}

/** What stands before the final zero. */
function textIn(bytes: Buffer | undefined): string | undefined {
  return bytes?.toString('latin1').replace(/\0.*$/s, '');
}
