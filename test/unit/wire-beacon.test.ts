import fc from 'fast-check';
import { BROADCAST_MAC, type Ipv4, type Mac } from '../../agent/wire/address';
import { MINIMUM_FRAME } from '../../agent/wire/arp';
import {
  BEACON_VERSION,
  type Beacon,
  decodeBeacon,
  encodeBeacon,
  FLAGS_OFFSET,
  heardFrom,
  LONGEST_BEACON,
  MOST_ALIASES,
  MOST_LINKS,
  TAG_LENGTH,
  URGENT,
} from '../../agent/wire/beacon';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import { anyBeacon } from './wire-beacon-arbitraries';
import {
  AT,
  BEACON,
  bytesOf,
  decode,
  ETHERTYPE,
  FRAME,
  hostsFrom,
  ip,
  LINKS,
  mac,
} from './wire-beacon-fixtures';

const SOURCE = mac('02:00:00:00:00:0a');
const encode = (beacon: Beacon) => encodeBeacon(beacon, SOURCE, ETHERTYPE);

/** FRAME with other bytes at an offset. */
function changed(offset: number, hex: string, frame = FRAME): Uint8Array {
  const bytes = frame.slice();
  bytes.set(bytesOf(hex), offset);
  return bytes;
}

/** FRAME with `hex` in the place of the bytes from `start` to before `end`, and the length that it then has. */
function spliced(start: number, end: number, hex: string): Uint8Array {
  const bytes = Uint8Array.from([...FRAME.subarray(0, start), ...bytesOf(hex), ...FRAME.subarray(end)]);
  return withLength(bytes, bytes.length - ETHERNET_HEADER);
}

function withLength(bytes: Uint8Array, length: number): Uint8Array {
  return changed(AT.length, length.toString(16).padStart(4, '0'), bytes);
}

const textHex = (text: string) =>
  text.length.toString(16).padStart(2, '0') + Buffer.from(text).toString('hex');

describe('a beacon as it is on the wire', () => {
  test('is written', () => {
    const frame = encode(BEACON);
    expect(Buffer.from(frame.bytes).toString('hex')).toBe(Buffer.from(FRAME).toString('hex'));
    expect(frame).toMatchObject({ signed: AT.tag, heardTo: 0xffffffff });
  });

  test('is read', () => {
    expect(decodeBeacon(FRAME)).toEqual({ ...BEACON, source: SOURCE, bytes: FRAME, signed: AT.tag });
  });

  test('goes to everybody, from the card that sends it', () => {
    const { bytes } = encodeBeacon(BEACON, 0x0200000001ff as Mac, 0x88b6);
    expect(bytes.subarray(0, ETHERNET_HEADER)).toEqual(bytesOf('ffffffffffff 0200000001ff 88b6'));
    expect(decode(bytes).source).toBe(0x0200000001ff);
    expect(BROADCAST_MAC).toBe(0xffffffffffff);
  });

  test('has its flags where a filter in the kernel looks for them', () => {
    expect(FRAME[FLAGS_OFFSET]).toBe(URGENT);
    expect(encode({ ...BEACON, urgent: false }).bytes[FLAGS_OFFSET]).toBe(0);
    expect(decode(changed(AT.flags, '00')).urgent).toBe(false);
  });

  test('is whole whatever follows it', () => {
    const padded = Uint8Array.from([...FRAME, 1, 2, 3]);
    expect(decodeBeacon(padded)).toMatchObject({ ...BEACON, signed: AT.tag });
  });

  test('is long enough for every card, be it as short as can be', () => {
    const short: Beacon = { ...BEACON, cluster: 'c', host: 'h', aliases: [ip('10.0.0.1')] };
    const { bytes } = encode({ ...short, links: LINKS.slice(0, 1), heard: heardFrom([]) });
    expect(bytes).toHaveLength(ETHERNET_HEADER + 32 + 2 + 2 + 4 + 10 + 8 + TAG_LENGTH);
    expect(bytes.length).toBeGreaterThanOrEqual(MINIMUM_FRAME);
  });
});

describe('the bounds of every field', () => {
  const many = <T>(count: number, make: (index: number) => T) =>
    Array.from({ length: count }, (_, n) => make(n));
  const link = LINKS[0]!;

  test.each<[string, Partial<Beacon>]>([
    ['no key', { keyId: 0 }],
    ['the last key', { keyId: 0xffffffff }],
    ['the first epoch', { epoch: 0 }],
    ['the last epoch', { epoch: Number.MAX_SAFE_INTEGER }],
    ['an epoch of 33 bits', { epoch: 2 ** 32 }],
    ['the first sequence', { sequence: 0 }],
    ['the last sequence', { sequence: Number.MAX_SAFE_INTEGER }],
    ['1 µs', { interval: 1 }],
    ['71 minutes', { interval: 0xffffffff }],
    ['the shortest names', { cluster: 'c', host: '0' }],
    ['the longest names', { cluster: 'c'.repeat(63), host: 'h'.repeat(63) }],
    ['every character', { cluster: 'azAZ09-_.', host: '0az.' }],
    ['the first and the last host address', { aliases: [ip('1.0.0.0'), ip('223.255.255.255')] }],
    ['the most aliases', { aliases: hostsFrom('10.0.0.1', MOST_ALIASES) }],
    ['the longest plane', { links: [{ ...link, plane: 'p'.repeat(15) }] }],
    ['the highest priority', { links: [{ ...link, priority: 255 }] }],
    ['a drained link', { links: [{ ...link, state: 'drained' }] }],
    ['the highest address of a card', { links: [{ ...link, mac: mac('fe:ff:ff:ff:ff:ff') }] }],
    ['one address on two planes', { links: [link, { ...link, plane: 'b' }], sentOn: 1 }],
    ['the most links', { links: many(MOST_LINKS, (n) => ({ ...link, plane: `p${n}` })), sentOn: 15 }],
    ['nobody heard', { heard: heardFrom([]) }],
    [
      'everybody heard',
      { heard: { from: 0 as Ipv4, to: 0xffffffff as Ipv4, runs: [0, 0xffffffff] as Ipv4[] } },
    ],
    ['one address alone', { heard: { from: ip('10.0.0.1'), to: ip('10.0.0.1'), runs: [] } }],
  ])('%s', (_, change) => {
    const beacon = { ...BEACON, ...change };
    expect(decodeBeacon(encode(beacon).bytes)).toMatchObject(beacon);
  });
});

describe('frames that hold no beacon', () => {
  test.each<[string, Uint8Array, string]>([
    ['empty', new Uint8Array(0), 'beacon-truncated'],
    ['too short for any', FRAME.slice(0, 61), 'beacon-truncated'],
    ['too short for any, whatever it states', withLength(FRAME, 40).slice(0, 61), 'beacon-truncated'],
    ['too short for a version to count', changed(AT.version, '02').slice(0, 61), 'beacon-truncated'],
    ['one byte short', FRAME.slice(0, -1), 'beacon-truncated'],
    ['version 0', changed(AT.version, '00'), 'beacon-version'],
    ['version 2', changed(AT.version, '02'), 'beacon-version'],
    ['another version, of whatever length', changed(AT.version, '02 00 ffff'), 'beacon-version'],
    ['no length', withLength(FRAME, 0), 'beacon-malformed'],
    ['no room for a tag', withLength(FRAME, 15), 'beacon-malformed'],
    ['no room for a name', withLength(FRAME, 48), 'beacon-malformed'],
    ['the greatest length, and less than that', withLength(FRAME, LONGEST_BEACON), 'beacon-truncated'],
    ['a greater length', withLength(FRAME, LONGEST_BEACON + 1), 'beacon-malformed'],
  ])('%s: %p', (_, bytes, reason) => {
    expect(decodeBeacon(bytes)).toBe(reason);
  });

  test('every end before the stated one is seen before a byte behind it is read', () => {
    for (let length = 0; length < FRAME.length; length++)
      expect(decodeBeacon(FRAME.subarray(0, length))).toBe('beacon-truncated');
  });

  test('every content that ends too early is malformed', () => {
    // Where a number or a run of the heard ends, the content may end.
    const good = [AT.runs, AT.runs + 5];
    for (let tag = AT.cluster; tag < AT.tag; tag++) {
      const cut = Uint8Array.from([...FRAME.subarray(0, tag), ...new Uint8Array(TAG_LENGTH)]);
      const decoded = decodeBeacon(withLength(cut, cut.length - ETHERNET_HEADER));
      expect([tag, typeof decoded]).toEqual([tag, good.includes(tag) ? 'object' : 'string']);
      if (typeof decoded === 'string') expect(decoded).toBe('beacon-malformed');
    }
  });

  test('nothing is read of the tag or behind it, wherever the content ends', () => {
    for (let tag = AT.cluster; tag <= AT.tag; tag++) {
      const read: number[] = [];
      const watched = new Proxy(withLength(FRAME, tag + TAG_LENGTH - ETHERNET_HEADER), {
        get(bytes, name) {
          const index = Number(name);
          if (!Number.isNaN(index)) read.push(index);
          return Reflect.get(bytes, name, bytes);
        },
      });
      decodeBeacon(watched);
      expect(Math.max(...read)).toBeLessThan(tag);
    }
  });

  const link = LINKS[0]!;
  const links = Array.from({ length: MOST_LINKS + 1 }, (_, index) => ({ ...link, plane: `p${index}` }));

  test.each<[string, Partial<Beacon>]>([
    ['no links', { links: [] }],
    ['more links than may be', { links }],
    ['no aliases', { aliases: [] }],
    ['more aliases than may be', { aliases: hostsFrom('10.0.0.1', MOST_ALIASES + 1) }],
  ])('%s: malformed', (_, change) => {
    expect(decodeBeacon(encode({ ...BEACON, ...change }).bytes)).toBe('beacon-malformed');
  });

  test.each<[string, Uint8Array]>([
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
    ['an alias that no host can have', changed(AT.aliases, '7f000001')],
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
  ])('%s: malformed', (_, bytes) => {
    expect(decodeBeacon(bytes)).toBe('beacon-malformed');
  });

  // Every byte, since what lies between the ranges is easily let through.
  test.each([
    ['first', AT.cluster + 1, /[a-z0-9]/i],
    ['further', AT.cluster + 2, /[a-z0-9._-]/i],
    ['last', AT.linkA + 1, /[a-z0-9]/i],
  ])('the %s character of a name', (_, offset, allowed) => {
    for (let code = 0; code < 256; code++) {
      const decoded = decodeBeacon(changed(offset, code.toString(16).padStart(2, '0')));
      // The plane `b` is there already.
      const good = allowed.test(String.fromCharCode(code)) && !(offset === AT.linkA + 1 && code === 0x62);
      expect([code, typeof decoded]).toEqual([code, good ? 'object' : 'string']);
    }
  });
});

describe('every beacon', () => {
  test('comes back, but for whom it finds no room for', () => {
    fc.assert(
      fc.property(anyBeacon, (sent) => {
        const { bytes, signed, heardTo } = encode(sent);
        const runs = sent.heard.runs.filter((address) => address <= heardTo);
        const heard = { from: sent.heard.from, to: heardTo, runs };
        expect(decodeBeacon(bytes)).toEqual({ ...sent, heard, source: SOURCE, bytes, signed });
      }),
    );
  });

  test('comes back from any place in a larger buffer', () => {
    fc.assert(
      fc.property(anyBeacon, fc.uint8Array(), fc.nat(20), (sent, behind, offset) => {
        const { bytes } = encode(sent);
        const buffer = Uint8Array.from([...new Uint8Array(offset), ...bytes, ...behind]);
        const { bytes: seen, ...decoded } = decode(buffer.subarray(offset));
        const { bytes: _, ...expected } = decode(bytes);
        expect(decoded).toEqual(expected);
        expect(seen.buffer).toBe(buffer.buffer);
      }),
    );
  });

  test('is of the version that is read, and fits', () => {
    fc.assert(
      fc.property(anyBeacon, (sent) => {
        const { bytes, signed } = encode(sent);
        expect(bytes[ETHERNET_HEADER]).toBe(BEACON_VERSION);
        expect(bytes.length).toBe(signed + TAG_LENGTH);
        expect(bytes.length).toBeLessThanOrEqual(ETHERNET_HEADER + LONGEST_BEACON);
        expect(bytes.subarray(signed)).toEqual(new Uint8Array(TAG_LENGTH));
      }),
    );
  });
});
