import { createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The keys in a file, the first of which signs. */
export function readKeys(file: string): readonly KeyObject[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => /^[0-9a-f]{64}$/i.test(line)).map((line) => createSecretKey(line, 'hex'));
}
