import fc from 'fast-check';
import { type Ipv4, isHostIpv4, isUnicastMac, type Mac } from '../../agent/wire/address';
import {
  BEACON_VERSION,
  type Beacon,
  encodeBeacon,
  type Heard,
  heardFrom,
  LONGEST_BEACON,
  type StatedLink,
  TAG_LENGTH,
} from '../../agent/wire/beacon';
import { ETHERNET_HEADER, writeUint16 } from '../../agent/wire/ethernet';
import { decode, ETHERTYPE } from './wire-beacon-fixtures';

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

/** The frames of such beacons, as far as they find room. */
export const anyFrame = anyBeacon.map(
  (beacon) => encodeBeacon(beacon, beacon.links[beacon.sentOn]!.mac, ETHERTYPE).bytes,
);

/** Random bytes of the right version, with a length that is right or anything. */
export const randomFrame = fc
  .tuple(fc.uint8Array({ minLength: 62, maxLength: 400 }), fc.boolean())
  .map(([bytes, right]) => {
    bytes[ETHERNET_HEADER] = BEACON_VERSION;
    if (right) stateLength(bytes);
    return bytes;
  });

/** A valid frame, some bytes of which are others, cut or followed by something. */
export const damagedFrame = fc
  .record({
    frame: anyFrame,
    changes: fc.array(fc.tuple(fc.nat(ETHERNET_HEADER + LONGEST_BEACON), fc.nat(255)), { maxLength: 8 }),
    cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: -40, max: 200 })),
  })
  .map(({ frame: valid, changes, cut }) => {
    const bytes = new Uint8Array(Math.max(0, valid.length - cut));
    bytes.set(valid.subarray(0, bytes.length));
    for (const [offset, value] of changes) if (bytes.length > 0) bytes[offset % bytes.length] = value;
    return bytes;
  });

/** A frame that is valid up to the numbers of the heard addresses, with whatever in their place. */
export const lookalikeFrame = fc
  .tuple(anyFrame, fc.array(fc.oneof(fc.nat(3), fc.nat(255)), { minLength: TAG_LENGTH, maxLength: 60 }))
  .map(([valid, behind]) => {
    const decoded = decode(valid);
    const { signed } = encodeBeacon({ ...decoded, heard: heardFrom([]) }, decoded.source, ETHERTYPE);
    const bytes = Uint8Array.from([...valid.subarray(0, signed), ...behind]);
    stateLength(bytes);
    return bytes;
  });

function stateLength(bytes: Uint8Array): void {
  writeUint16(bytes, ETHERNET_HEADER + 2, bytes.length - ETHERNET_HEADER);
}
