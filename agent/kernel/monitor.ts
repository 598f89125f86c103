import { NetlinkSocket } from '../../native-bindings/netlink-socket';
import { SystemError } from '../../native-bindings/system-error';
import type { Prefix } from '../wire/address';
import { decodeAddress, LOOPBACK } from './alias';
import { decodeInterface, type Interface } from './links';
import { neighborProtocol } from './neighbors';
import { ALL_DEVICES, configuredDevice } from './netconf';
import { decodePlace, type RoutePlace } from './routes';
import { type KernelMessage, parseMessages, RTM } from './rtnetlink';

/** What the kernel told by itself. */
export type Notification =
  | { readonly type: 'interface'; readonly interface: Interface }
  | { readonly type: 'interface-gone'; readonly ifindex: number; readonly name: string }
  /** an address came or went on this device */
  | { readonly type: 'address'; readonly device: number }
  /** somebody, or this agent, gave a setting of a watched device, or of all, another value */
  | { readonly type: 'setting' }
  /** somebody else touched a route or neighbor entry of ours, or put a route where one of ours is */
  | { readonly type: 'foreign-change' }
  /** somebody else added a route to a destination of ours */
  | { readonly type: 'foreign-route'; readonly route: RoutePlace }
  /** notifications were lost: only a fresh reading is true */
  | { readonly type: 'overrun' };

/** Multicast groups of rtnetlink (linux/rtnetlink.h). */
const GROUP = { link: 1, neighbor: 3, ipv4Address: 5, ipv4Route: 7, ipv4Settings: 24 } as const;
const NLM_F_REPLACE = 0x100;
/** Datagrams read in one go, so that a flood of foreign changes leaves room for frames and timers. */
const AT_ONCE = 256;
const RECEIVE_BUFFER = 8 << 20;
/** No datagram takes less of the buffer than this, in bytes; the kernel grants twice of what is asked for (socket(7)). */
const SMALLEST_CHARGE = 512;
const LARGEST_QUEUE = (2 * RECEIVE_BUFFER) / SMALLEST_CHARGE;

/** What this monitor looks for. */
export interface Interest {
  readonly protocol: number;
  readonly table: number;
  /** the port of our own requests: what they changed is no news */
  readonly port: number;
  /** whether the settings of a device are looked after */
  isWatched(device: number): boolean;
  /** whether a destination is one to which we have routes */
  isRouted(destination: Prefix): boolean;
}

/** Follows the changes of links, addresses, routes and neighbor entries, by whomever. */
export class Monitor {
  /** an overrun that was told before a reading could meet it */
  private overran = false;

  private constructor(
    private readonly socket: NetlinkSocket,
    private readonly interest: Interest,
  ) {}

  /** `readable` is called while something waits, `error` for what is no overrun. Throws SystemError. */
  static open(interest: Interest, readable: () => void, error: (error: SystemError) => void): Monitor {
    const overrun = (): void => {
      monitor.overran = true;
      readable();
    };
    const socket = NetlinkSocket.open(
      {
        groups: Object.values(GROUP),
        receiveBuffer: RECEIVE_BUFFER,
      },
      { readable, error: (failure) => (failure.code === 'ENOBUFS' ? overrun() : error(failure)) },
    );
    const monitor = new Monitor(socket, interest);
    return monitor;
  }

  /** What was told since the last call. */
  read(): Notification[] {
    const notifications: Notification[] = [];
    for (let count = 0; count < AT_ONCE; count++) {
      const datagram = this.overran ? 'overrun' : this.receive();
      if (datagram === undefined) break;
      if (datagram === 'overrun') {
        this.startAfresh();
        notifications.push({ type: 'overrun' });
        break;
      }
      for (const message of parseMessages(datagram)) this.interpret(message, notifications);
    }
    return notifications;
  }

  close(): void {
    this.socket.close();
  }

  /**
   * After an overrun the kernel drops what is new, without another word, until everything old has been read (netlink_rcv_wake,
   * net/netlink/af_netlink.c). The old is worth nothing beside the fresh reading that follows.
   */
  private startAfresh(): void {
    this.overran = false;
    for (let count = 0; count < LARGEST_QUEUE && this.receive() !== undefined; count++);
  }

  private receive(): Uint8Array | 'overrun' | undefined {
    try {
      return this.socket.receive();
    } catch (error) {
      if (error instanceof SystemError && error.code === 'ENOBUFS') return 'overrun';
      throw error;
    }
  }

  private interpret(message: KernelMessage, into: Notification[]): void {
    switch (message.type) {
      case RTM.newLink: {
        const changed = decodeInterface(message);
        if (changed !== undefined) into.push({ type: 'interface', interface: changed });
        break;
      }
      case RTM.delLink: {
        const gone = decodeInterface(message);
        if (gone !== undefined) into.push({ type: 'interface-gone', ifindex: gone.ifindex, name: gone.name });
        break;
      }
      case RTM.newAddress:
      case RTM.delAddress: {
        const address = decodeAddress(message);
        if (address === undefined || message.port === this.interest.port) break;
        into.push({ type: 'address', device: address.device });
        if (address.device === LOOPBACK) into.push({ type: 'foreign-change' });
        break;
      }
      case RTM.newRoute:
      case RTM.delRoute:
        if (message.port !== this.interest.port) this.interpretRoute(message, into);
        break;
      case RTM.newNeighbor:
      case RTM.delNeighbor:
        if (message.port !== this.interest.port && neighborProtocol(message) === this.interest.protocol)
          into.push({ type: 'foreign-change' });
        break;
      case RTM.newSettings: {
        const device = configuredDevice(message);
        if (device === undefined) break;
        if (device === ALL_DEVICES || this.interest.isWatched(device)) into.push({ type: 'setting' });
      }
    }
  }

  /**
   * A change by somebody else. A replaced route is told as the new one alone, whoever's it is (net/ipv4/fib_trie.c), so that one may have
   * been ours.
   */
  private interpretRoute(message: KernelMessage, into: Notification[]): void {
    const route = decodePlace(message);
    if (route === undefined || route.table !== this.interest.table) return;
    if (route.protocol === this.interest.protocol) {
      into.push({ type: 'foreign-change' });
      return;
    }
    if (message.type !== RTM.newRoute || !this.interest.isRouted(route.destination)) return;
    into.push({ type: 'foreign-route', route });
    if ((message.flags & NLM_F_REPLACE) !== 0) into.push({ type: 'foreign-change' });
  }
}
