import type { AttrStream } from 'netlink/dist/structs';
import type { Ipv4 } from '../wire/address';
import { LITTLE } from './bytes';

/** Head of an attribute: its length and its type (linux/rtnetlink.h, struct rtattr). */
const HEAD = 4;
/** Room for the longest message that is written this way, in bytes. */
const ROOM = 512;

/** One message is written at a time, and copied when it is done: memory of its own for each would take longer than all the rest. */
const scratch = new Uint8Array(ROOM);
/** Its methods are part of the engine: fast at the first failure already, before anything is compiled. */
const view = new DataView(scratch.buffer);

/**
 * Writes the message of one request: the family header, and then attributes. The package's codec makes a buffer of each number, which
 * takes longer than the kernel takes for the route; when a switch dies there are thousands of them. Only one can be used at a time.
 */
export class MessageWriter {
  private end = 0;

  constructor() {
    scratch.fill(0);
  }

  /** One byte of the family header. */
  byte(value: number): this {
    scratch[this.end++] = value;
    return this;
  }

  /** Four bytes of the family header, in the host's order. */
  word(value: number): this {
    view.setUint32(this.end, value, LITTLE);
    this.end += 4;
    return this;
  }

  /** An attribute that is a number of 32 bits in the host's order. */
  number(type: number, value: number): this {
    view.setUint32(this.head(type, 4), value, LITTLE);
    return this;
  }

  /** An attribute that is an address in network order. */
  address(type: number, value: Ipv4): this {
    view.setUint32(this.head(type, 4), value);
    return this;
  }

  /** An attribute of any bytes; throws RangeError where they find no room. */
  bytes(type: number, value: Uint8Array): this {
    scratch.set(value, this.head(type, value.length));
    return this;
  }

  /** What was written. */
  take(): Uint8Array {
    return scratch.slice(0, this.end);
  }

  /** Where the attribute's content begins; the next attribute begins at a multiple of four bytes. */
  private head(type: number, length: number): number {
    const start = this.end;
    view.setUint16(start, HEAD + length, LITTLE);
    view.setUint16(start + 2, type, LITTLE);
    this.end = start + ((HEAD + length + 3) & ~3);
    return start + HEAD;
  }
}

/** What the package's codec has written. */
export function bytesOf(stream: AttrStream): Buffer {
  return Buffer.concat(stream.bufs);
}
