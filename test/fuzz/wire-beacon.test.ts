import fc from 'fast-check';
import { type Ipv4, isHostIpv4, isUnicastMac } from '../../agent/wire/address';
import {
  type BeaconFrame,
  decodeBeacon,
  encodeBeacon,
  hears,
  MOST_ALIASES,
  MOST_LINKS,
  TAG_LENGTH,
} from '../../agent/wire/beacon';
import { readUint16 } from '../../agent/wire/ethernet';
import { anyFrame, damagedFrame, lookalikeFrame, randomFrame } from '../unit/wire-beacon-arbitraries';
import { decode } from '../unit/wire-beacon-fixtures';
import { fuzz } from './property';

const check = fuzz(4);

const REASONS: readonly string[] = ['beacon-truncated', 'beacon-version', 'beacon-malformed'];
const NAME = /^[a-z0-9][a-z0-9._-]*$/i;

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
    check(fc.oneof(randomFrame, fc.uint8Array({ maxLength: 1600 })), judge);
  });

  test('so are frames that say of whom they hear what they like', () => {
    check(lookalikeFrame, judge);
  });

  test('so are frames that were damaged, cut or extended', () => {
    check(damagedFrame, judge);
  });

  test('a frame of our own comes back as it was', () => {
    check(anyFrame, (bytes) => {
      const decoded = decode(bytes);
      judgeBeacon(decoded);
      expect(decoded.signed).toBe(bytes.length - TAG_LENGTH);
    });
  });
});
