import { waitUntil } from '../../deploy/lab/wait';
import { inBeaconCluster } from './beacon-cluster';
import { type Cluster, inCluster, PATIENCE } from './promise-cluster';

/** Two hosts that have lost different planes: the third, which reaches both, says so for certain, and they name it as the one that may. */
jest.setTimeout(60_000);

const HOSTS = { hosts: ['alpha', 'beta', 'gamma'] };
const PARTED = [{ one: { planes: ['a'], peers: ['alpha'] }, other: { planes: ['b'], peers: ['beta'] } }];

async function untilStatus(
  cluster: Cluster,
  host: string,
  partings: object,
  relays: string[][],
): Promise<void> {
  const said = async () => {
    const status = await cluster.lab.host(host).status();
    const seen = [status.partings, status.peers.map((peer) => peer.relays)];
    return JSON.stringify(seen) === JSON.stringify([partings, relays]);
  };
  await waitUntil(said, PATIENCE, `${host} to say ${JSON.stringify([partings, relays])}`, 20);
}

async function partAndJoin(cluster: Cluster): Promise<void> {
  const { lab } = cluster;
  await lab.pullCard('alpha', 'b');
  await lab.pullCard('beta', 'a');
  // Peers in the order of the file.
  await untilStatus(cluster, 'gamma', PARTED, [[], []]);
  await untilStatus(cluster, 'alpha', [], [['gamma'], []]);
  await untilStatus(cluster, 'beta', [], [['gamma'], []]);
  const text = async (host: string) => (await lab.host(host).ctl('status')).stdout.match(/^parted .*/gm);
  expect(await text('gamma')).toEqual([
    'parted   alpha (on a), beta (on b): no plane in common; this host reaches both',
  ]);
  expect(await text('alpha')).toEqual([
    'parted   beta: no plane in common with this host; gamma may reach both',
  ]);
  await lab.returnCard('beta', 'a');
  for (const host of HOSTS.hosts) await untilStatus(cluster, host, [], [[], []]);
}

test('by ARP alone', inCluster(partAndJoin, HOSTS));
test('with beacons', inBeaconCluster(partAndJoin, HOSTS));
