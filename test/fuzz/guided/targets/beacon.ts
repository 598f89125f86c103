import assert from 'node:assert/strict';
import { type Ipv4, isHostIpv4, isUnicastMac } from '../../../../agent/wire/address';
import {
  type BeaconDropReason,
  type BeaconFrame,
  decodeBeacon,
  encodeBeacon,
  hears,
  MOST_ALIASES,
  MOST_LINKS,
  SEQUENCE_END,
  TAG_LENGTH,
} from '../../../../agent/wire/beacon';
import { repeatedSequence } from '../../../../agent/wire/beacon-repetition';
import { readUint16 } from '../../../../agent/wire/ethernet';

const REASONS: Readonly<Record<BeaconDropReason, true>> = {
  'beacon-truncated': true,
  'beacon-version': true,
  'beacon-malformed': true,
};
const NAME = /^[a-z0-9][a-z0-9._-]*$/i;

const same = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0;

/** Either a reason with a name, or a beacon whose parts are all in their ranges and which would be written as it was read. */
export function target(bytes: Uint8Array): void {
  const before = bytes.slice();
  const decoded = decodeBeacon(bytes);
  assert.ok(same(bytes, before));
  if (typeof decoded === 'string') {
    assert.ok(Object.hasOwn(REASONS, decoded), decoded);
    return;
  }
  judgeParts(decoded);
  judgeRepetition(decoded);
  const again = encodeBeacon(decoded, decoded.source, readUint16(bytes, 12));
  assert.equal(again.signed, decoded.signed);
  assert.ok(same(again.bytes.subarray(6, again.signed), bytes.subarray(6, decoded.signed)));
}

function judgeParts({ cluster, host, aliases, links, heard, sentOn, ...rest }: BeaconFrame): void {
  assert.ok(rest.interval >= 1 && Number.isSafeInteger(rest.epoch) && Number.isSafeInteger(rest.sequence));
  for (const name of [cluster, host, ...links.map(({ plane }) => plane)]) assert.match(name, NAME);
  assert.ok(aliases.every(isHostIpv4) && links.every(({ mac }) => isUnicastMac(mac)));
  assert.ok(aliases.length <= MOST_ALIASES && links.length <= MOST_LINKS && sentOn < links.length);
  assert.ok(heard.runs.every((end) => hears(heard, end) === true));
  // Each run ends before the next begins, with a host between them that is not heard.
  assert.ok(
    heard.runs.every(
      (end, index) => index === 0 || end >= heard.runs[index - 1]! + (index % 2 === 0 ? 2 : 0),
    ),
  );
  assert.equal(hears(heard, (heard.from - 1) as Ipv4), undefined);
  assert.equal(hears(heard, (heard.to + 1) as Ipv4), undefined);
}

/** The next beacon of the same sender repeats it, and one that says something else, or is cut, does not. */
function judgeRepetition(beacon: BeaconFrame): void {
  const known = { ...beacon, bytes: beacon.bytes.slice() };
  const next = beacon.bytes.slice();
  next[SEQUENCE_END - 1]! ^= 1;
  next[beacon.signed + TAG_LENGTH - 1]! ^= 1;
  const decoded = decodeBeacon(next) as BeaconFrame;
  assert.equal(repeatedSequence(known, next), decoded.sequence);
  assert.notEqual(decoded.sequence, beacon.sequence);
  assert.equal(repeatedSequence(known, next.subarray(0, beacon.signed)), undefined);
  next[beacon.signed - 1]! ^= 1;
  assert.equal(repeatedSequence(known, next), undefined);
}
