import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../deploy/lab/wait';
import { type Cluster, cpuShare, inCluster, NOTHING_LOST, PATIENCE } from './promise-cluster';
import { aliasNeighbors, routesTo, setting } from './promise-kernel';

/** Promise 8: no event of a link ends the process, or keeps it busy. */
jest.setTimeout(60_000);

/** What an agent with one peer may use of a CPU while nothing happens to it; a loop would take all of one. */
const IDLE = 0.3;

const BOTH = ['eth0 100', 'eth1 110'];

/**
 * Lets something happen to a link of alpha's on plane a, sees the traffic go on by plane b without the agent turning in circles,
 * ends it, and sees everything as before.
 *
 * @param deaf whether alpha's card answers nobody meanwhile
 */
async function expectSurvival(
  cluster: Cluster,
  event: () => Promise<unknown>,
  end: () => Promise<unknown>,
  deaf = true,
): Promise<void> {
  const { alpha, beta } = cluster;
  const agent = cluster.agent('alpha');
  await event();
  await cluster.waitForPlane(alpha, beta.alias, 'b');
  await cluster.waitForPath('alpha', 'beta', 'a', 'down');
  // Beta has to notice by itself. Where the card is still there, if under another name, its kernel goes on answering.
  if (deaf) await cluster.waitForPlane(beta, alpha.alias, 'b');
  const streams = await cluster.startStreams();
  const meanwhile = await cluster.measure(streams, async () => {
    expect(await cpuShare(agent.pid)).toBeLessThan(IDLE);
  });
  expect(meanwhile).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
  await end();
  await expectWhole(cluster);
  const after = await cluster.measure(streams, () => sleep(200));
  expect(after).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
  expect((await alpha.status()).pid).toBe(agent.pid);
}

/** Every path is up, and everything in the kernel is as it should be. */
async function expectWhole(cluster: Cluster): Promise<void> {
  const { alpha, beta } = cluster;
  await cluster.waitForPaths('up');
  expect(await routesTo(alpha, beta.alias)).toEqual(BOTH);
  const neighbors = (await aliasNeighbors(alpha)).map(({ dev, lladdr, state }) => [dev, lladdr, ...state]);
  expect(neighbors.sort()).toEqual([
    ['eth0', '02:00:00:00:00:02', 'PERMANENT'],
    ['eth1', '02:00:00:00:01:02', 'PERMANENT'],
  ]);
  const isSet = async () => (await setting(alpha, 'eth0', 'ignore_routes_with_linkdown')) === '1';
  await waitUntil(isSet, PATIENCE, 'the setting of eth0');
  await cluster.waitForPlane(alpha, beta.alias, 'a');
  await cluster.waitForPlane(beta, alpha.alias, 'a');
}

test(
  'a card is replaced by another of its name so quickly that nobody sees it missing',
  inCluster(async (cluster) => {
    const { lab } = cluster;
    cluster.agent('alpha').kill('SIGSTOP');
    await lab.removeCard('alpha', 'a');
    await lab.insertCard('alpha', 'a');
    cluster.agent('alpha').kill('SIGCONT');
    const seen = cluster.agent('alpha').waitFor('link-replaced');
    await Promise.race([seen, cluster.agent('alpha').waitFor('link-appeared')]);
    seen.catch(() => undefined);
    await expectWhole(cluster);
  }),
);

test(
  'a link is renamed while it is up, and gets its name back',
  inCluster(
    async (cluster) => {
      const { alpha } = cluster;
      await expectSurvival(
        cluster,
        // The kernel keeps its routes, on a card that is none of ours now.
        () => alpha.ip('link set dev eth0 name other0'),
        () => alpha.ip('link set dev other0 name eth0'),
        false,
      );
    },
    // With addresses, their new labels would tell it as well.
    { subnets: 'none' },
  ),
);

test(
  'a link goes up and down a hundred times',
  inCluster(async (cluster) => {
    const { lab } = cluster;
    await expectSurvival(
      cluster,
      async () => {
        for (let turn = 0; turn < 100; turn++) {
          await lab.downLink('alpha', 'a');
          await lab.upLink('alpha', 'a');
        }
        await lab.downLink('alpha', 'a');
      },
      () => lab.upLink('alpha', 'a'),
    );
  }),
);
