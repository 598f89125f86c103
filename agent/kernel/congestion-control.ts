import type { Ipv4 } from '../wire/address';
import { addRoute } from './routes';
import { Rtnetlink } from './rtnetlink';

/** The highest ifindex, which the kernel would give to its two thousand millionth interface. */
const NO_DEVICE = 0x7fffffff;
const TABLE_MAIN = 254;
const RTPROT_STATIC = 4;

/**
 * Whether the kernel takes routes with this congestion control; loads its module where there is one. Asks for a route by an interface that
 * doesn't exist: the metrics are looked at first (net/ipv4/fib_semantics.c, fib_create_info), and EINVAL is of them. So no route can come
 * of it. A list of those that are loaded (net.ipv4.tcp_available_congestion_control) would leave out those that could be.
 */
export function hasCongestionControl(name: string): boolean {
  const destination = { address: 0xc0000201 as Ipv4, length: 32 };
  const place = { device: NO_DEVICE, metric: 0, table: TABLE_MAIN, protocol: RTPROT_STATIC };
  const netlink = Rtnetlink.open();
  try {
    const route = { destination, type: 'unicast', gateway: undefined, source: undefined, ...place } as const;
    const [error] = netlink.transact([addRoute({ ...route, congctl: name }, false, 'no interface')]);
    return error?.code !== 'EINVAL';
  } finally {
    netlink.close();
  }
}
