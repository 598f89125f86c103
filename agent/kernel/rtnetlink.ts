import { readS32, readU16, readU32 } from 'netlink/dist/structs';
import { NetlinkSocket } from '../../native-bindings/netlink-socket';
import { LITTLE } from './bytes';
import { KernelError } from './error';

/** Message types of rtnetlink that we use (linux/rtnetlink.h). */
export const RTM = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
  newNeighbor: 28,
  delNeighbor: 29,
  getNeighbor: 30,
  newSettings: 80,
} as const;

/** Flags of a request beside NLM_F_REQUEST and NLM_F_ACK (linux/netlink.h). */
export const FLAG = { replace: 0x100, exclusive: 0x200, create: 0x400, append: 0x800 } as const;

const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_DUMP = 0x300;
const NLM_F_ACK_TLVS = 0x200;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSGERR_ATTR_MSG = 1;
const HEADER = 16;
/** Requests in one send: their acknowledgements stay far below the receive buffer. */
const BATCH = 64;
/** A dump that others keep changing under us is taken as it is after so many tries. */
const DUMP_TRIES = 4;

/** One change asked of the kernel. */
export interface KernelRequest {
  readonly type: number;
  /** of {@link FLAG} */
  readonly flags: number;
  /** the family header and its attributes */
  readonly body: Uint8Array;
  /** for the error: what was being done */
  readonly doing: string;
}

/** One message from the kernel. */
export interface KernelMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** who asked for what this message tells: the port of a socket, or 0 for the kernel itself */
  readonly port: number;
  readonly body: Buffer;
}

/**
 * Requests to rtnetlink, answered before the call returns: the kernel handles a request inside the send, so its acknowledgement is
 * there at once. No other event can come between a decision and its effect, and many changes go in one system call.
 */
export class Rtnetlink {
  private sequence = 0;

  private constructor(private readonly socket: NetlinkSocket) {}

  /** Throws a SystemError where the kernel refuses the socket. */
  static open(): Rtnetlink {
    return new Rtnetlink(NetlinkSocket.open({ groups: [], receiveBuffer: 4 << 20 }));
  }

  /** The kernel names this port in the notifications of what we changed. */
  get port(): number {
    return this.socket.port;
  }

  close(): void {
    this.socket.close();
  }

  /** Carries out the requests in their order; one refusal doesn't stop the others. An entry for each request: its error, if any. */
  transact(requests: readonly KernelRequest[]): (KernelError | undefined)[] {
    const results: (KernelError | undefined)[] = [];
    for (let first = 0; first < requests.length; first += BATCH) {
      results.push(...this.transactBatch(requests.slice(first, first + BATCH)));
    }
    return results;
  }

  /** Every object of a kind. `body` is the family header, by which the kernel filters (NETLINK_GET_STRICT_CHK). Throws {@link KernelError}. */
  dump(type: number, body: Uint8Array, doing: string): KernelMessage[] {
    for (let attempt = 1; ; attempt++) {
      const sequence = this.next();
      const datagram = new Uint8Array(aligned(HEADER + body.length));
      encode(datagram, 0, type, NLM_F_REQUEST | NLM_F_DUMP, sequence, body);
      this.socket.send(datagram);
      const { messages, interrupted } = this.collect(sequence, doing);
      if (!interrupted || attempt === DUMP_TRIES) return messages;
    }
  }

  private transactBatch(requests: readonly KernelRequest[]): (KernelError | undefined)[] {
    const first = this.sequence + 1;
    const datagram = new Uint8Array(
      requests.reduce((sum, { body }) => sum + aligned(HEADER + body.length), 0),
    );
    let end = 0;
    for (const { type, flags, body } of requests) {
      end = encode(datagram, end, type, NLM_F_REQUEST | NLM_F_ACK | flags, this.next(), body);
    }
    this.socket.send(datagram);
    const results = new Array<KernelError | undefined>(requests.length);
    let open = requests.length;
    while (open > 0) {
      for (const message of this.receive('waiting for an acknowledgement')) {
        const index = message.sequence - first;
        const request = requests[index];
        if (message.type !== NLMSG_ERROR || request === undefined) continue;
        results[index] = errorIn(message, request.doing);
        open -= 1;
      }
    }
    return results;
  }

  private collect(sequence: number, doing: string): { messages: KernelMessage[]; interrupted: boolean } {
    const messages: KernelMessage[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of this.receive(doing)) {
        if (message.sequence !== sequence) continue;
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type === NLMSG_DONE) return { messages, interrupted };
        if (message.type !== NLMSG_ERROR) {
          messages.push(message);
          continue;
        }
        const error = errorIn(message, doing);
        if (error !== undefined) throw error;
      }
    }
  }

  private receive(doing: string): KernelMessage[] {
    const datagram = this.socket.receive();
    // The kernel answers inside the send; an empty socket would mean that it never will.
    if (datagram === undefined) throw new KernelError(5, doing, 'no answer from the kernel');
    return parseMessages(datagram);
  }

  private next(): number {
    this.sequence = (this.sequence + 1) >>> 0;
    return this.sequence;
  }
}

/** The messages in one datagram; a length that doesn't fit ends the list. */
export function parseMessages(datagram: Uint8Array): KernelMessage[] {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const messages: KernelMessage[] = [];
  for (let offset = 0; offset + HEADER <= bytes.length; ) {
    const length = readU32.call(bytes, offset);
    if (length < HEADER || offset + length > bytes.length) break;
    messages.push({
      type: readU16.call(bytes, offset + 4),
      flags: readU16.call(bytes, offset + 6),
      sequence: readU32.call(bytes, offset + 8),
      port: readU32.call(bytes, offset + 12),
      body: bytes.subarray(offset + HEADER, offset + length),
    });
    offset += aligned(length);
  }
  return messages;
}

/** Writes a request at `start`; where the next one begins. */
function encode(
  datagram: Uint8Array,
  start: number,
  type: number,
  flags: number,
  sequence: number,
  body: Uint8Array,
): number {
  const view = new DataView(datagram.buffer, datagram.byteOffset + start);
  view.setUint32(0, HEADER + body.length, LITTLE);
  view.setUint16(4, type, LITTLE);
  view.setUint16(6, flags, LITTLE);
  view.setUint32(8, sequence, LITTLE);
  datagram.set(body, start + HEADER);
  return start + aligned(HEADER + body.length);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

function errorIn(message: KernelMessage, doing: string): KernelError | undefined {
  const errno = message.body.length < 4 ? -5 : readS32.call(message.body, 0);
  return errno === 0 ? undefined : new KernelError(-errno, doing, extendedText(message));
}

/** The kernel's own words behind the copied header (NETLINK_EXT_ACK, NETLINK_CAP_ACK). */
function extendedText({ flags, body }: KernelMessage): string | undefined {
  if ((flags & NLM_F_ACK_TLVS) === 0) return undefined;
  for (let offset = 4 + HEADER; offset + 4 <= body.length; ) {
    const length = readU16.call(body, offset);
    if (length < 4 || offset + length > body.length) return undefined;
    if (readU16.call(body, offset + 2) === NLMSGERR_ATTR_MSG) {
      return body.toString('utf8', offset + 4, offset + length).replace(/\0.*$/s, '');
    }
    offset += aligned(length);
  }
  return undefined;
}
