import { setTimeout as sleep } from 'node:timers/promises';
import { startStream } from '../../deploy/lab/stream';
import { type Cluster, inCluster } from './promise-cluster';
import { setting } from './promise-kernel';

/** Promise 1: the kernel fails over by itself. */
jest.setTimeout(60_000);

const PULLS = 7;
/** Traffic before and after a pull, in ms. */
const AROUND = 40;
/** What a pull may cost at most while others keep the machine busy, in ms. */
const BUSY = 40;

/** A path that comes back is trusted as soon as it answers, however often it goes. */
const WITHOUT_HOLD = { configuration: { probe: { hold: '0ms' } } };

/**
 * Pulls alpha's card again and again under a stream to beta, and says what each pull lost, the least first. Between the
 * end of the carrier and the moment at which the kernel has taken note of it, packets still go to the dead card; on a
 * machine with nothing else to do that is shorter than the time between two packets.
 */
async function pullUnderStream(cluster: Cluster, hz: number): Promise<number[]> {
  const { lab, alpha, beta } = cluster;
  const stream = await startStream(lab, 'alpha', 'beta', { hz });
  const losses: number[] = [];
  for (let pull = 0; pull < PULLS; pull++) {
    const from = stream.mark();
    await sleep(AROUND);
    await lab.pullCard('alpha', 'a');
    await sleep(AROUND);
    const { sent, lost } = await stream.result(from, { settle: AROUND });
    expect(sent).toBeGreaterThanOrEqual((AROUND * hz) / 1000);
    losses.push(lost);
    await lab.returnCard('alpha', 'a');
    await cluster.waitForPlane(alpha, beta.alias, 'a');
    await sleep(AROUND);
  }
  await stream.stop();
  return losses.sort((one, other) => one - other);
}

/** Pulls that lose nothing at all, however busy the machine is. Where an agent must be woken up and decide, each one loses some. */
const CLEAN = 3;

function expectNothingLost(losses: readonly number[], hz: number): void {
  expect(losses.slice(0, CLEAN)).toEqual([0, 0, 0]);
  expect(losses.at(-1)).toBeLessThan((BUSY * hz) / 1000);
}

test(
  'a card is pulled while the agent runs: no packet is lost toward the peer',
  inCluster(async (cluster) => {
    for (const hz of [1000, 5000]) expectNothingLost(await pullUnderStream(cluster, hz), hz);
  }, WITHOUT_HOLD),
);

test(
  'a card is pulled while the agent is stopped: no packet is lost toward the peer',
  inCluster(async (cluster) => {
    cluster.agent('alpha').kill('SIGSTOP');
    for (const hz of [1000, 5000]) expectNothingLost(await pullUnderStream(cluster, hz), hz);
  }, WITHOUT_HOLD),
);

test(
  'a card is pulled after the agent was killed: no packet is lost toward the peer',
  inCluster(async (cluster) => {
    await cluster.kill('alpha');
    for (const hz of [1000, 5000]) expectNothingLost(await pullUnderStream(cluster, hz), hz);
  }, WITHOUT_HOLD),
);

test(
  'the links ignore routes of cards without carrier, and one route by each card stands before',
  inCluster(async ({ alpha, beta }) => {
    for (const { device } of alpha.plan.links) {
      expect(await setting(alpha, device, 'ignore_routes_with_linkdown')).toBe('1');
    }
    const routes = (await alpha.routes()).filter(({ dst }) => dst === beta.alias);
    expect(routes.map(({ dev, metric }) => [dev, metric])).toEqual([
      ['eth0', 100],
      ['eth1', 110],
      [undefined, 0xffffffff],
    ]);
  }),
);
