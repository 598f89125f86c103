import fc from 'fast-check';
import { decodeBeacon, FLAGS_OFFSET, URGENT } from '../../agent/wire/beacon';
import { BeaconReader } from '../../agent/wire/beacon-reader';
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

/** What is read, without the frame that it is read from: of a beacon that is repeated, that is the first. */
function withoutBytes(read: ReturnType<typeof decodeBeacon>): unknown {
  return typeof read === 'string' ? read : { ...read, bytes: undefined };
}

test('every frame is read as if it were the only one, whatever came before', () => {
  const steps = fc.array(fc.tuple(changes, length), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(anyFrame, steps, (frame, edits) => {
      const reader = new BeaconReader();
      let last = frame;
      expect(reader.read(frame)).toEqual(decodeBeacon(frame));
      for (const [bytes, end] of edits) {
        last = changed(last, bytes, end);
        expect(withoutBytes(reader.read(last))).toEqual(withoutBytes(decodeBeacon(last)));
        expect(withoutBytes(reader.read(frame))).toEqual(withoutBytes(decodeBeacon(frame)));
      }
    }),
  );
});

test('what repeats the former beacon but for its number is the same object, which keeps no frame', () => {
  const [frame] = fc.sample(anyFrame, { numRuns: 1, seed: 1 }) as [Uint8Array];
  const reader = new BeaconReader();
  const first = reader.read(frame);
  const next = changed(frame, [{ at: 37, bits: 1 }]);
  expect(decodeBeacon(next)).not.toEqual(decodeBeacon(frame));
  expect(reader.read(next)).toBe(first);
  expect(withoutBytes(first)).toEqual(withoutBytes(decodeBeacon(next)));
  // Whoever writes over a frame later changes nothing of what is remembered.
  frame.fill(0);
  expect(reader.read(next)).toBe(first);
  const urgent = changed(next, [{ at: FLAGS_OFFSET, bits: URGENT }]);
  expect(reader.read(urgent)).not.toBe(first);
});
