import { startStream } from '../../deploy/lab/stream';
import { waitUntil } from '../../deploy/lab/wait';
import { inBeaconCluster, peerOf, untilMutual } from './beacon-cluster';
import { type Cluster, NOTHING_LOST, PATIENCE } from './promise-cluster';
import { routesTo } from './promise-kernel';

/** Hosts that are not in the file, but hold the key. */
jest.setTimeout(90_000);

/** Longer than any restart takes, and what a reload makes of it where a host is to be forgotten. */
const PATIENT = { beacon: { expire: '10m' } };
const EXPIRE = 1500;
const IMPATIENT = { beacon: { expire: `${EXPIRE}ms` } };
const OPTIONS = {
  hosts: ['alpha', 'beta', 'gamma'],
  agents: ['alpha', 'beta'],
  /** The file of alpha and beta doesn't know gamma. */
  configuration: { hosts: { gamma: undefined } },
  ...PATIENT,
};
const GAMMA = '10.78.0.3';

/** Starts gamma's agent, whose own file knows gamma alone. */
async function startGamma(cluster: Cluster): Promise<void> {
  const hosts = {
    gamma: { alias: GAMMA, links: { a: 'eth0', b: 'eth1' } },
    alpha: undefined,
    beta: undefined,
  };
  await cluster.start('gamma', { configurationFile: await cluster.lab.writeConfiguration({ hosts }) });
  await cluster.lab.writeConfiguration({});
  for (const host of ['alpha', 'beta']) await untilMutual(cluster, host, 'gamma');
}

/** From now on a host is forgotten soon. */
async function hurry(cluster: Cluster, host: string): Promise<void> {
  await cluster.lab.writeConfiguration(IMPATIENT);
  expect((await cluster.lab.host(host).ctl('reload')).status).toBe(0);
}

async function untilForgotten(cluster: Cluster, host: string): Promise<void> {
  const gone = async () => (await routesTo(cluster.lab.host(host), GAMMA)).length === 0;
  await waitUntil(gone, PATIENCE, `${host} to have no route to ${GAMMA}`, 50);
}

test(
  'a host that the file doesn’t list is reached at its alias both ways, fails over, and is forgotten in time',
  inBeaconCluster(async (cluster) => {
    await startGamma(cluster);
    const { alpha } = cluster;
    expect(await peerOf(cluster, 'alpha', 'gamma')).toMatchObject({
      origin: 'discovered',
      addresses: [GAMMA],
    });
    expect(await peerOf(cluster, 'alpha', 'beta')).toMatchObject({ origin: 'file' });
    expect(await peerOf(cluster, 'gamma', 'alpha')).toMatchObject({ origin: 'discovered' });
    const ping = await alpha.run('ping', ['-c', '3', '-i', '0.2', '-I', alpha.alias, GAMMA]);
    expect(ping.stdout).toContain('3 received');

    await cluster.lab.pullCard('gamma', 'a');
    await cluster.waitForPlane(alpha, GAMMA, 'b');
    await cluster.lab.returnCard('gamma', 'a');
    await cluster.waitForPlane(alpha, GAMMA, 'a');

    await hurry(cluster, 'alpha');
    await cluster.kill('gamma');
    await cluster.agent('alpha').waitFor('host-forgotten', ({ peer }) => peer === 'gamma', PATIENCE);
    await untilForgotten(cluster, 'alpha');
    expect(await peerOf(cluster, 'alpha', 'gamma')).toBeUndefined();

    // A listed host never goes, however long it is silent.
    await cluster.kill('beta');
    await cluster.agent('alpha').waitFor('beacons-lost', ({ peer }) => peer === 'beta', PATIENCE);
    await new Promise((resolve) => setTimeout(resolve, 1.5 * EXPIRE));
    expect(await routesTo(alpha, cluster.beta.alias)).toHaveLength(2);
  }, OPTIONS),
);

test(
  'its routes outlive a restart of our agent without a lost packet, and go if it never comes again',
  inBeaconCluster(async (cluster) => {
    await startGamma(cluster);
    const stream = await startStream(cluster.lab, 'alpha', 'gamma');
    const from = stream.mark();
    await cluster.kill('alpha');
    await cluster.start('alpha');
    await untilMutual(cluster, 'alpha', 'gamma');
    expect(await stream.result(from)).toEqual(NOTHING_LOST);

    await cluster.kill('alpha');
    await cluster.kill('gamma');
    await cluster.lab.writeConfiguration(IMPATIENT);
    await cluster.start('alpha');
    await untilForgotten(cluster, 'alpha');
  }, OPTIONS),
);
