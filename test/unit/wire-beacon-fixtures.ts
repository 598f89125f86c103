import fc from 'fast-check';
import { type Ipv4, isHostIpv4, isUnicastMac, type Mac, parseIpv4, parseMac } from '../../agent/wire/address';
import { type Beacon, type Heard, heardFrom, type StatedLink } from '../../agent/wire/beacon';

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

const uint32 = fc.nat(0xffffffff);
const address = uint32.map((value) => value as Ipv4);
const letter = fc.constantFrom(...'abcXYZ019');
const separator = fc.constantFrom('-', '_', '.');

function nameOf(longest: number): fc.Arbitrary<string> {
  const rest = fc.array(fc.oneof(letter, separator), { maxLength: longest - 1 });
  return fc.tuple(letter, rest).map(([first, others]) => first + others.join(''));
}

const link: fc.Arbitrary<StatedLink> = fc.record({
  plane: nameOf(15),
  priority: fc.nat(255),
  state: fc.constantFrom('down', 'up', 'drained'),
  mac: fc
    .maxSafeNat()
    .map((value) => (value % 0x1000000000000) as Mac)
    .filter(isUnicastMac),
});

/** The same gap and the same run, several times over: so a list gets long without being long to make. */
const stretch = fc.record({
  gap: fc.oneof({ weight: 8, arbitrary: fc.nat(200) }, fc.nat(0x1000000), uint32),
  run: fc.nat(4),
  times: fc.oneof({ weight: 8, arbitrary: fc.nat(3) }, fc.nat(300)),
});

/** Heard hosts in up to some thousand runs. */
const anyHeard: fc.Arbitrary<Heard> = fc
  .tuple(address, fc.array(stretch, { maxLength: 20 }))
  .map(([from, stretches]) => {
    const runs: Ipv4[] = [];
    let next: number = from;
    for (const { gap, run, times } of stretches)
      for (let time = 0; time < times; time++) {
        const first = next + gap + (runs.length > 0 ? 1 : 0);
        if (first + run > 0xffffffff) break;
        runs.push(first as Ipv4, (first + run) as Ipv4);
        next = first + run + 1;
      }
    return { from, to: 0xffffffff as Ipv4, runs };
  });

/** Every beacon that a sender may have to say, whether it fits one frame or not. */
export const anyBeacon: fc.Arbitrary<Beacon> = fc
  .record({
    urgent: fc.boolean(),
    keyId: uint32,
    epoch: fc.maxSafeNat(),
    sequence: fc.maxSafeNat(),
    interval: uint32.filter((value) => value > 0),
    cluster: nameOf(63),
    host: nameOf(63),
    aliases: fc.uniqueArray(address.filter(isHostIpv4), { minLength: 1, maxLength: 16 }),
    links: fc.uniqueArray(link, { minLength: 1, maxLength: 16, selector: ({ plane }) => plane }),
    sentOn: fc.nat(15),
    heard: anyHeard,
  })
  .map((fields) => ({ ...fields, sentOn: fields.sentOn % fields.links.length }));
