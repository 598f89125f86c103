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
import { BROKEN, changed, withLength } from './wire-beacon-broken';
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
  test.each(BROKEN)('%s: %p', (_, bytes, reason) => {
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
