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

/** The version of the format that is written, and the only one that is read. */
export const BEACON_VERSION = 1;
/** Length of the authentication tag at the end, in bytes: HMAC-SHA256 (RFC 2104), truncated to its first 16. */
export const TAG_LENGTH = 16;
/** Longest beacon in bytes, without the Ethernet header: what every Ethernet carries (IEEE 802.3, 3.2.7). */
export const LONGEST_BEACON = 1500;
/** Where the flags stand in the frame, in bytes from its beginning, so that a filter in the kernel can read them. */
export const FLAGS_OFFSET = ETHERNET_HEADER + 1;
/** Flag: something changed, so whoever hears it should not wait to read it. */
export const URGENT = 0x01;

const FIRST_IPV4 = 0 as Ipv4;
const LAST_IPV4 = 0xffffffff as Ipv4;

const MOST_LINKS = 16;
const MOST_ALIASES = 16;
const MOST_PLANE_NAME = 15;
const MOST_NAME = 63;
/** Bytes before the first name. */
const FIXED = 32;
const HEARD_RANGE = 8;
const LARGEST = Number.MAX_SAFE_INTEGER;
/** A gap and a run of the heard addresses, at their longest. */
const LONGEST_PAIR = 10;

/** What a sender says of one of its links. */
export type StatedLinkState = 'down' | 'up' | 'drained';

const LINK_STATES: readonly StatedLinkState[] = ['down', 'up', 'drained'];

export interface StatedLink {
  /** name of the plane that it is on, 1 to 15 characters */
  readonly plane: string;
  /** 1 to 255, the higher the rather the sender wants to be reached by it; 0 where it states none */
  readonly priority: number;
  readonly state: StatedLinkState;
  readonly mac: Mac;
}

/**
 * Whom the sender hears on the plane on which it sends, by their first aliases. It says nothing of hosts outside the range, since not all
 * may find room in one frame.
 */
export interface Heard {
  /** the range, both ends included */
  readonly from: Ipv4;
  readonly to: Ipv4;
  /** addresses in it that are heard, ascending: the first and the last of each run without a gap, one pair after the other */
  readonly runs: readonly Ipv4[];
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
  /** between two beacons of the sender on one link, in µs */
  readonly interval: number;
  readonly cluster: string;
  readonly host: string;
  /** 1 to 16; the first one is the host's identity among the heard */
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
 * what follows the stated length is padding and is ignored.
 */
export function decodeBeacon(frame: Uint8Array): BeaconFrame | BeaconDropReason {
  if (frame.length < ETHERNET_HEADER + FIXED + TAG_LENGTH) return 'beacon-truncated';
  if (frame[ETHERNET_HEADER] !== BEACON_VERSION) return 'beacon-version';
  const length = readUint16(frame, ETHERNET_HEADER + 2);
  if (length < FIXED + TAG_LENGTH || length > LONGEST_BEACON) return 'beacon-malformed';
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
    const sequence = readUint64(bytes, ETHERNET_HEADER + 16);
    const interval = readUint32(bytes, ETHERNET_HEADER + 24);
    const sentOn = bytes[ETHERNET_HEADER + 28]!;
    if ((flags & ~URGENT) !== 0 || bytes[ETHERNET_HEADER + 31] !== 0 || interval === 0) return undefined;
    if (epoch > LARGEST || sequence > LARGEST) return undefined;
    const cluster = this.name(MOST_NAME);
    const host = this.name(MOST_NAME);
    const aliases = this.aliases(bytes[ETHERNET_HEADER + 30]!);
    const links = this.links(bytes[ETHERNET_HEADER + 29]!);
    if (!cluster || !host || aliases === undefined || links === undefined || sentOn >= links.length)
      return undefined;
    const heard = this.heard();
    if (heard === undefined) return undefined;
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

  /** Letters, digits, `-`, `_` and `.`, as the configuration allows for names. */
  private name(longest: number): string | undefined {
    const length = this.has(1) ? this.bytes[this.at++]! : 0;
    if (length === 0 || length > longest || !this.has(length)) return undefined;
    let text = '';
    for (const stop = this.at + length; this.at < stop; this.at++) {
      const code = this.bytes[this.at]!;
      if (!isNameCharacter(code)) return undefined;
      text += String.fromCharCode(code);
    }
    return text;
  }

  private aliases(count: number): Ipv4[] | undefined {
    if (count === 0 || count > MOST_ALIASES || !this.has(4 * count)) return undefined;
    const aliases: Ipv4[] = [];
    for (let index = 0; index < count; index++, this.at += 4) {
      const alias = readUint32(this.bytes, this.at) as Ipv4;
      if (!isHostIpv4(alias)) return undefined;
      aliases.push(alias);
    }
    return aliases;
  }

  private links(count: number): StatedLink[] | undefined {
    if (count === 0 || count > MOST_LINKS) return undefined;
    const links: StatedLink[] = [];
    for (let index = 0; index < count; index++) {
      const plane = this.name(MOST_PLANE_NAME);
      if (plane === undefined || !this.has(8)) return undefined;
      const state = LINK_STATES[this.bytes[this.at + 1]!];
      const mac = readMac(this.bytes, this.at + 2);
      if (state === undefined || !isUnicastMac(mac)) return undefined;
      links.push({ plane, priority: this.bytes[this.at]!, state, mac });
      this.at += 8;
    }
    return links;
  }

  /** Pairs of a gap and a run: how many addresses are not heard, and then how many are, less one. */
  private heard(): Heard | undefined {
    if (!this.has(HEARD_RANGE)) return undefined;
    const from = readUint32(this.bytes, this.at) as Ipv4;
    const to = readUint32(this.bytes, this.at + 4) as Ipv4;
    this.at += HEARD_RANGE;
    const runs: Ipv4[] = [];
    for (let next: number = from; this.at < this.end; ) {
      const gap = this.varint();
      const more = this.varint();
      if (gap === undefined || more === undefined) return undefined;
      const last = next + gap + more;
      if (last > to) return undefined;
      runs.push((next + gap) as Ipv4, last as Ipv4);
      next = last + 1;
    }
    return from <= to ? { from, to, runs } : undefined;
  }

  /** An unsigned LEB128 number below 2^32. */
  private varint(): number | undefined {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28 && this.at < this.end; scale *= 128) {
      const byte = this.bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value < 2 ** 32 ? value : undefined;
    }
    return undefined;
  }
}

function isNameCharacter(code: number): boolean {
  if (code >= 0x61) return code <= 0x7a;
  if (code >= 0x41) return code <= 0x5a || code === 0x5f;
  return (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2e;
}

/** Whether a sender says that it hears a host; undefined where it says nothing of it. */
export function hears({ from, to, runs }: Heard, host: Ipv4): boolean | undefined {
  if (host < from || host > to) return undefined;
  for (let index = 0; index < runs.length; index += 2) {
    if (host < runs[index]!) return false;
    if (host <= runs[index + 1]!) return true;
  }
  return false;
}

/** The statement that all `hosts`, ascending, are heard, and nobody else from `from` on. */
export function heardFrom(hosts: readonly Ipv4[], from: Ipv4 = FIRST_IPV4): Heard {
  const runs: Ipv4[] = [];
  for (const host of hosts) {
    if (host < from) continue;
    if (runs.at(-1) === host - 1) runs[runs.length - 1] = host;
    else runs.push(host, host);
  }
  return { from, to: LAST_IPV4, runs };
}

/** A frame to be signed: the tag behind the bytes up to `signed` is still zeros. */
export interface UnsignedFrame {
  readonly bytes: Uint8Array;
  readonly signed: number;
  /** end of the range that it covers: what the caller wants heard beyond it belongs into the next beacon, from the address after it */
  readonly heardTo: Ipv4;
}

/** The broadcast frame of a beacon from `source`. Where not all that is heard finds room, the range ends before the first that doesn't. */
export function encodeBeacon(beacon: Beacon, source: Mac, etherType: number): UnsignedFrame {
  const bytes = new Uint8Array(ETHERNET_HEADER + LONGEST_BEACON);
  const end = ETHERNET_HEADER + LONGEST_BEACON - TAG_LENGTH;
  writeMac(bytes, 0, BROADCAST_MAC);
  writeMac(bytes, 6, source);
  writeUint16(bytes, 12, etherType);
  bytes[ETHERNET_HEADER] = BEACON_VERSION;
  bytes[FLAGS_OFFSET] = beacon.urgent ? URGENT : 0;
  writeUint32(bytes, ETHERNET_HEADER + 4, beacon.keyId);
  writeUint64(bytes, ETHERNET_HEADER + 8, beacon.epoch);
  writeUint64(bytes, ETHERNET_HEADER + 16, beacon.sequence);
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
    at += 8;
  }
  const heard = writeHeard(bytes, at, end, beacon.heard);
  writeUint16(bytes, ETHERNET_HEADER + 2, heard.end + TAG_LENGTH - ETHERNET_HEADER);
  return { bytes: bytes.subarray(0, heard.end + TAG_LENGTH), signed: heard.end, heardTo: heard.to };
}

function writeHeard(
  bytes: Uint8Array,
  start: number,
  limit: number,
  heard: Heard,
): { end: number; to: Ipv4 } {
  writeUint32(bytes, start, heard.from);
  let end = start + HEARD_RANGE;
  let to = heard.to;
  let next: number = heard.from;
  for (let index = 0; index < heard.runs.length; index += 2) {
    if (end + LONGEST_PAIR > limit) {
      to = (heard.runs[index]! - 1) as Ipv4;
      break;
    }
    const [first, last] = [heard.runs[index]!, heard.runs[index + 1]!];
    end = writeVarint(bytes, end, first - next);
    end = writeVarint(bytes, end, last - first);
    next = last + 1;
  }
  writeUint32(bytes, start + 4, to);
  return { end, to };
}

/** Each returns the offset behind what it wrote. */
function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let end = at;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes[end++] = (rest % 128) | 0x80;
  bytes[end++] = rest;
  return end;
}

function writeName(bytes: Uint8Array, at: number, name: string): number {
  bytes[at] = name.length;
  for (let index = 0; index < name.length; index++) bytes[at + 1 + index] = name.charCodeAt(index);
  return at + 1 + name.length;
}

function readUint64(bytes: Uint8Array, offset: number): number {
  return readUint32(bytes, offset) * 2 ** 32 + readUint32(bytes, offset + 4);
}

function writeUint64(bytes: Uint8Array, offset: number, value: number): void {
  writeUint32(bytes, offset, Math.floor(value / 2 ** 32));
  writeUint32(bytes, offset + 4, value % 2 ** 32);
}
