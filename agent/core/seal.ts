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
