import type { BeaconFrame } from '../wire/beacon';
import { ETHERNET_HEADER } from '../wire/ethernet';

/**
 * Makes and checks the tags of beacons with the cluster's keys. A function of the bytes alone, so the core may call it; the shell
 * implements it, since the core imports no cryptography.
 */
export interface Seal {
  /** names the key with which {@link tag} is made: 32 bits */
  readonly keyId: number;
  /** Writes the tag of the bytes from `start` to before `end` at `end`. */
  sign(bytes: Uint8Array, start: number, end: number): void;
  /** Whether the tag at `end` is that of the bytes from `start` to before `end`, by the key that `keyId` names. */
  verify(keyId: number, bytes: Uint8Array, start: number, end: number): SealVerdict;
}

export type SealVerdict = 'good' | 'unknown-key' | 'bad-tag';

/** Why a beacon isn't to be believed by its tag; undefined where it is. `bytes` is the frame at hand, from its Ethernet header on. */
export function refusedBySeal(
  { keyId, signed }: BeaconFrame,
  bytes: Uint8Array,
  seal: Seal,
): 'beacon-unknown-key' | 'beacon-bad-tag' | undefined {
  const verdict = seal.verify(keyId, bytes, ETHERNET_HEADER, signed);
  if (verdict === 'good') return undefined;
  return verdict === 'unknown-key' ? 'beacon-unknown-key' : 'beacon-bad-tag';
}
