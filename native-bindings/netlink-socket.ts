import { addon, type NativeNetlinkSocket } from './addon';
import { SystemError } from './system-error';

export interface NetlinkSocketOptions {
  /** rtnetlink multicast groups (RTNLGRP_*, linux/rtnetlink.h) whose notifications to receive */
  readonly groups: readonly number[];
  /** bytes that wait for {@link NetlinkSocket.receive} before the kernel drops and reports ENOBUFS; default 4 MiB */
  readonly receiveBuffer?: number;
}

export interface NetlinkSocketHandlers {
  /** datagrams wait; called again and again until they are received */
  readable(): void;
  /** ENOBUFS: notifications were lost, and only a full dump is true. The socket goes on. */
  error(error: SystemError): void;
}

const DEFAULT_RECEIVE_BUFFER = 4 << 20;
/**
 * Room for one datagram in bytes. The kernel fills up to 32 KiB in a dump (netlink_recvmsg) and more only for a single
 * message that needs it, such as a card with hundreds of virtual functions. Pages never written take no memory.
 */
const STORAGE = 1 << 20;

/**
 * A NETLINK_ROUTE socket that talks to the kernel and to nobody else. The kernel carries out a request, and queues its
 * acknowledgement, before {@link send} returns. Extended acknowledgements (NETLINK_EXT_ACK), acknowledgements without a
 * copy of the request (NETLINK_CAP_ACK) and strictly checked dumps (NETLINK_GET_STRICT_CHK) are on.
 */
export class NetlinkSocket {
  /** nl_pid, given by the kernel */
  readonly port: number;
  readonly #native: NativeNetlinkSocket;
  readonly #storage: Uint8Array;

  private constructor(native: NativeNetlinkSocket, storage: Uint8Array) {
    this.#native = native;
    this.#storage = storage;
    this.port = native.port();
  }

  /**
   * Opens a socket. With handlers the event loop watches it until {@link close}; without, it is read synchronously, right
   * after a {@link send}. An exception in a handler is an uncaught exception. Throws a {@link SystemError}.
   */
  static open(options: NetlinkSocketOptions, handlers?: NetlinkSocketHandlers): NetlinkSocket {
    const storage = new Uint8Array(STORAGE);
    const native = new (addon().NetlinkSocket)(storage);
    const groups = Uint32Array.from(options.groups);
    const receiveBuffer = options.receiveBuffer ?? DEFAULT_RECEIVE_BUFFER;
    const failure =
      handlers === undefined
        ? native.open(groups, receiveBuffer)
        : native.open(
            groups,
            receiveBuffer,
            () => handlers.readable(),
            (errno) => handlers.error(new SystemError(errno, 'netlink poll')),
          );
    if (failure !== undefined) throw new SystemError(failure[0], failure[1]);
    return new NetlinkSocket(native, storage);
  }

  /** Sends one datagram, which may hold several messages, to the kernel. Throws a {@link SystemError}; EBADF once closed. */
  send(bytes: Uint8Array): void {
    const result = this.#native.send(bytes);
    if (result < 0) throw new SystemError(-result, 'netlink sendto');
  }

  /**
   * The next datagram from the kernel, the caller's own; undefined where none waits. Never blocks. Throws a
   * {@link SystemError}: ENOBUFS where the kernel had to drop something, once for each loss (by this call or by the error
   * handler, whichever comes first), after which the next call goes on; EBADF once closed.
   */
  receive(): Uint8Array | undefined {
    const length = this.#native.receive();
    if (length > 0) return this.#storage.slice(0, length);
    if (length === 0) return undefined;
    throw new SystemError(-length, 'netlink recvfrom');
  }

  /** Ends everything; no handler is called after it. May be called more than once. */
  close(): void {
    this.#native.close();
  }
}
