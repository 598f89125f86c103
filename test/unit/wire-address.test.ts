import fc from 'fast-check';
import {
  BROADCAST_MAC,
  contains,
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
  ZERO_MAC,
} from '../../agent/wire/address';

const ipv4 = fc.nat(0xffffffff).map((value) => value as Ipv4);
const mac = fc.maxSafeNat().map((value) => (value % 0x1000000000000) as Mac);
const length = fc.integer({ min: 0, max: 32 });

/** The address and the mask, bit by bit, as a witness that shares no code with the one under test. */
function maskBits(address: number, bits: number): number {
  const text = address.toString(2).padStart(32, '0').slice(0, bits).padEnd(32, '0');
  return Number.parseInt(text, 2);
}

describe('IPv4 addresses', () => {
  test.each([
    ['0.0.0.0', 0],
    ['10.78.0.1', 0x0a4e0001],
    ['255.255.255.255', 0xffffffff],
    ['128.0.0.1', 0x80000001],
  ])('%s', (text, value) => {
    expect(parseIpv4(text)).toBe(value);
    expect(formatIpv4(value as Ipv4)).toBe(text);
  });

  test.each([
    '',
    '10.78.0',
    '10.78.0.1.2',
    '10.78.0.256',
    '10.78.0.01',
    '10.78.0.-1',
    '10.78.0.1 ',
    ' 10.78.0.1',
    '0x0a.78.0.1',
    '10.78.0.1e0',
    '10..0.1',
    '10.78.0.1\n',
    '１0.78.0.1',
  ])('%p is none', (text) => {
    expect(parseIpv4(text)).toBeUndefined();
  });

  test('come back from their text', () => {
    fc.assert(fc.property(ipv4, (address) => expect(parseIpv4(formatIpv4(address))).toBe(address)));
  });

  test.each([
    ['10.78.0.1', true],
    ['1.0.0.0', true],
    ['223.255.255.255', true],
    ['0.0.0.0', false],
    ['0.1.2.3', false],
    ['127.0.0.1', false],
    ['224.0.0.1', false],
    ['240.0.0.1', false],
    ['255.255.255.255', false],
  ])('%s can be of a host: %p', (text, expected) => {
    expect(isHostIpv4(parseIpv4(text)!)).toBe(expected);
  });
});

describe('prefixes', () => {
  test.each([
    ['0.0.0.0/0', 0, 0],
    ['10.0.0.0/8', 0x0a000000, 8],
    ['128.0.0.0/1', 0x80000000, 1],
    ['10.78.0.1/32', 0x0a4e0001, 32],
  ])('%s', (text, address, bits) => {
    expect(parsePrefix(text)).toEqual({ address, length: bits });
    expect(formatPrefix({ address: address as Ipv4, length: bits })).toBe(text);
  });

  test.each([
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/8 ',
    '10.0.0.1/8',
    '0.0.0.1/0',
    '/8',
    '',
  ])('%p is none', (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  test('/32 may be left out', () => {
    expect(formatPrefix(parsePrefix('10.78.0.1/32')!, true)).toBe('10.78.0.1');
    expect(formatPrefix(parsePrefix('10.78.0.0/24')!, true)).toBe('10.78.0.0/24');
  });

  test('are taken exactly where no bit lies beyond the length', () => {
    fc.assert(
      fc.property(ipv4, length, (address, bits) => {
        const parsed = parsePrefix(`${formatIpv4(address)}/${bits}`);
        expect(parsed !== undefined).toBe(maskBits(address, bits) === address);
      }),
    );
  });

  test('contain what agrees with them in their length', () => {
    fc.assert(
      fc.property(ipv4, ipv4, length, (base, address, bits) => {
        const prefix = { address: maskBits(base, bits) as Ipv4, length: bits };
        expect(contains(prefix, address)).toBe(maskBits(address, bits) === prefix.address);
        expect(contains(prefix, base)).toBe(true);
      }),
    );
  });
});

describe('hardware addresses', () => {
  test.each([
    ['02:00:5e:10:00:01', 0x02005e100001],
    ['ff:ff:ff:ff:ff:ff', 0xffffffffffff],
    ['00:00:00:00:00:00', 0],
    ['00:00:00:00:00:0a', 10],
  ])('%s', (text, value) => {
    expect(parseMac(text)).toBe(value);
    expect(formatMac(value as Mac)).toBe(text);
    expect(parseMac(text.toUpperCase())).toBe(value);
  });

  test.each([
    '',
    '02:00:5e:10:00',
    '02:00:5e:10:00:01:02',
    '2:0:5e:10:0:1',
    '02-00-5e-10-00-01',
    '02:00:5e:10:00:0g',
  ])('%p is none', (text) => {
    expect(parseMac(text)).toBeUndefined();
  });

  test('come back from their text', () => {
    fc.assert(fc.property(mac, (address) => expect(parseMac(formatMac(address))).toBe(address)));
  });

  test.each([
    ['02:00:00:00:00:01', true],
    ['fe:ff:ff:ff:ff:ff', true],
    ['01:00:5e:00:00:01', false],
    ['33:33:00:00:00:01', false],
  ])('%s can be of a card: %p', (text, expected) => {
    expect(isUnicastMac(parseMac(text)!)).toBe(expected);
  });

  test('neither everybody nor nobody is a card', () => {
    expect(isUnicastMac(BROADCAST_MAC)).toBe(false);
    expect(isUnicastMac(ZERO_MAC)).toBe(false);
  });
});
