import fc from 'fast-check';
import {
  formatIpv4,
  formatMac,
  formatPrefix,
  type Ipv4,
  isHostIpv4,
  isUnicastMac,
  type Mac,
  parseIpv4,
  parseMac,
  parsePrefix,
} from '../../agent/wire/address';
import { type ArpFrame, decodeArp, encodeArp } from '../../agent/wire/arp';
import { target as judge } from './guided/targets/arp';
import { fuzz } from './property';

const check = fuzz(6);

const mac = fc.maxSafeNat().map((value) => (value % 0x1000000000000) as Mac);
const ip = fc.nat(0xffffffff).map((value) => value as Ipv4);
const frame: fc.Arbitrary<ArpFrame> = fc
  .record({
    destination: mac,
    source: mac.filter(isUnicastMac),
    operation: fc.constantFrom('request', 'reply'),
    senderIp: ip.filter(isHostIpv4),
    targetMac: mac,
    targetIp: ip,
  })
  .map((fields) => ({ ...fields, senderMac: fields.source }));

/** A valid frame, some bytes of which are others, cut or followed by something. */
const mutated = fc
  .record({
    frame,
    changes: fc.array(fc.tuple(fc.nat(59), fc.nat(255)), { maxLength: 8 }),
    length: fc.nat(70),
  })
  .map(({ frame: valid, changes, length }) => {
    const bytes = new Uint8Array(70);
    bytes.set(encodeArp(valid));
    for (const [offset, value] of changes) bytes[offset] = value;
    return bytes.subarray(0, length);
  });

/** Texts that look like addresses more often than chance would have it. */
const lookalike = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom(...'0123456789abcdefABCDEF.:/ -+ex'.split('')), { maxLength: 24 })
    .map((list) => list.join('')),
  fc.tuple(ip, fc.nat(99)).map(([address, length]) => `${formatIpv4(address)}/${length}`),
);

describe('whatever arrives', () => {
  test('random bytes are told apart without a throw', () => {
    check(fc.uint8Array({ maxLength: 1600 }), judge);
  });

  test('so are frames that were damaged, cut or extended', () => {
    check(mutated, judge);
  });

  test('a frame of our own comes back as it was', () => {
    check(frame, (sent) => expect(decodeArp(encodeArp(sent))).toEqual(sent));
  });
});

describe('whatever somebody writes', () => {
  test('an IPv4 address is one, or is none', () => {
    check(lookalike, (text) => {
      const address = parseIpv4(text);
      if (address !== undefined) expect(formatIpv4(address)).toBe(text);
    });
  });

  test('so is a prefix', () => {
    check(lookalike, (text) => {
      const prefix = parsePrefix(text);
      if (prefix !== undefined) expect(formatPrefix(prefix)).toBe(text);
    });
  });

  test('so is a hardware address', () => {
    check(lookalike, (text) => {
      const address = parseMac(text);
      if (address !== undefined) expect(formatMac(address)).toBe(text.toLowerCase());
    });
  });
});
