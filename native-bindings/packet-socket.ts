import { constants } from 'node:os';
import { addon, type NativePacketSocket } from './addon';
import { Slab } from './slab';
import { SystemError } from './system-error';

/** To whom a frame was addressed, as the kernel saw it (sll_pkttype, packet(7)). */
export type PacketKind = 'host' | 'broadcast' | 'multicast' | 'otherhost' | 'outgoing';

/** One frame as it came in. */
export interface ReceivedFrame {
  /** from the Ethernet destination on, without the check sequence; the caller's own, but who keeps it keeps up to 16 KiB */
  readonly bytes: Uint8Array;
  /** when the kernel received it: CLOCK_MONOTONIC in ms, comparable with `Number(process.hrtime.bigint()) / 1e6` */
  readonly at: number;
  /** `otherhost` too for a unicast frame of a VLAN that this interface is not part of */
  readonly kind: PacketKind;
  /** on the wire, in bytes; more than `bytes` holds where the frame was cut: at 10 KiB, or by a ring */
  readonly length: number;
  /** carried an 802.1Q tag with a VLAN id, so it belongs to another network than the interface's own */
  readonly vlan: boolean;
}

/** One byte of a frame, and what it has to be. */
export interface PacketMatch {
  /** bytes from the Ethernet destination on, as the frame is without an 802.1Q tag; 0 to 65535 */
  readonly offset: number;
  /** the bits that count: 1 to 0xff */
  readonly mask: number;
  /** what these bits have to be; no bit outside the mask */
  readonly value: number;
}

export interface PacketSocketOptions {
  /** name, for errors */
  readonly interface: string;
  readonly ifindex: number;
  /** 1 to 4 EtherTypes, each 0x600 to 0xffff; the kernel hands over no others */
  readonly etherTypes: readonly number[];
  /** of those, the kernel hands over only the frames that match; it refuses what is too short for it */
  readonly match?: PacketMatch;
  /** bytes that wait for {@link PacketSocket.receive} before the kernel drops; default 1 MiB */
  readonly receiveBuffer?: number;
  /**
   * Instead of a receive buffer, as many slots in memory that the kernel shares with us: a multiple of 32 up to 65536, of 2 KiB each, taken
   * from the start. Receiving then takes no system call, and so a quarter of the time. Frames are cut at 1982 bytes.
   */
  readonly ring?: number;
}

export interface PacketSocketHandlers {
  /**
   * Frames wait; called again and again until they are received. Without it no frame wakes the event loop: they wait until
   * {@link PacketSocket.receive} is called. Errors are told all the same.
   */
  readable?(): void;
  /**
   * ENETDOWN once each time the interface goes down or away, and at once if it was down when the socket was opened. The
   * socket stays open and receives again when the same interface comes up. An interface that was removed never returns:
   * its successor has another ifindex.
   */
  error(error: SystemError): void;
}

const KINDS: readonly PacketKind[] = ['host', 'broadcast', 'multicast', 'otherhost', 'outgoing'];
const DEFAULT_RECEIVE_BUFFER = 1 << 20;
/** Frames in one recvmmsg or sendmmsg. */
const BATCH = 32;
/** Room for one received frame in bytes: the largest jumbo frame in use has 9216. */
const SLOT = 10240;
const SEND_STORAGE = 1 << 16;
/**
 * No frame takes less of a receive buffer than this, in bytes: struct sk_buff and struct skb_shared_info alone take more
 * (SKB_TRUESIZE, include/linux/skbuff.h).
 */
const SMALLEST_CHARGE = 512;
/** Fields of one receive record: at, length, captured, kind | vlan << 8 (src/packet_socket.h). */
const FIELDS = 4;
/** Slots of a ring come in blocks of as many (src/packet_ring.cc). */
const RING_BLOCK = 32;
const VLAN_FLAG = 0x100;
const ANY_FRAME: PacketMatch = { offset: 0, mask: 0, value: 0 };
const { ENETDOWN, EMSGSIZE } = constants.errno;

// Through these a batch passes to and from the addon. No call leaves anything in them, so all sockets share them.
const received = new Uint8Array(BATCH * SLOT);
const records = new Float64Array(BATCH * FIELDS);
const outgoing = new Uint8Array(SEND_STORAGE);
const ranges = new Uint32Array(BATCH * 2);
const copies = new Slab();

/**
 * An AF_PACKET socket on one interface. It never switches the interface to promiscuous mode and never sees what this host
 * sends. The kernel filters before the first frame comes in. An exception in a handler is an uncaught exception.
 */
export class PacketSocket {
  readonly #interface: string;
  readonly #handlers: PacketSocketHandlers;
  readonly #native: NativePacketSocket;
  /** as many frames as can have been waiting at one moment */
  #capacity = 0;
  #packets = 0;
  #drops = 0;
  #waking = true;
  #closed = false;

  private constructor(name: string, handlers: PacketSocketHandlers) {
    this.#interface = name;
    this.#handlers = handlers;
    this.#native = new (addon().PacketSocket)(received, records, outgoing, ranges);
  }

  /** Opens a socket that receives from now on. Needs CAP_NET_RAW. Throws a {@link SystemError}. */
  static open(options: PacketSocketOptions, handlers: PacketSocketHandlers): PacketSocket {
    checkEtherTypes(options.etherTypes);
    if (options.match !== undefined) checkMatch(options.match);
    if (options.ring !== undefined) checkRing(options.ring);
    const socket = new PacketSocket(options.interface, handlers);
    const native = socket.#native;
    const { offset, mask, value } = options.match ?? ANY_FRAME;
    const failure = native.open(
      options.ifindex,
      Uint16Array.from(options.etherTypes),
      Uint32Array.of(offset, mask, value),
      options.receiveBuffer ?? DEFAULT_RECEIVE_BUFFER,
      options.ring ?? 0,
      handlers.readable && (() => handlers.readable?.()),
      (errno) => handlers.error(socket.#error(errno, 'poll')),
    );
    if (failure !== undefined) throw socket.#error(failure[0], failure[1]);
    socket.#capacity = options.ring ?? Math.ceil(native.receiveBuffer() / SMALLEST_CHARGE) + BATCH;
    return socket;
  }

  /**
   * Everything received before this call, oldest first, but at most `maximum` frames; none where nothing waits. It comes
   * to an end under a flood as well: it returns no more frames than can have been waiting at one moment.
   */
  receive(maximum: number = this.#capacity): ReceivedFrame[] {
    const frames: ReceivedFrame[] = [];
    let failed = this.#closed;
    while (frames.length < maximum) {
      const wanted = Math.min(BATCH, maximum - frames.length);
      const count = this.#native.receive(wanted);
      if (count < 0) {
        if (failed) break;
        // An error noted on the socket comes before the frames that wait there, and is gone once read.
        failed = true;
        this.#report(-count, 'recvmmsg');
        continue;
      }
      for (let index = 0; index < count; index++) frames.push(this.#frame(index));
      if (count < wanted) break;
    }
    return frames;
  }

  /**
   * Hands frames to the interface's queue, in order, up to the first that is refused: `error` says why, and `sent` how many
   * went before it. Usual reasons: ENETDOWN, ENXIO (removed), ENOBUFS (queue full), EMSGSIZE; EBADF after {@link close}.
   * What the kernel took is not yet on the wire: in the first moment after the carrier returned it is dropped without a word.
   */
  send(frames: readonly Uint8Array[]): { sent: number; error: SystemError | undefined } {
    let sent = 0;
    while (sent < frames.length) {
      const count = this.#pack(frames, sent);
      if (count === 0) return { sent, error: this.#error(EMSGSIZE, 'sendmmsg') };
      const [taken, errno] = this.#transmit(count);
      sent += taken;
      if (errno !== 0) return { sent, error: this.#error(errno, 'sendmmsg') };
    }
    return { sent, error: undefined };
  }

  /** Whether frames that wait call `readable`, which they do from the start; else they wait until {@link receive} is called. */
  wake(wanted: boolean): void {
    if (wanted === this.#waking) return;
    this.#waking = wanted;
    this.#native.wake(wanted);
  }

  /**
   * Lets in only frames from these hardware addresses from now on, or from everybody; the kernel drops others before they cost us anything,
   * and counts them nowhere. Their last four bytes count. Whether the kernel took it: it refuses more than about 2000 addresses,
   * and fewer where `net.core.optmem_max` is small.
   */
  screen(senders: readonly number[] | undefined): boolean {
    const ends = senders && Uint32Array.from(new Set(senders.map((sender) => sender % 2 ** 32))).sort();
    return this.#native.screen(ends) === 0;
  }

  /**
   * Since the socket was opened: frames that passed the filter (dropped ones included), and those that were dropped because
   * nobody received the ones before.
   */
  statistics(): { packets: number; drops: number } {
    if (!this.#closed) {
      // PACKET_STATISTICS starts from zero at each reading.
      const [packets, drops] = this.#native.statistics();
      this.#packets += packets;
      this.#drops += drops;
    }
    return { packets: this.#packets, drops: this.#drops };
  }

  /** Ends everything; no handler is called after it. May be called more than once. */
  close(): void {
    if (this.#closed) return;
    this.statistics();
    this.#closed = true;
    this.#native.close();
  }

  #frame(index: number): ReceivedFrame {
    const record = index * FIELDS;
    const start = index * SLOT;
    const flags = records[record + 3]!;
    return {
      bytes: copies.copy(received, start, start + records[record + 2]!),
      at: records[record]!,
      kind: KINDS[flags & 0xff] ?? 'otherhost',
      length: records[record + 1]!,
      vlan: flags >= VLAN_FLAG,
    };
  }

  /** Copies frames from `first` on to where the addon reads them; how many found room. */
  #pack(frames: readonly Uint8Array[], first: number): number {
    let offset = 0;
    let count = 0;
    for (; count < BATCH && first + count < frames.length; count++) {
      const frame = frames[first + count]!;
      if (offset + frame.length > SEND_STORAGE) break;
      outgoing.set(frame, offset);
      ranges[count * 2] = offset;
      ranges[count * 2 + 1] = frame.length;
      offset += frame.length;
    }
    return count;
  }

  /** How many of the `count` packed frames the kernel took, and the errno that refused the next, or 0. */
  #transmit(count: number): readonly [taken: number, errno: number] {
    let taken = 0;
    let down = false;
    while (taken < count) {
      const result = this.#native.send(taken, count - taken);
      if (result === -ENETDOWN && !down) {
        // Either the interface is down, or this is the note of an earlier down that nobody has read yet, which
        // sock_alloc_send_pskb() gives to whoever comes first. A second try tells.
        down = true;
        continue;
      }
      if (result !== -ENETDOWN && down) {
        down = false;
        this.#report(ENETDOWN, 'sendmmsg');
      }
      if (result < 0) return [taken, -result];
      taken += result;
    }
    return [taken, 0];
  }

  /** Calls the error handler for an error that the kernel gave to a call instead of to the poll; never from within the call. */
  #report(errno: number, doing: string): void {
    process.nextTick(() => {
      if (!this.#closed) this.#handlers.error(this.#error(errno, doing));
    });
  }

  #error(errno: number, doing: string): SystemError {
    return new SystemError(errno, doing, this.#interface);
  }
}

function checkEtherTypes(etherTypes: readonly number[]): void {
  const valid = etherTypes.every((type) => isWithin(type, 0x600, 0xffff));
  if (!valid || etherTypes.length < 1 || etherTypes.length > 4) {
    throw new RangeError(`1 to 4 EtherTypes of 0x600 to 0xffff, not [${etherTypes.join(', ')}]`);
  }
}

function checkMatch({ offset, mask, value }: PacketMatch): void {
  const valid = isWithin(offset, 0, 0xffff) && isWithin(mask, 1, 0xff) && isWithin(value, 0, 0xff);
  // A bit outside the mask could never be found.
  if (!valid || (value & ~mask) !== 0) {
    throw new RangeError(`no byte of a frame can match: offset ${offset}, mask ${mask}, value ${value}`);
  }
}

function checkRing(slots: number): void {
  if (!isWithin(slots, 1, 65536) || slots % RING_BLOCK !== 0) {
    throw new RangeError(`a ring has a multiple of ${RING_BLOCK} slots, up to 65536, not ${slots}`);
  }
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
