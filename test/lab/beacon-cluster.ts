import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerReport } from '../../agent/control/protocol';
import { SANDBOX_FILES } from '../../deploy/lab/sandbox';
import { waitUntil } from '../../deploy/lab/wait';
import { type Cluster, type ClusterOptions, inCluster, PATIENCE } from './promise-cluster';

/** A key file for all hosts of a lab. */
export class KeyFile {
  readonly path: string;
  readonly #directory = mkdtempSync(join(SANDBOX_FILES, 'key-'));

  /** @param keys each a byte, of which the key has 32 */
  constructor(...keys: readonly number[]) {
    this.path = join(this.#directory, 'beacon.key');
    this.write(...keys);
  }

  /** Replaces the keys, the first of which signs. */
  write(...keys: readonly number[]): void {
    const lines = keys.map((key) => `${Buffer.alloc(32, key).toString('hex')}\n`);
    writeFileSync(this.path, lines.join(''));
    chmodSync(this.path, 0o600);
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }
}

/** The `beacon` section of a cluster file. */
export function beaconSection(key: KeyFile, more: object = {}): object {
  return { beacon: { enabled: true, 'key-file': key.path, ...more } };
}

/** A test in a cluster whose hosts beacon; the key is a file of its own. */
export function inBeaconCluster(
  body: (cluster: Cluster, key: KeyFile) => Promise<void>,
  options: ClusterOptions & { readonly beacon?: object } = {},
): () => Promise<void> {
  return async () => {
    const key = new KeyFile(1);
    const { beacon, ...rest } = options;
    const configuration = {
      probe: { hold: '100ms' },
      ...beaconSection(key, beacon),
      ...rest.configuration,
    };
    try {
      await inCluster((cluster) => body(cluster, key), { ...rest, configuration })();
    } finally {
      key.remove();
    }
  };
}

/** A peer as a host's agent reports it; undefined where it knows none of that name. */
export async function peerOf(cluster: Cluster, host: string, peer: string): Promise<PeerReport | undefined> {
  const { peers } = await cluster.lab.host(host).status();
  return peers.find(({ name }) => name === peer);
}

/** Waits until a host and its peer hear each other's beacons on all planes. */
export function untilMutual(cluster: Cluster, host: string, peer: string): Promise<unknown> {
  const mutual = async () => {
    const paths = (await peerOf(cluster, host, peer))?.paths ?? [];
    return paths.length > 0 && paths.every(({ beacon }) => beacon?.coming === true && beacon.hearsUs);
  };
  return waitUntil(mutual, PATIENCE, `${host} and ${peer} to hear each other's beacons`, 20);
}

export async function counter(cluster: Cluster, host: string, name: string): Promise<number> {
  const { counters } = await cluster.lab.host(host).status();
  return counters[name] ?? 0;
}
