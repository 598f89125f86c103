import { LITTLE } from './bytes';

/** Head of an attribute: its length and its type (linux/rtnetlink.h, struct rtattr). */
const HEAD = 4;
/** The type without NLA_F_NESTED and NLA_F_NET_BYTEORDER (linux/netlink.h). */
const TYPE = 0x3fff;

/**
 * The attributes of a message from the kernel, by their numbers. Others than those that are asked for are never looked into: other kinds
 * of interfaces and routes have some that we know nothing of, and newer kernels more.
 */
export class Attributes {
  private readonly values = new Map<number, Buffer>();

  /** Those from `start` on; a length that doesn't fit ends the list. Of two with one number the latter counts. */
  constructor(bytes: Buffer, start = 0) {
    for (let at = start; at + HEAD <= bytes.length; ) {
      const length = readUint16(bytes, at);
      if (length < HEAD || at + length > bytes.length) break;
      this.values.set(readUint16(bytes, at + 2) & TYPE, bytes.subarray(at + HEAD, at + length));
      at += (length + 3) & ~3;
    }
  }

  /** The numbers of all. */
  get types(): Iterable<number> {
    return this.values.keys();
  }

  bytes(type: number): Buffer | undefined {
    return this.values.get(type);
  }

  /** A number of 8 or 32 bits in the host's order; undefined where the attribute is absent or of another length. */
  number(type: number): number | undefined {
    const value = this.values.get(type);
    if (value?.length === 4) return readUint32(value, 0);
    return value?.length === 1 ? value[0] : undefined;
  }

  /** What stands before the final zero; undefined where the attribute is absent. */
  text(type: number): string | undefined {
    const value = this.values.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return value.toString('utf8', 0, end < 0 ? value.length : end);
  }
}

/** A number of 16 bits in the host's order. */
export function readUint16(bytes: Buffer, at: number): number {
  return LITTLE ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
}

/** A number of 32 bits in the host's order. */
export function readUint32(bytes: Buffer, at: number): number {
  return LITTLE ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
}
