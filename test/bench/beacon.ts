import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Lab } from '../../deploy/lab/lab';

/** Makes a key for the beacons of a lab's hosts; the path of its file. */
export async function writeKey(lab: Lab): Promise<string> {
  const file = join(dirname(lab.configurationFile), 'beacon.key');
  await writeFile(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  return file;
}

/** The `beacon` section of a cluster file; `interval` in ms. */
export function beaconSection(interval: number, keyFile: string): object {
  return { beacon: { enabled: true, interval: `${interval}ms`, 'key-file': keyFile } };
}
