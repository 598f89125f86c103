import { type Ipv4, type Mac, parseIpv4, parseMac } from '../../agent/wire/address';
import {
  type Beacon,
  type BeaconFrame,
  decodeBeacon,
  heardFrom,
  type StatedLink,
} from '../../agent/wire/beacon';

export const ip = (text: string): Ipv4 => parseIpv4(text)!;
export const mac = (text: string): Mac => parseMac(text)!;

/** IEEE Std 802 - Local Experimental Ethertype 1. */
export const ETHERTYPE = 0x88b5;

/** Each as {@link FRAME} has it. */
export const LINKS: readonly StatedLink[] = [
  { plane: 'a', priority: 0, state: 'up', mac: mac('02:00:00:00:00:0a') },
  { plane: 'b', priority: 200, state: 'down', mac: mac('02:00:00:00:01:0a') },
];

/** What {@link FRAME} says: alpha has lost its link b, and hears three hosts in a row and one more on plane a. */
export const BEACON: Beacon = {
  urgent: true,
  keyId: 0xfedcba98,
  epoch: 1_795_254_000_000,
  sequence: 4711,
  interval: 50_000,
  cluster: 'demo',
  host: 'alpha',
  aliases: [ip('10.78.0.1'), ip('192.0.2.1')],
  links: LINKS,
  sentOn: 0,
  heard: heardFrom(['10.78.0.2', '10.78.0.3', '10.78.0.4', '10.78.0.6'].map(ip)),
};

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
}

/** Built by hand from the drawing in docs/beacon-protocol.md; the tag is zeros. */
export const FRAME = bytesOf(`
  ffffffffffff 02000000000a 88b5
  01 01 0066 fedcba98
  000001a1fd7a1980
  0000000000001267
  0000c350 00 02 02 00
  04 64656d6f
  05 616c706861
  0a4e0001 c0000201
  01 61 00 01 02000000000a
  01 62 c8 00 02000000010a
  00000000 ffffffff
  8280b852 02 01 00
  00000000000000000000000000000000`);

/** Where the parts of {@link FRAME} begin, in bytes. */
export const AT = {
  version: 14,
  flags: 15,
  length: 16,
  keyId: 18,
  epoch: 22,
  sequence: 30,
  interval: 38,
  sentOn: 42,
  linkCount: 43,
  aliasCount: 44,
  zero: 45,
  cluster: 46,
  host: 51,
  aliases: 57,
  linkA: 65,
  linkB: 75,
  heard: 85,
  runs: 93,
  tag: 100,
} as const;

/** `count` addresses, `step` apart. */
export function hostsFrom(first: string, count: number, step = 1): Ipv4[] {
  return Array.from({ length: count }, (_, index) => (ip(first) + index * step) as Ipv4);
}

/** The beacon in a frame that holds one. */
export function decode(bytes: Uint8Array): BeaconFrame {
  const decoded = decodeBeacon(bytes);
  if (typeof decoded === 'string') throw new Error(decoded);
  return decoded;
}
