import { createHmac, hash, type KeyObject } from 'node:crypto';
import type { Seal, SealVerdict } from './core/seal';
import { LONGEST_BEACON, TAG_LENGTH } from './wire/beacon';

/** What is authenticated to make a key's name: the first 32 bits of it say nothing of the key. */
const NAME = new TextEncoder().encode('multihomed beacon key');
/** Length of the blocks that SHA-256 works on, and of its result, in bytes (FIPS 180-4). */
const BLOCK = 64;
const DIGEST = 32;

/** HMAC-SHA256 (RFC 2104) of the bytes from `start` to before `end`, at most {@link LONGEST_BEACON}: a character for each of its 32 bytes. */
export type Authenticator = (bytes: Uint8Array, start: number, end: number) => string;

/** The way of OpenSSL, which allocates an object for each call. */
export function hmacBy(key: KeyObject): Authenticator {
  return (bytes, start, end) => createHmac('sha256', key).update(bytes.subarray(start, end)).digest('binary');
}

/**
 * The same from two plain hashes: in half the time, since nothing but two short strings is allocated. A string, because a Buffer as the
 * result takes longer than the hash itself. For keys of up to {@link BLOCK} bytes.
 */
export function hmacByHashes(key: KeyObject): Authenticator {
  const inner = Buffer.alloc(BLOCK + LONGEST_BEACON).fill(0x36, 0, BLOCK);
  const outer = Buffer.alloc(BLOCK + DIGEST).fill(0x5c, 0, BLOCK);
  key.export().forEach((byte, index) => {
    inner[index]! ^= byte;
    outer[index]! ^= byte;
  });
  // By length: beacons of few lengths come by the thousands, and a view of each takes as long as a fifth of the hash.
  const inners: Buffer[] = [];
  return (bytes, start, end) => {
    const length = BLOCK + end - start;
    for (let index = BLOCK; index < length; index++) inner[index] = bytes[start + index - BLOCK]!;
    inners[length] ??= inner.subarray(0, length);
    const digest = hash('sha256', inners[length], 'binary');
    for (let index = 0; index < DIGEST; index++) outer[BLOCK + index] = digest.charCodeAt(index);
    return hash('sha256', outer, 'binary');
  };
}

/** Node.js has `crypto.hash` from 20.12 on. */
const FASTEST = typeof hash === 'function' ? hmacByHashes : hmacBy;

/** Signs with the first of `keys`, one at least, and accepts what any of them signed. */
export function sealOf(
  keys: readonly KeyObject[],
  authenticator: (key: KeyObject) => Authenticator = FASTEST,
): Seal {
  const named = keys.map((key) => {
    const authenticate = authenticator(key);
    return { id: uint32(authenticate(NAME, 0, NAME.length)), authenticate };
  });
  const first = named[0]!;
  return {
    keyId: first.id,
    sign: (bytes, start, end) => {
      const tag = first.authenticate(bytes, start, end);
      for (let index = 0; index < TAG_LENGTH; index++) bytes[end + index] = tag.charCodeAt(index);
    },
    verify: (keyId, bytes, start, end) => {
      let verdict: SealVerdict = 'unknown-key';
      for (const { id, authenticate } of named) {
        if (id !== keyId) continue;
        if (isTagAt(bytes, end, authenticate(bytes, start, end))) return 'good';
        verdict = 'bad-tag';
      }
      return verdict;
    },
  };
}

/** In constant time, so that a forger learns nothing of how much was right. */
function isTagAt(bytes: Uint8Array, at: number, tag: string): boolean {
  let difference = 0;
  for (let index = 0; index < TAG_LENGTH; index++) difference |= bytes[at + index]! ^ tag.charCodeAt(index);
  return difference === 0;
}

function uint32(text: string): number {
  return Buffer.from(text, 'binary').readUInt32BE();
}
