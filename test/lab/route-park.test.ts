import { startSession } from '../../deploy/lab/session';
import { startStream } from '../../deploy/lab/stream';
import { waitUntil } from '../../deploy/lab/wait';
import { type Cluster, inCluster, PATIENCE } from './promise-cluster';
import { aliasNeighbors } from './promise-kernel';

/** `route.park`: what is sent to a peer of which no path works waits in the kernel for a path. */
jest.setTimeout(60_000);

const PARKING = { configuration: { route: { park: true } } };

async function silence(cluster: Cluster): Promise<void> {
  await Promise.all([cluster.lab.silenceSwitch('a'), cluster.lab.silenceSwitch('b')]);
  await cluster.waitForPaths('down');
}

/** Lets the kernel's own ARP neither find a peer nor give it up while a test runs: what waits is for the agent to let go. */
function slowDownKernel({ alpha }: Cluster): Promise<unknown> {
  const slow = ['eth0', 'eth1'].map((link) => `net.ipv4.neigh.${link}.retrans_time_ms=60000`);
  return alpha.run('sysctl', ['-qw', ...slow]);
}

async function permanentOnes({ alpha }: Cluster): Promise<number> {
  return (await aliasNeighbors(alpha)).filter(({ state }) => state.includes('PERMANENT')).length;
}

/** Datagrams that were sent while every path was down, and arrived when one was up again. */
async function arrivedLate(cluster: Cluster): Promise<() => Promise<boolean>> {
  const stream = await startStream(cluster.lab, 'alpha', 'beta', { hz: 20 });
  await silence(cluster);
  const from = stream.mark();
  await waitUntil(() => stream.mark() > from + 500, PATIENCE, 'some datagrams to be sent');
  const to = stream.mark();
  await cluster.lab.unsilenceSwitch('a');
  await cluster.waitForPath('alpha', 'beta', 'a', 'up');
  return async () => (await stream.result(from, { to, settle: 0 })).received > 0;
}

test(
  'packets for a peer that no path reaches go out when one returns, and its session goes on',
  inCluster(async (cluster) => {
    await slowDownKernel(cluster);
    const session = await startSession(cluster.lab, 'alpha', 'beta');
    expect(await permanentOnes(cluster)).toBe(2);
    await waitUntil(await arrivedLate(cluster), PATIENCE, 'a datagram that was parked');
    expect(await permanentOnes(cluster)).toBe(1);
    await cluster.lab.unsilenceSwitch('b');
    await cluster.waitForPaths('up');
    expect(await permanentOnes(cluster)).toBe(2);
    expect(await session.result()).toMatchObject({ alive: true, error: null });
  }, PARKING),
);

test(
  'by default they are sent, in case the verdict is wrong, and the neighbor entries stay',
  inCluster(async (cluster) => {
    await slowDownKernel(cluster);
    expect(await (await arrivedLate(cluster))()).toBe(false);
    expect(await permanentOnes(cluster)).toBe(2);
  }),
);

test(
  'a parked peer is reached without the agent, which finds it by the kernel alone',
  inCluster(async (cluster) => {
    const { alpha, beta } = cluster;
    await silence(cluster);
    expect(await permanentOnes(cluster)).toBe(0);
    await cluster.kill('alpha');
    await cluster.lab.unsilenceSwitch('a');
    const { status } = await alpha.run('ping', ['-n', '-c', '1', '-w', '20', beta.alias], { check: false });
    expect(status).toBe(0);
  }, PARKING),
);
