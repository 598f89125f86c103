import { createSecretKey } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { sealOf } from '../../agent/seal';
import { parseIpv4, parseMac } from '../../agent/wire/address';
import { type Beacon, encodeBeacon, heardFrom } from '../../agent/wire/beacon';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import { waitUntil } from '../../deploy/lab/wait';
import { counter, inBeaconCluster, untilMutual } from './beacon-cluster';
import { endOf } from './daemon-tools';
import { NOTHING_LOST, PATIENCE } from './promise-cluster';
import { sendFrames } from './promise-frames';
import { KernelWatch } from './promise-kernel';

/** Who holds the key, and what happens to the frames of those who don't. */
jest.setTimeout(90_000);

test(
  'a key is rolled in three steps without a lost packet or a lost beacon',
  inBeaconCluster(async (cluster, key) => {
    await untilMutual(cluster, 'alpha', 'beta');
    const seen = new Map(['alpha', 'beta'].map((host) => [host, cluster.agent(host).events().length]));
    const streams = await cluster.startStreams();
    const lost = await cluster.measure(streams, async () => {
      for (const keys of [[1, 2], [2, 1], [2]]) {
        key.write(...keys);
        for (const host of ['alpha', 'beta']) {
          const { status, stderr } = await cluster.lab.host(host).ctl('reload');
          expect([status, stderr]).toEqual([0, '']);
        }
        await untilMutual(cluster, 'alpha', 'beta');
        await untilMutual(cluster, 'beta', 'alpha');
      }
    });
    expect(lost).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
    for (const host of ['alpha', 'beta']) {
      expect(await counter(cluster, host, 'beacon-unknown-key')).toBe(0);
      expect(cluster.eventNames(host, seen.get(host))).not.toContain('path-down');
    }
  }),
);

test(
  'a key file that others may read is refused: by a start with status 78, by a reload with everything as it was',
  inBeaconCluster(async (cluster, key) => {
    chmodSync(key.path, 0o640);
    const { status, stderr } = await cluster.alpha.ctl('reload');
    expect(status).toBe(78);
    expect(stderr).toContain(`chmod 600 ${key.path}`);
    await cluster.agent('alpha').waitFor('reload-refused');
    await untilMutual(cluster, 'alpha', 'beta');
    await cluster.kill('alpha');
    const refused = await cluster.alpha.startAgent({ wait: false });
    const end = await endOf(refused);
    expect(end.code).toBe(78);
    expect(end.errors).toContain(`chmod 600 ${key.path}`);
    expect(end.errors.trim().split('\n')).toHaveLength(1);
    writeFileSync(key.path, 'no key\n');
    chmodSync(key.path, 0o600);
    const again = await endOf(await cluster.alpha.startAgent({ wait: false }));
    expect([again.code, again.errors]).toEqual([78, expect.not.stringContaining('no key\n')]);
  }),
);

/** What beta could say, from beta's card on plane a. */
const BEACON: Beacon = {
  urgent: true,
  keyId: 0,
  epoch: 1,
  sequence: 1,
  interval: 50_000,
  cluster: 'lab',
  host: 'beta',
  aliases: [parseIpv4('10.78.0.2')!],
  links: [
    { plane: 'a', priority: 0, state: 'up', mac: parseMac('02:00:00:00:00:02')! },
    { plane: 'b', priority: 0, state: 'down', mac: parseMac('02:00:00:00:01:02')! },
  ],
  sentOn: 0,
  heard: heardFrom([]),
};
const FUTURE = Date.now() + 1_000_000_000;

/** A withdrawal of beta's link on plane b, signed with the key that consists of this byte. */
function forged(changes: Partial<Beacon>, keyByte = 1): Uint8Array {
  const seal = sealOf([createSecretKey(Buffer.alloc(32, keyByte))]);
  const beacon = { ...BEACON, keyId: seal.keyId, ...changes };
  const { bytes, signed } = encodeBeacon(beacon, beacon.links[0]!.mac, 0x88b5);
  seal.sign(bytes, ETHERNET_HEADER, signed);
  return bytes;
}

const damaged = forged({ epoch: FUTURE }).map((byte, at, all) => (at === all.length - 1 ? byte ^ 1 : byte));

/** With the right key only where the frame is one that was sent before, or that claims what isn't so. */
const REFUSED: readonly (readonly [string, Uint8Array])[] = [
  ['beacon-unknown-key', forged({ epoch: FUTURE }, 9)],
  ['beacon-bad-tag', damaged],
  ['beacon-older-epoch', forged({})],
  ['beacon-other-cluster', forged({ cluster: 'demo', epoch: FUTURE })],
  ['beacon-wrong-plane', forged({ epoch: FUTURE, sentOn: 1 })],
  ['beacon-truncated', damaged.subarray(0, 60)],
  ['beacon-version', damaged.map((byte, at) => (at === 14 ? 9 : byte))],
  ['beacon-malformed', damaged.map((byte, at) => (at === 45 ? 1 : byte))],
];

test(
  'forged and replayed withdrawals change nothing, and are counted by reason; nor do many of them',
  inBeaconCluster(
    async (cluster) => {
      await untilMutual(cluster, 'alpha', 'beta');
      const watch = await KernelWatch.start(cluster.alpha);
      for (const [reason, frame] of REFUSED) {
        await sendFrames(cluster.lab.host('stranger'), 'eth0', [frame]);
        const counted = async () => (await counter(cluster, 'alpha', reason)) > 0;
        await waitUntil(counted, PATIENCE, `the counter ${reason}`);
      }
      const many = Array.from({ length: 50 }, () => REFUSED.map(([, frame]) => frame)).flat();
      await sendFrames(cluster.lab.host('stranger'), 'eth0', many);
      const [last] = REFUSED.at(-1)!;
      const all = async () => (await counter(cluster, 'alpha', last)) > 50;
      await waitUntil(all, PATIENCE, 'all of them to be counted');
      expect(await watch.take()).toEqual([]);
    },
    {
      hosts: ['alpha', 'beta', 'stranger'],
      agents: ['alpha', 'beta'],
      configuration: { hosts: { stranger: undefined } },
    },
  ),
);
