import { BROADCAST_MAC, type Ipv4, isHostIpv4, isUnicastMac, type Mac } from './address';
import {
  ETHERNET_HEADER,
  readMac,
  readUint16,
  readUint32,
  writeMac,
  writeUint16,
  writeUint32,
} from './ethernet';
import { type Heard, readHeard, writeHeard } from './heard';

export { type Heard, heardFrom, hears } from './heard';

/** The version of the format that is written, and the only one that is read. */
export const BEACON_VERSION = 1;
/** Length of the authentication tag at the end, in bytes: HMAC-SHA256 (RFC 2104), truncated to its first 16. */
export const TAG_LENGTH = 16;
/** Longest beacon in bytes, without the Ethernet header: what every Ethernet carries (IEEE 802.3, 3.2.7). */
export const LONGEST_BEACON = 1500;
/** Room for one that states as much as it may, and one heard host: more than an MTU of less has room for. */
const LEAST_ROOM = 700;
/** Where the sequence number stands in the frame, in bytes from its beginning, and where it ends. */
export const SEQUENCE_OFFSET = ETHERNET_HEADER + 16;
export const SEQUENCE_END = SEQUENCE_OFFSET + 8;
/** Where the flags stand in the frame, in bytes from its beginning, so that a filter in the kernel can read them. */
export const FLAGS_OFFSET = ETHERNET_HEADER + 1;
/** Flag: something changed, so whoever hears it should not wait to read it. */
export const URGENT = 0x01;

/** Most links, and most aliases, that one host can state. */
export const MOST_LINKS = 16;
export const MOST_ALIASES = 16;
/** Longest names, in characters. */
const LONGEST_NAME = 63;
const LONGEST_PLANE = 15;
/** Bytes before the first name. */
const FIXED = 32;
/** Bytes of a link behind its plane's name. */
const LINK = 8;
const LARGEST = Number.MAX_SAFE_INTEGER;

/** What a sender says of one of its links. */
export type StatedLinkState = 'down' | 'up' | 'drained';

const LINK_STATES: readonly StatedLinkState[] = ['down', 'up', 'drained'];

export interface StatedLink {
  /** name of the plane that it is on, another one for each link: 1 to 15 letters, digits, `-`, `_`, `.`, the first a letter or a digit */
  readonly plane: string;
  /** 1 to 255, the higher the rather the sender wants to be reached by it; 0 where it states none */
  readonly priority: number;
  readonly state: StatedLinkState;
  readonly mac: Mac;
}

/** What one beacon says. docs/beacon-protocol.md has the drawing. */
export interface Beacon {
  readonly urgent: boolean;
  /** which of the cluster's keys made the tag: 32 bits */
  readonly keyId: number;
  /** larger at each start of the sender: 0 to 2^53-1 */
  readonly epoch: number;
  /** larger in each beacon of one epoch: 0 to 2^53-1 */
  readonly sequence: number;
  /** between two beacons of the sender on one link, in µs: 1 to 2^32-1 */
  readonly interval: number;
  /** names as those of planes, 1 to 63 characters */
  readonly cluster: string;
  readonly host: string;
  /** 1 to 16, each once; the first one is the host's identity among the heard */
  readonly aliases: readonly Ipv4[];
  /** 1 to 16 */
  readonly links: readonly StatedLink[];
  /** index into `links`: the one on which this beacon was sent */
  readonly sentOn: number;
  readonly heard: Heard;
}

/** A beacon in the frame that carried it, whose tag is not yet checked. */
export interface BeaconFrame extends Beacon {
  /** the frame's source address */
  readonly source: Mac;
  /** the frame, of which the bytes from {@link ETHERNET_HEADER} on, up to `signed`, are what the tag behind them is made from */
  readonly bytes: Uint8Array;
  /** end of what is signed, and beginning of the tag, in bytes of the frame */
  readonly signed: number;
}

/** Why a frame is no beacon that can be read. Each is a counter in the status. */
export type BeaconDropReason = 'beacon-truncated' | 'beacon-version' | 'beacon-malformed';

/**
 * The beacon in an Ethernet frame, or the reason why it holds none that can be read. Lengths are checked before a byte is read;
 * what follows the stated length is padding and is ignored. The EtherType is configurable, so the caller has looked at it.
 */
export function decodeBeacon(frame: Uint8Array): BeaconFrame | BeaconDropReason {
  if (frame.length < ETHERNET_HEADER + FIXED + TAG_LENGTH) return 'beacon-truncated';
  if (frame[ETHERNET_HEADER] !== BEACON_VERSION) return 'beacon-version';
  const length = readUint16(frame, ETHERNET_HEADER + 2);
  if (length > LONGEST_BEACON) return 'beacon-malformed';
  if (frame.length < ETHERNET_HEADER + length) return 'beacon-truncated';
  return new Reading(frame, ETHERNET_HEADER + length - TAG_LENGTH).beacon() ?? 'beacon-malformed';
}

/** One pass over a frame; every method returns undefined where the bytes at hand are not what they should be. */
class Reading {
  private at = ETHERNET_HEADER + FIXED;

  constructor(
    private readonly bytes: Uint8Array,
    /** first byte that is not part of the content */
    private readonly end: number,
  ) {}

  beacon(): BeaconFrame | undefined {
    const { bytes, end } = this;
    const flags = bytes[FLAGS_OFFSET]!;
    const epoch = readUint64(bytes, ETHERNET_HEADER + 8);
    const sequence = readSequence(bytes);
    const interval = readUint32(bytes, ETHERNET_HEADER + 24);
    const sentOn = bytes[ETHERNET_HEADER + 28]!;
    if ((flags & ~URGENT) !== 0 || bytes[ETHERNET_HEADER + 31] !== 0 || interval === 0) return undefined;
    if (epoch > LARGEST || sequence > LARGEST) return undefined;
    const cluster = this.name(LONGEST_NAME);
    const host = this.name(LONGEST_NAME);
    const aliases = this.aliases(bytes[ETHERNET_HEADER + 30]!);
    const links = this.links(bytes[ETHERNET_HEADER + 29]!);
    const heard = readHeard(bytes, this.at, end);
    if (!cluster || !host || !aliases || !links || sentOn >= links.length || !heard) return undefined;
    return {
      urgent: (flags & URGENT) !== 0,
      keyId: readUint32(bytes, ETHERNET_HEADER + 4),
      epoch,
      sequence,
      interval,
      cluster,
      host,
      aliases,
      links,
      sentOn,
      heard,
      source: readMac(bytes, 6),
      bytes,
      signed: end,
    };
  }

  private has(count: number): boolean {
    return this.at + count <= this.end;
  }

  /** Letters, digits, `-`, `_` and `.`, the first one a letter or a digit: as the configuration allows for names. */
  private name(longest: number): string | undefined {
    const length = this.has(1) ? this.bytes[this.at++]! : 0;
    if (length === 0 || length > longest || !this.has(length)) return undefined;
    const codes: number[] = [];
    for (const stop = this.at + length; this.at < stop; this.at++) {
      const code = this.bytes[this.at]!;
      if (!isLetterOrDigit(code) && (codes.length === 0 || !isSeparator(code))) return undefined;
      codes.push(code);
    }
    return String.fromCharCode(...codes);
  }

  private aliases(count: number): Ipv4[] | undefined {
    if (count === 0 || count > MOST_ALIASES || !this.has(4 * count)) return undefined;
    const aliases: Ipv4[] = [];
    for (let index = 0; index < count; index++, this.at += 4) {
      const alias = readUint32(this.bytes, this.at) as Ipv4;
      if (!isHostIpv4(alias) || aliases.includes(alias)) return undefined;
      aliases.push(alias);
    }
    return aliases;
  }

  private links(count: number): StatedLink[] | undefined {
    if (count > MOST_LINKS) return undefined;
    const links: StatedLink[] = [];
    for (let index = 0; index < count; index++, this.at += LINK) {
      const plane = this.name(LONGEST_PLANE);
      if (plane === undefined || !this.has(LINK)) return undefined;
      const priority = this.bytes[this.at]!;
      const state = LINK_STATES[this.bytes[this.at + 1]!];
      const mac = readMac(this.bytes, this.at + 2);
      if (state === undefined || !isUnicastMac(mac) || links.some((link) => link.plane === plane))
        return undefined;
      links.push({ plane, priority, state, mac });
    }
    return links;
  }
}

function isLetterOrDigit(code: number): boolean {
  if (code >= 0x61) return code <= 0x7a;
  if (code >= 0x41) return code <= 0x5a;
  return code >= 0x30 && code <= 0x39;
}

function isSeparator(code: number): boolean {
  return code === 0x2d || code === 0x2e || code === 0x5f;
}

/** A frame to be signed: the tag behind the bytes up to `signed` is still zeros. */
export interface UnsignedFrame {
  readonly bytes: Uint8Array;
  readonly signed: number;
  /** end of the range that it covers: what the caller wants heard beyond it belongs into the next beacon, from the address after it */
  readonly heardTo: Ipv4;
}

/**
 * The broadcast frame of a beacon from `source`. Where not all that is heard finds room in the link's `mtu`, the range ends before the first
 * that doesn't. The fields must keep their bounds, which the configuration checks: outside them, nobody can read the frame.
 */
export function encodeBeacon(
  beacon: Beacon,
  source: Mac,
  etherType: number,
  mtu = LONGEST_BEACON,
): UnsignedFrame {
  const room = Math.max(LEAST_ROOM, Math.min(mtu, LONGEST_BEACON));
  const bytes = new Uint8Array(ETHERNET_HEADER + room);
  const end = ETHERNET_HEADER + room - TAG_LENGTH;
  writeMac(bytes, 0, BROADCAST_MAC);
  writeMac(bytes, 6, source);
  writeUint16(bytes, 12, etherType);
  bytes[ETHERNET_HEADER] = BEACON_VERSION;
  bytes[FLAGS_OFFSET] = beacon.urgent ? URGENT : 0;
  writeUint32(bytes, ETHERNET_HEADER + 4, beacon.keyId);
  writeUint64(bytes, ETHERNET_HEADER + 8, beacon.epoch);
  writeUint64(bytes, SEQUENCE_OFFSET, beacon.sequence);
  writeUint32(bytes, ETHERNET_HEADER + 24, beacon.interval);
  bytes[ETHERNET_HEADER + 28] = beacon.sentOn;
  bytes[ETHERNET_HEADER + 29] = beacon.links.length;
  bytes[ETHERNET_HEADER + 30] = beacon.aliases.length;
  let at = writeName(bytes, ETHERNET_HEADER + FIXED, beacon.cluster);
  at = writeName(bytes, at, beacon.host);
  for (const alias of beacon.aliases) {
    writeUint32(bytes, at, alias);
    at += 4;
  }
  for (const { plane, priority, state, mac } of beacon.links) {
    at = writeName(bytes, at, plane);
    bytes[at] = priority;
    bytes[at + 1] = LINK_STATES.indexOf(state);
    writeMac(bytes, at + 2, mac);
    at += LINK;
  }
  const heard = writeHeard(bytes, at, end, beacon.heard);
  writeUint16(bytes, ETHERNET_HEADER + 2, heard.end + TAG_LENGTH - ETHERNET_HEADER);
  return { bytes: bytes.subarray(0, heard.end + TAG_LENGTH), signed: heard.end, heardTo: heard.to };
}

/** Returns the offset behind what it wrote. */
function writeName(bytes: Uint8Array, at: number, name: string): number {
  bytes[at] = name.length;
  for (let index = 0; index < name.length; index++) bytes[at + 1 + index] = name.charCodeAt(index);
  return at + 1 + name.length;
}

/** The sequence number in the frame of a beacon; larger than any that is valid where it is not. */
export function readSequence(frame: Uint8Array): number {
  return readUint64(frame, SEQUENCE_OFFSET);
}

function readUint64(bytes: Uint8Array, offset: number): number {
  return readUint32(bytes, offset) * 2 ** 32 + readUint32(bytes, offset + 4);
}

function writeUint64(bytes: Uint8Array, offset: number, value: number): void {
  writeUint32(bytes, offset, Math.floor(value / 2 ** 32));
  writeUint32(bytes, offset + 4, value % 2 ** 32);
}
