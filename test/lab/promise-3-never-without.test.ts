import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHost } from '../../deploy/lab/host';
import { startStream } from '../../deploy/lab/stream';
import { type Cluster, inCluster } from './promise-cluster';
import { ownRoutes, routesTo } from './promise-kernel';

/** Promise 3: no peer is ever without a route, and traffic for an alias never leaves by the default route. */
jest.setTimeout(60_000);

/** RTN_UNREACHABLE (linux/rtnetlink.h). */
const UNREACHABLE = '7';
const BOTH = ['eth0 100', 'eth1 110'];

/** Gives a host a third interface with the default route on it, whose far end nobody reads. */
async function addDefaultRoute(host: LabHost): Promise<void> {
  await host.run('sysctl', ['-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
  await host.ip(
    'link add wan0 type veth peer name wan1',
    'link set dev wan1 up',
    'link set dev wan0 up',
    'address add 192.0.2.2/24 dev wan0',
    'neighbor add 192.0.2.1 lladdr 02:00:00:00:ee:01 dev wan0 nud permanent',
    'route add default via 192.0.2.1 dev wan0',
  );
}

/** Packets that have left by the default route; nothing else uses that interface. */
async function leaked(host: LabHost): Promise<number> {
  const { stdout } = await host.run('cat', ['/sys/class/net/wan0/statistics/tx_packets']);
  return Number(stdout);
}

/** Sends a packet that has to leave by the default route, and sees it counted. */
async function expectDefaultRouteWorks(host: LabHost): Promise<void> {
  const before = await leaked(host);
  await host.run('ping', ['-c', '1', '-W', '0.1', '203.0.113.9'], { check: false });
  expect(await leaked(host)).toBeGreaterThan(before);
}

/** Does something under a stream from alpha to beta, after which none of its packets may have left by the default route. */
async function withoutLeak(cluster: Cluster, change: () => Promise<unknown>): Promise<void> {
  const { alpha } = cluster;
  await addDefaultRoute(alpha);
  await expectDefaultRouteWorks(alpha);
  const stream = await startStream(cluster.lab, 'alpha', 'beta');
  const before = await leaked(alpha);
  const from = stream.mark();
  await change();
  await sleep(200);
  expect((await stream.result(from)).lost).toBeGreaterThan(0);
  expect(await leaked(alpha)).toBe(before);
  await expectDefaultRouteWorks(alpha);
}

/** Waits until beta's paths are down at alpha, and looks at what is left. */
async function expectUnreachable(cluster: Cluster, routes: readonly string[]): Promise<void> {
  const { alpha, beta } = cluster;
  await cluster.waitForPaths('down', ['alpha']);
  expect(await routesTo(alpha, beta.alias)).toEqual(routes);
  const guard = { dst: beta.alias, type: UNREACHABLE, metric: 0xffffffff };
  expect(await ownRoutes(alpha)).toContainEqual(expect.objectContaining(guard));
  const [report] = (await alpha.status()).peers;
  expect(report?.active).toBeNull();
}

/** After the end of the fault all is as it was. */
async function expectReturn(cluster: Cluster): Promise<void> {
  await cluster.waitForPaths('up');
  expect(await routesTo(cluster.alpha, cluster.beta.alias)).toEqual(BOTH);
}

test(
  'every path is silent, one after the other: all routes stay, and nothing leaves by the default route',
  inCluster(async (cluster) => {
    const { lab } = cluster;
    await withoutLeak(cluster, async () => {
      await lab.dropPort('beta', 'a');
      await cluster.waitForPath('alpha', 'beta', 'a', 'down');
      expect(await routesTo(cluster.alpha, cluster.beta.alias)).toEqual(['eth1 110']);
      await lab.dropPort('beta', 'b');
      await expectUnreachable(cluster, BOTH);
    });
    await Promise.all([lab.undropPort('beta', 'a'), lab.undropPort('beta', 'b')]);
    await expectReturn(cluster);
  }),
);

test(
  'every path is silent at once: all routes stay',
  inCluster(async (cluster) => {
    const { lab } = cluster;
    await withoutLeak(cluster, async () => {
      await Promise.all([lab.silenceSwitch('a'), lab.silenceSwitch('b')]);
      await expectUnreachable(cluster, BOTH);
    });
    await Promise.all([lab.unsilenceSwitch('a'), lab.unsilenceSwitch('b')]);
    await expectReturn(cluster);
  }),
);

test(
  'every link has lost its carrier: all routes stay, and nothing leaves by the default route',
  inCluster(async (cluster) => {
    const { lab } = cluster;
    await withoutLeak(cluster, async () => {
      await lab.pullCard('alpha', 'a');
      await cluster.waitForPath('alpha', 'beta', 'a', 'down');
      await lab.pullCard('alpha', 'b');
      await expectUnreachable(cluster, BOTH);
    });
    await Promise.all([lab.returnCard('alpha', 'a'), lab.returnCard('alpha', 'b')]);
    await expectReturn(cluster);
  }),
);

test(
  'every link loses its carrier at once, and its agent is dead: nothing leaves by the default route',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    await cluster.kill('alpha');
    await withoutLeak(cluster, async () => {
      await Promise.all([lab.killSwitch('a'), lab.killSwitch('b')]);
      expect(await routesTo(alpha, beta.alias)).toEqual(BOTH);
      expect(await alpha.routeTo(beta.alias)).toBeUndefined();
    });
    await Promise.all([lab.reviveSwitch('a'), lab.reviveSwitch('b')]);
    await cluster.waitForPlane(alpha, beta.alias, 'a');
  }),
);

test(
  'every link is taken down by an operator: the kernel drops the routes, and nothing leaves by the default route',
  inCluster(async (cluster) => {
    const { lab } = cluster;
    await withoutLeak(cluster, async () => {
      await lab.downLink('alpha', 'a');
      await cluster.waitForPath('alpha', 'beta', 'a', 'down');
      await lab.downLink('alpha', 'b');
      await expectUnreachable(cluster, []);
    });
    await Promise.all([lab.upLink('alpha', 'a'), lab.upLink('alpha', 'b')]);
    await expectReturn(cluster);
  }),
);

test(
  'every link is taken down while the agent is dead: nothing leaves by the default route, and the next agent puts all back',
  inCluster(async (cluster) => {
    const { lab } = cluster;
    await cluster.kill('alpha');
    await withoutLeak(cluster, () => Promise.all([lab.downLink('alpha', 'a'), lab.downLink('alpha', 'b')]));
    await cluster.start('alpha');
    await Promise.all([lab.upLink('alpha', 'a'), lab.upLink('alpha', 'b')]);
    await expectReturn(cluster);
  }),
);

test(
  'no packet leaves by the default route while an agent starts, before it knows anything of its peers',
  inCluster(
    async (cluster) => {
      const { lab, alpha, beta } = cluster;
      await addDefaultRoute(alpha);
      await Promise.all([lab.silenceSwitch('a'), lab.silenceSwitch('b')]);
      await cluster.start('alpha');
      expect(await routesTo(alpha, beta.alias)).toEqual(BOTH);
      const before = await leaked(alpha);
      await alpha.run('ping', ['-c', '3', '-i', '0.1', '-W', '0.1', beta.alias], { check: false });
      expect(await leaked(alpha)).toBe(before);
      await expectUnreachable(cluster, BOTH);
    },
    { agents: [] },
  ),
);
