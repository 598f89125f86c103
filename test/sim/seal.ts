import type { Seal } from '../../agent/core/seal';
import { TAG_LENGTH } from '../../agent/wire/beacon';
import { readUint32, writeUint32 } from '../../agent/wire/ethernet';

const WORD = 4;
/** Of the finalizer of MurmurHash3, which spreads every bit over all. */
const SPREAD = 0x85ebca6b;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The name of a key in beacons. */
export function keyIdOf(key: number): number {
  return 0x4b455900 + key;
}

/**
 * A seal as {@link Seal} asks for, without cryptography: its tags differ for other bytes and other keys, which are numbers from 0 to 255, and
 * are the same in every run. Signs with the first key and accepts all.
 */
export function fakeSeal(keys: readonly number[]): Seal {
  return {
    keyId: keyIdOf(keys[0]!),
    sign: (bytes, start, end) => {
      const state = hashOf(keys[0]!, bytes, start, end);
      for (let at = 0; at < TAG_LENGTH; at += WORD) writeUint32(bytes, end + at, wordOf(state, at));
    },
    verify: (keyId, bytes, start, end) => {
      const key = keys.find((candidate) => keyIdOf(candidate) === keyId);
      if (key === undefined) return 'unknown-key';
      if (end + TAG_LENGTH > bytes.length) return 'bad-tag';
      const state = hashOf(key, bytes, start, end);
      for (let at = 0; at < TAG_LENGTH; at += WORD)
        if (readUint32(bytes, end + at) !== wordOf(state, at)) return 'bad-tag';
      return 'good';
    },
  };
}

function hashOf(key: number, bytes: Uint8Array, start: number, end: number): number {
  let state = FNV_OFFSET ^ key;
  for (let index = start; index < end; index += 1) state = Math.imul(state ^ bytes[index]!, FNV_PRIME);
  return state;
}

/** The word of the tag at an offset. */
function wordOf(state: number, at: number): number {
  const mixed = Math.imul((state ^ (state >>> 16)) + at, SPREAD);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
