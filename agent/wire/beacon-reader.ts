import type { Mac } from './address';
import {
  type BeaconDropReason,
  type BeaconFrame,
  decodeBeacon,
  readSequence,
  SEQUENCE_END,
  SEQUENCE_OFFSET,
  TAG_LENGTH,
} from './beacon';
import { ETHERNET_HEADER, readMac } from './ethernet';

/** Senders that are remembered; one that comes beyond makes room by forgetting all. */
const MOST_SENDERS = 16_384;

/** A beacon that stands for all that repeat it. */
type Repeated = { -readonly [Key in keyof BeaconFrame]: BeaconFrame[Key] };

/**
 * Reads the beacons of many senders. In a steady state a beacon differs from the one before in nothing but sequence number and tag, and a
 * thousand hosts send ten thousands a second: such a one is compared with the former, which takes a tenth of the time of decoding it.
 */
export class BeaconReader {
  /** the last beacon, by the address that it came from */
  private readonly known = new Map<Mac, Repeated>();

  /**
   * As {@link decodeBeacon}. Where a frame repeats the former one of its sender but for number and tag, the result is the same object, with
   * the new number; its `bytes` are a copy of the frame that was decoded, so the tag is to be checked on the frame at hand.
   */
  read(frame: Uint8Array): BeaconFrame | BeaconDropReason {
    const former = frame.length < ETHERNET_HEADER ? undefined : this.known.get(readMac(frame, 6));
    const sequence = former && repeatedSequence(former, frame);
    if (former !== undefined && sequence !== undefined) {
      former.sequence = sequence;
      return former;
    }
    const decoded = decodeBeacon(frame);
    if (typeof decoded === 'string') return decoded;
    // A received frame may hold on to a whole batch of them.
    const beacon = { ...decoded, bytes: frame.slice() };
    if (this.known.size >= MOST_SENDERS) this.known.clear();
    this.known.set(beacon.source, beacon);
    return beacon;
  }
}

/** The sequence number of a frame that is the same as the known one up to number and tag; undefined where it is another. */
function repeatedSequence({ bytes, signed }: BeaconFrame, frame: Uint8Array): number | undefined {
  if (frame.length < signed + TAG_LENGTH) return undefined;
  for (let index = 0; index < SEQUENCE_OFFSET; index++) if (frame[index] !== bytes[index]) return undefined;
  for (let index = SEQUENCE_END; index < signed; index++) if (frame[index] !== bytes[index]) return undefined;
  const sequence = readSequence(frame);
  return sequence > Number.MAX_SAFE_INTEGER ? undefined : sequence;
}
