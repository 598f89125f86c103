import fc from 'fast-check';
import { type Ipv4, isHostIpv4, isUnicastMac, type Mac } from '../../agent/wire/address';
import {
  BEACON_VERSION,
  type BeaconFrame,
  decodeBeacon,
  encodeBeacon,
  heardFrom,
  hears,
  LONGEST_BEACON,
  MOST_ALIASES,
  MOST_LINKS,
  TAG_LENGTH,
} from '../../agent/wire/beacon';
import { ETHERNET_HEADER, readUint16, writeUint16 } from '../../agent/wire/ethernet';
import { anyBeacon, ETHERTYPE } from '../unit/wire-beacon-fixtures';
import { fuzz } from './property';

const check = fuzz(4);

const REASONS: readonly string[] = ['beacon-truncated', 'beacon-version', 'beacon-malformed'];
const SOURCE = 0x02000000000a as Mac;
const NAME = /^[a-z0-9][a-z0-9._-]*$/i;

const frame = anyBeacon.map(
  (beacon) => encodeBeacon(beacon, beacon.links[beacon.sentOn]!.mac, ETHERTYPE).bytes,
);

/** Random bytes of the right version, with a length that is right or anything. */
const random = fc
  .tuple(fc.uint8Array({ minLength: 62, maxLength: 400 }), fc.boolean())
  .map(([bytes, right]) => {
    bytes[ETHERNET_HEADER] = BEACON_VERSION;
    if (right) stateLength(bytes);
    return bytes;
  });

/** A valid frame, some bytes of which are others, cut or followed by something. */
const mutated = fc
  .record({
    frame,
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
const lookalike = fc
  .tuple(frame, fc.array(fc.oneof(fc.nat(3), fc.nat(255)), { minLength: TAG_LENGTH, maxLength: 60 }))
  .map(([valid, behind]) => {
    const { signed } = encodeBeacon(
      { ...(decodeBeacon(valid) as BeaconFrame), heard: heardFrom([]) },
      SOURCE,
      ETHERTYPE,
    );
    const bytes = Uint8Array.from([...valid.subarray(0, signed), ...behind]);
    stateLength(bytes);
    return bytes;
  });

function stateLength(bytes: Uint8Array): void {
  writeUint16(bytes, ETHERNET_HEADER + 2, bytes.length - ETHERNET_HEADER);
}

const same = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0;

/** Either a reason with a name, or a beacon whose parts are all in their ranges and which would be written as it was read. */
function judge(bytes: Uint8Array): void {
  const before = bytes.slice();
  const decoded = decodeBeacon(bytes);
  expect(same(bytes, before)).toBe(true);
  if (typeof decoded === 'string') expect(REASONS).toContain(decoded);
  else judgeBeacon(decoded);
}

function judgeBeacon(beacon: BeaconFrame): void {
  const { bytes, signed, source, cluster, host, aliases, links, heard } = beacon;
  expect([cluster, host, ...links.map(({ plane }) => plane)].every((name) => NAME.test(name))).toBe(true);
  expect(aliases.every(isHostIpv4) && links.every(({ mac }) => isUnicastMac(mac))).toBe(true);
  expect(aliases.length <= MOST_ALIASES && links.length <= MOST_LINKS && beacon.sentOn < links.length).toBe(
    true,
  );
  expect(heard.runs.every((end) => hears(heard, end) === true)).toBe(true);
  expect(hears(heard, (heard.from - 1) as Ipv4)).toBeUndefined();
  expect(hears(heard, (heard.to + 1) as Ipv4)).toBeUndefined();
  const again = encodeBeacon(beacon, source, readUint16(bytes, 12));
  expect(again.signed).toBe(signed);
  expect(same(again.bytes.subarray(6, signed), bytes.subarray(6, signed))).toBe(true);
}

describe('whatever arrives as a beacon', () => {
  test('random bytes are told apart without a throw', () => {
    check(fc.oneof(random, fc.uint8Array({ maxLength: 1600 })), judge);
  });

  test('so are frames that say of whom they hear what they like', () => {
    check(lookalike, judge);
  });

  test('so are frames that were damaged, cut or extended', () => {
    check(mutated, judge);
  });

  test('a frame of our own comes back as it was', () => {
    check(frame, (bytes) => {
      const decoded = decodeBeacon(bytes) as BeaconFrame;
      judgeBeacon(decoded);
      expect(decoded.signed).toBe(bytes.length - TAG_LENGTH);
    });
  });
});
