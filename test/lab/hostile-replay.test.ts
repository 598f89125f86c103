import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import { waitUntil } from '../../deploy/lab/wait';
import { counter, inBeaconCluster, untilMutual } from './beacon-cluster';
import { Witness } from './daemon-tools';
import { harmed, report, STRANGER } from './hostile-tools';
import { type Cluster, PATIENCE } from './promise-cluster';
import { sendFrames } from './promise-frames';

/** Promise 7: a withdrawal that a stranger has recorded is worth nothing when it is played again. */
jest.setTimeout(60_000);

/** Where the flags of a beacon lie in a frame, and which one says that it is urgent. */
const FLAGS = ETHERNET_HEADER + 1;
const URGENT = 1;

/** Beta loses its card on plane a and gets it back; what it said of that at once on plane b, as the stranger heard it. */
async function recordWithdrawal(cluster: Cluster): Promise<Uint8Array[]> {
  const { lab, beta } = cluster;
  const filter = `ether proto 0x88b5 and ether src ${beta.link('b').mac}`;
  const witness = await Witness.start(lab.host('stranger'), 'b', filter);
  await lab.pullCard('beta', 'a');
  await cluster.agent('alpha').waitFor('path-down', ({ cause }) => cause === 'withdrawn');
  await witness.stop();
  await lab.returnCard('beta', 'a');
  await untilWhole(cluster);
  return witness.captured
    .map(({ bytes }) => Uint8Array.from(bytes))
    .filter((bytes) => (bytes[FLAGS]! & URGENT) !== 0);
}

async function untilWhole(cluster: Cluster): Promise<void> {
  await cluster.waitForPaths('up');
  await untilMutual(cluster, 'alpha', 'beta');
  await cluster.waitForPlane(cluster.alpha, cluster.beta.alias, 'a');
}

/** Plays frames on plane b again: nothing changes, and alpha counts each of them by the reason why. */
async function expectRefusal(cluster: Cluster, frames: readonly Uint8Array[], reason: string): Promise<void> {
  const before = await counter(cluster, 'alpha', reason);
  const harm = await harmed(cluster, async () => {
    await sendFrames(cluster.lab.host('stranger'), 'eth1', frames);
    const counted = async () => (await counter(cluster, 'alpha', reason)) - before >= frames.length;
    await waitUntil(counted, PATIENCE, `${frames.length} more of ${reason}`);
  });
  report([`recorded withdrawals, ${reason}`, `changes ${harm.length}`]);
  expect([reason, harm]).toEqual([reason, []]);
}

test(
  'recorded withdrawals change nothing, from the address that sent them or from another, nor after a restart',
  inBeaconCluster(async (cluster) => {
    await untilWhole(cluster);
    const recorded = await recordWithdrawal(cluster);
    expect(recorded.length).toBeGreaterThan(0);
    await expectRefusal(cluster, recorded, 'beacon-replayed');
    const stranger = cluster.lab.host('stranger').link('b').mac.split(':');
    const source = stranger.map((octet) => Number.parseInt(octet, 16));
    const moved = recorded.map((frame) =>
      Uint8Array.from([...frame.subarray(0, 6), ...source, ...frame.subarray(12)]),
    );
    await expectRefusal(cluster, moved, 'beacon-sender-mac');
    await cluster.kill('beta');
    await cluster.start('beta');
    await untilWhole(cluster);
    await expectRefusal(cluster, recorded, 'beacon-older-epoch');
  }, STRANGER),
);
