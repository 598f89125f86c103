import assert from 'node:assert/strict';
import { drainsFromRecord } from '../../../../agent/drains';
import { isDrainedBy, nextEpoch, type RecordedSpace, recordIn } from '../../../../agent/kernel/record';

const CLOCK = { now: () => 5000, wall: () => 1_795_000_000_000 };

/** Either nothing, or a record by which nothing can be undone that an agent does not do. */
export function target(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString();
  const record = recordIn(text);
  if (record === undefined) return;
  // Fields that we know nothing of stay as they are, and may hold what JSON does not.
  assert.ok(recordIn(JSON.stringify(record)) !== undefined);
  for (const space of [record, ...(record.unswept ?? [])]) judgeSpace(space);
  for (const { link, setting, before } of record.settings) {
    // A path below net.ipv4.conf, and a number to be written there.
    assert.match(`${link}/${setting}`, /^(?!\.\.?\/)[^/\s]+\/[a-z][a-z0-9_]*$/);
    assert.ok(Number.isSafeInteger(before));
  }
  const until = drainsFromRecord(record.drains, CLOCK);
  for (const { link } of record.drains ?? []) {
    assert.ok(!Number.isNaN(until.get(link)));
    isDrainedBy(record, link, CLOCK.wall());
  }
  assert.ok(Number.isSafeInteger(nextEpoch(record.epoch, CLOCK.wall())));
}

/** No protocol of the kernel's own (linux/rtnetlink.h, up to RTPROT_STATIC), and not its local table. */
function judgeSpace({ protocol, table }: RecordedSpace): void {
  assert.ok(protocol > 4 && protocol < 256 && table > 0 && table <= 0xffffffff && table !== 255);
}
