import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../deploy/lab/wait';
import { type Cluster, inCluster, NOTHING_LOST, PATIENCE } from './promise-cluster';
import {
  aliasNeighbors,
  KernelWatch,
  loopbackAddresses,
  ownRoutes,
  setSetting,
  setting,
  stateOf,
} from './promise-kernel';

/** Promise 5: what somebody else deletes of ours is put back; what somebody else owns is never changed. */
jest.setTimeout(60_000);

/** All of ours, as it should be. */
async function holdings({ alpha }: Cluster): Promise<object> {
  const routes = (await ownRoutes(alpha)).map(({ dst, dev, metric, prefsrc }) => [dst, dev, metric, prefsrc]);
  const neighbors = (await aliasNeighbors(alpha)).map(({ dst, dev, lladdr, state }) =>
    [dst, dev, lladdr, ...state].join(' '),
  );
  const settings = ['eth0', 'eth1'].map((device) => setting(alpha, device, 'ignore_routes_with_linkdown'));
  return {
    routes,
    neighbors: neighbors.sort(),
    addresses: await loopbackAddresses(alpha),
    settings: await Promise.all(settings),
  };
}

/**
 * Does damage under streams, and waits until all of ours is back.
 *
 * @returns what the streams lost
 */
async function expectPutBack(cluster: Cluster, damage: () => Promise<unknown>) {
  const before = await holdings(cluster);
  const streams = await cluster.startStreams();
  const result = await cluster.measure(streams, async () => {
    const watch = await KernelWatch.start(cluster.alpha);
    await damage();
    const asBefore = async () => JSON.stringify(await holdings(cluster)) === JSON.stringify(before);
    await waitUntil(asBefore, PATIENCE, 'everything of ours to be back', 20);
    watch.stop();
  });
  expect(await holdings(cluster)).toEqual(before);
  await cluster.waitForPaths('up');
  return result;
}

const NONE = { there: NOTHING_LOST, back: NOTHING_LOST };

test(
  'a route, a neighbor entry or the guard that somebody deletes is put back, and no packet is lost',
  inCluster(async (cluster) => {
    const { alpha, beta } = cluster;
    for (const line of [
      `route del ${beta.alias} dev eth0 proto 77`,
      `route del ${beta.alias} dev eth1 proto 77`,
      `route del unreachable ${beta.alias} proto 77`,
      `neighbor del ${beta.alias} dev eth1`,
      `neighbor replace ${beta.alias} lladdr 02:00:00:00:ee:77 dev eth1 nud permanent`,
    ]) {
      expect(await expectPutBack(cluster, () => alpha.ip(line))).toEqual(NONE);
    }
    expect(cluster.eventNames('alpha')).toContain('repaired');
  }),
);

test(
  'all routes of ours that somebody flushes are put back',
  inCluster(async (cluster) => {
    const { alpha } = cluster;
    const { there, back } = await expectPutBack(cluster, () => alpha.ip('route flush proto 77'));
    // Until the agent runs there is no way, and packets from a sender to whom there is none fail the loose filter as well.
    expect(there.received).toBeGreaterThan(0);
    expect(back.received).toBeGreaterThan(0);
    expect(await cluster.measure(await cluster.startStreams(), () => sleep(200))).toEqual(NONE);
  }),
);

test(
  'the alias that somebody deletes is bound again, with the routes that went with it',
  inCluster(async (cluster) => {
    const { alpha } = cluster;
    const { there, back } = await expectPutBack(cluster, () =>
      alpha.ip(`address del ${alpha.alias}/32 dev lo`),
    );
    expect(there.received).toBeGreaterThan(0);
    expect(back.received).toBeGreaterThan(0);
    expect(await cluster.measure(await cluster.startStreams(), () => sleep(200))).toEqual(NONE);
  }),
);

test(
  'settings that somebody flips back are set again',
  inCluster(
    async (cluster) => {
      const { alpha } = cluster;
      await setSetting(alpha, 'eth1', 'rp_filter', 1);
      await Promise.all(['alpha', 'beta'].map((host) => cluster.start(host)));
      await cluster.waitForPaths('up');
      expect(await setting(alpha, 'eth1', 'rp_filter')).toBe('2');
      const lost = await expectPutBack(cluster, async () => {
        await setSetting(alpha, 'eth0', 'ignore_routes_with_linkdown', 0);
        await setSetting(alpha, 'eth1', 'rp_filter', 1);
        await setSetting(alpha, 'eth1', 'arp_ignore', 0);
        const asOurs = async () =>
          (await setting(alpha, 'eth1', 'rp_filter')) === '2' &&
          (await setting(alpha, 'eth1', 'arp_ignore')) === '1';
        await waitUntil(asOurs, PATIENCE, 'the loose filter, and the silent kernel');
      });
      expect(lost).toEqual(NONE);
      const told = cluster
        .agent('alpha')
        .events()
        .filter(({ event }) => event === 'repaired');
      expect(new Set(told.flatMap(({ kinds }) => kinds))).toEqual(new Set(['setting']));
      expect(told.reduce((sum, { steps }) => sum + Number(steps), 0)).toBe(3);
    },
    { agents: [], configuration: { arp: { responder: 'agent' } } },
  ),
);

test(
  'settings by which packets would be lost are set again as soon as the kernel tells, not when the agent looks next',
  inCluster(async ({ alpha }) => {
    const since = Date.now();
    // Each is looked for a second after the one before, so by looking alone all of them take six seconds.
    for (let time = 0; time < 6; time += 1) {
      const [name, wrong, right] =
        time % 2 === 0 ? ['ignore_routes_with_linkdown', 0, '1'] : ['rp_filter', 1, '2'];
      await setSetting(alpha, 'eth0', name, wrong);
      await waitUntil(
        async () => (await setting(alpha, 'eth0', name)) === right,
        PATIENCE,
        `${name}=${right}`,
        5,
      );
    }
    expect(Date.now() - since).toBeLessThan(3000);
  }),
);

test(
  'whatever others do to things of their own, the agent does nothing',
  inCluster(async (cluster) => {
    const { alpha, beta } = cluster;
    const lines = [
      'address add 10.78.9.1/32 dev lo',
      'address add 10.77.0.101/24 dev eth0',
      'route add 203.0.113.0/24 via 10.77.0.2 proto static',
      `route add ${beta.alias} dev eth1 proto static metric 4000`,
      'neighbor add 10.77.0.99 lladdr 02:00:00:00:ee:99 dev eth0 nud permanent',
    ];
    await alpha.ip(...lines);
    const watch = await KernelWatch.start(alpha);
    const before = await stateOf(alpha);
    const seen = cluster.agent('alpha').events().length;
    await sleep(1500);
    expect(await stateOf(alpha)).toEqual(before);
    await alpha.ip(...lines.reverse().map((line) => line.replace(' add ', ' del ')));
    await sleep(300);
    const told = await watch.take();
    expect(told.filter((line) => line.includes('proto 77'))).toEqual([]);
    expect(cluster.eventNames('alpha', seen)).toEqual([]);
    watch.stop();
  }),
);

test(
  'a route of somebody else that has the place of ours is left alone and told, and the place is taken once it is free',
  inCluster(
    async (cluster) => {
      const { alpha, beta } = cluster;
      const route = `${beta.alias}/32 dev eth1 metric 100`;
      await alpha.ip(`address add ${alpha.alias}/32 dev lo`, `route add ${route} proto static`);
      const before = (await alpha.routes()).find(({ dst, metric }) => dst === beta.alias && metric === 100);
      const agent = await cluster.start('alpha', { wait: false });
      await cluster.start('beta');
      const refused = await agent.waitFor('kernel-refused');
      expect(refused).toMatchObject({ level: 'warn', operation: 'add-route', code: 'EEXIST' });
      expect(refused.error).toContain(`adding the route to ${beta.alias} by eth0`);
      await cluster.waitForPath('alpha', 'beta', 'a', 'up');
      // Tried again each second, and told once.
      await sleep(2500);
      expect(cluster.eventNames('alpha').filter((name) => name === 'kernel-refused')).toHaveLength(1);
      expect(cluster.eventNames('alpha')).not.toContain('repaired');
      const place = async () => (await alpha.routes()).filter(({ metric }) => metric === 100);
      expect(await place()).toEqual([before]);
      await alpha.ip(`route del ${route} proto static`);
      const ours = async () => (await place())[0]?.protocol === '77';
      await waitUntil(ours, PATIENCE, 'our route in its place');
      await agent.waitFor('ready');
      expect((await alpha.ctl('teardown')).status).toBe(0);
      expect(await loopbackAddresses(alpha)).toContain(`${alpha.alias}/32 lo`);
    },
    { agents: [] },
  ),
);

test(
  'a permanent neighbor entry of somebody else is left alone and told, and the place is taken once it is free',
  inCluster(
    async (cluster) => {
      const { alpha, beta } = cluster;
      const entry = `${beta.alias} dev eth0`;
      await alpha.ip(`neighbor add ${entry} lladdr 02:00:00:00:00:02 nud permanent`);
      const before = await stateOf(alpha);
      await Promise.all(['alpha', 'beta'].map((host) => cluster.start(host)));
      await cluster.waitForPaths('up');
      const refused = await cluster.agent('alpha').waitFor('kernel-refused');
      expect(refused).toMatchObject({ level: 'warn', operation: 'set-neighbor', code: 'EEXIST' });
      await cluster.kill('alpha');
      expect((await alpha.ctl('teardown')).status).toBe(0);
      expect(await stateOf(alpha)).toEqual(before);
      await cluster.start('alpha');
      await cluster.agent('alpha').waitFor('kernel-refused');
      expect((await stateOf(alpha)).neighbors).toContain(before.neighbors);
      await alpha.ip(`neighbor del ${entry}`);
      const ours = async () =>
        (await aliasNeighbors(alpha)).some(({ dev, protocol }) => dev === 'eth0' && protocol === '77');
      await waitUntil(ours, PATIENCE, 'our neighbor entry in its place');
      await cluster.waitForPaths('up');
      const last = cluster.agent('alpha').events().length;
      await sleep(1500);
      expect(cluster.eventNames('alpha', last)).toEqual([]);
    },
    { agents: [] },
  ),
);

test(
  'a route that replaces ours is left alone, and ours returns when it goes',
  inCluster(async (cluster) => {
    const { alpha, beta } = cluster;
    const route = `${beta.alias}/32 dev eth1 metric 100`;
    await alpha.ip(`route replace ${route} proto static`);
    await cluster.agent('alpha').waitFor('kernel-refused');
    const place = async () => (await alpha.routes()).filter(({ metric }) => metric === 100);
    expect(await place()).toMatchObject([{ protocol: '4', dev: 'eth1' }]);
    await alpha.ip(`route del ${route} proto static`);
    const ours = async () => (await place())[0]?.protocol === '77';
    await waitUntil(ours, PATIENCE, 'our route in its place');
  }),
);
