import fc from 'fast-check';
import { type BeaconFrame, decodeBeacon, FLAGS_OFFSET, URGENT } from '../../agent/wire/beacon';
import { repeatedSequence } from '../../agent/wire/beacon-repetition';
import { anyFrame } from './wire-beacon-arbitraries';

/** A byte of a frame that is changed, counted from its beginning, and the bits of it. */
const change = fc.record({ at: fc.nat(120), bits: fc.integer({ min: 0, max: 255 }) });
const changes = fc.array(change, { maxLength: 2 });
const length = fc.option(fc.nat(200), { nil: undefined });

function changed(
  frame: Uint8Array,
  edits: readonly { at: number; bits: number }[],
  end?: number,
): Uint8Array {
  const copy = frame.slice(0, end);
  for (const { at, bits } of edits) if (at < copy.length) copy[at]! ^= bits;
  return copy;
}

/** A decoded beacon but for what tells one repetition from another: number, tag and the frame itself. */
function statementOf(frame: Uint8Array): unknown {
  const read = decodeBeacon(frame);
  return typeof read === 'string' ? read : { ...read, bytes: undefined, sequence: undefined };
}

test('what counts as a repetition is decoded to the same beacon with that number', () => {
  fc.assert(
    fc.property(anyFrame, changes, length, (frame, edits, end) => {
      const known = decodeBeacon(frame) as BeaconFrame;
      const other = changed(frame, edits, end);
      const sequence = repeatedSequence(known, other);
      if (sequence === undefined) return;
      expect(statementOf(other)).toEqual(statementOf(frame));
      expect((decodeBeacon(other) as BeaconFrame).sequence).toBe(sequence);
    }),
  );
});

test('another number is a repetition; another flag, a shorter frame and a number beyond what is exact are none', () => {
  const [frame] = fc.sample(anyFrame, { numRuns: 1, seed: 1 }) as [Uint8Array];
  const known = decodeBeacon(frame) as BeaconFrame;
  expect(repeatedSequence(known, changed(frame, [{ at: 37, bits: 1 }]))).toBe(known.sequence ^ 1);
  expect(repeatedSequence(known, changed(frame, [{ at: FLAGS_OFFSET, bits: URGENT }]))).toBeUndefined();
  expect(repeatedSequence(known, frame.subarray(0, known.signed + 15))).toBeUndefined();
  expect(repeatedSequence(known, changed(frame, [{ at: 30, bits: 0xff }]))).toBeUndefined();
});
