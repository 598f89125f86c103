import {
  type Beacon,
  type BeaconDropReason,
  encodeBeacon,
  LONGEST_BEACON,
  MOST_ALIASES,
  MOST_LINKS,
} from '../../agent/wire/beacon';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import { AT, BEACON, bytesOf, ETHERTYPE, FRAME, hostsFrom, LINKS } from './wire-beacon-fixtures';

/** FRAME with other bytes at an offset. */
export function changed(offset: number, hex: string, frame = FRAME): Uint8Array {
  const bytes = frame.slice();
  bytes.set(bytesOf(hex), offset);
  return bytes;
}

/** FRAME with `hex` in the place of the bytes from `start` to before `end`, and the length that it then has. */
export function spliced(start: number, end: number, hex: string): Uint8Array {
  const bytes = Uint8Array.from([...FRAME.subarray(0, start), ...bytesOf(hex), ...FRAME.subarray(end)]);
  return withLength(bytes, bytes.length - ETHERNET_HEADER);
}

/** A frame that states another length. */
export function withLength(bytes: Uint8Array, length: number): Uint8Array {
  return changed(AT.length, length.toString(16).padStart(4, '0'), bytes);
}

const textHex = (text: string) =>
  text.length.toString(16).padStart(2, '0') + Buffer.from(text).toString('hex');

/** A frame of fields beyond their bounds, which the encoder leaves to its caller to check. */
function unbound(change: Partial<Beacon>): Uint8Array {
  return encodeBeacon({ ...BEACON, ...change }, LINKS[0]!.mac, ETHERTYPE).bytes;
}

const TOO_MANY_LINKS = Array.from({ length: MOST_LINKS + 1 }, (_, index) => ({
  ...LINKS[0]!,
  plane: `p${index}`,
}));

const MALFORMED: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['no length', withLength(FRAME, 0)],
  ['no room for a tag', withLength(FRAME, 15)],
  ['no room for a name', withLength(FRAME, 48)],
  ['a length beyond the greatest', withLength(FRAME, LONGEST_BEACON + 1)],
  ['no links', unbound({ links: [] })],
  ['more links than may be', unbound({ links: TOO_MANY_LINKS })],
  ['no aliases', unbound({ aliases: [] })],
  ['more aliases than may be', unbound({ aliases: hostsFrom('10.0.0.1', MOST_ALIASES + 1) })],
  ['a flag that has no meaning', changed(AT.flags, '02')],
  ['a byte that is not zero', changed(AT.zero, '01')],
  ['an epoch of 2^53', changed(AT.epoch, '0020000000000000')],
  ['the largest epoch', changed(AT.epoch, 'ffffffffffffffff')],
  ['a sequence of 2^53', changed(AT.sequence, '0020000000000000')],
  ['no interval', changed(AT.interval, '00000000')],
  ['sent on a link that is not there', changed(AT.sentOn, '02')],
  ['more links than there are', changed(AT.linkCount, '03')],
  ['more aliases than there are', changed(AT.aliasCount, '03')],
  ['no cluster', spliced(AT.cluster, AT.host, '00')],
  ['a long cluster', spliced(AT.cluster, AT.host, textHex('c'.repeat(64)))],
  ['no host', spliced(AT.host, AT.aliases, '00')],
  ['a long host', spliced(AT.host, AT.aliases, textHex('h'.repeat(64)))],
  ['no plane', spliced(AT.linkA, AT.linkA + 2, '00')],
  ['a long plane', spliced(AT.linkA, AT.linkA + 2, textHex('p'.repeat(16)))],
  ['a name beyond the end', changed(AT.linkB, '3f')],
  ['a name that begins with a separator', changed(AT.host + 1, '5f')],
  ['a space in a name', changed(AT.host + 2, '20')],
  ['a letter beyond ASCII in a name', changed(AT.host + 2, 'c3bc')],
  ['an alias of loopback', changed(AT.aliases, '7f000001')],
  ['an alias of nobody', changed(AT.aliases, '00000001')],
  ['an alias of a group', changed(AT.aliases, 'e0000001')],
  ['an alias twice', changed(AT.aliases + 4, '0a4e0001')],
  ['a plane twice', changed(AT.linkB + 1, '61')],
  ['a state that there is not', changed(AT.linkA + 3, '03')],
  ['no address of a link', changed(AT.linkA + 4, '000000000000')],
  ['a group as the address of a link', changed(AT.linkB + 4, '010000000000')],
  ['a range that ends before it begins', spliced(AT.heard, AT.tag, '00000001 00000000')],
  ['a run beyond the range', changed(AT.heard + 4, '0a4e0005')],
  ['a number that ends too early', changed(AT.runs + 6, '80')],
  ['a gap without a run', spliced(AT.runs + 6, AT.tag, '')],
  ['a run beyond the last address', changed(AT.runs, 'ffffffff0f 01 00')],
  ['a number of 33 bits', spliced(AT.runs, AT.tag, '8080808010 00')],
  ['a number that does not end', spliced(AT.runs, AT.tag, '808080808001 00')],
  ['a number that is longer than need be', spliced(AT.runs, AT.tag, '8000 00')],
  ['a run that goes on where the last one ended', changed(AT.runs + 5, '00')],
];

/** Frames that hold no beacon, each with the reason for which it is dropped. */
export const BROKEN: readonly (readonly [name: string, bytes: Uint8Array, reason: BeaconDropReason])[] = [
  ['empty', new Uint8Array(0), 'beacon-truncated'],
  ['too short for any', FRAME.slice(0, 61), 'beacon-truncated'],
  ['too short for any, whatever it states', withLength(FRAME, 40).slice(0, 61), 'beacon-truncated'],
  ['too short for a version to count', changed(AT.version, '02').slice(0, 61), 'beacon-truncated'],
  ['one byte short', FRAME.slice(0, -1), 'beacon-truncated'],
  ['version 0', changed(AT.version, '00'), 'beacon-version'],
  ['version 2', changed(AT.version, '02'), 'beacon-version'],
  ['another version, of whatever length', changed(AT.version, '02 00 ffff'), 'beacon-version'],
  ['the greatest length, and less than that', withLength(FRAME, LONGEST_BEACON), 'beacon-truncated'],
  ...MALFORMED.map(([name, bytes]) => [name, bytes, 'beacon-malformed'] as const),
];
