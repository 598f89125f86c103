import { crashingAfter } from './crash-tools';
import { type Cluster, type ClusterOptions, inCluster } from './promise-cluster';
import { type HostState, loopbackAddresses, ownRoutes, setSetting, setting, stateOf } from './promise-kernel';

/** Promises 4 and 5: `multihomectl teardown` removes everything of ours and nothing else. */
jest.setTimeout(60_000);

/** Things of others beside ours, and in our way. */
async function addForeign({ alpha, beta }: Cluster): Promise<void> {
  await alpha.ip(
    'route add 203.0.113.0/24 via 10.77.0.2 proto static metric 5',
    'route add 203.0.113.0/24 via 10.77.1.2 proto bird metric 6 table 77',
    `route add ${beta.alias}/32 dev eth1 proto static metric 4000`,
    `route add unreachable ${beta.alias}/32 proto static metric 5000`,
    'route add blackhole 10.78.0.0/24 proto 200',
    'route add 10.99.0.0/16 nexthop via 10.77.0.2 nexthop via 10.77.1.2',
    'route add 2001:db8:1::/48 dev lo proto static',
    'address add 10.78.9.1/32 dev lo',
    'address add 10.78.9.2/32 dev lo label lo:mh7',
    'address add 10.77.0.101/24 dev eth0',
    'neighbor add 10.77.0.99 lladdr 02:00:00:00:ee:99 dev eth0 nud permanent',
    'neighbor add 10.78.0.77 lladdr 02:00:00:00:ee:98 dev eth1 nud permanent protocol static',
    'rule add from 10.77.0.101 table 77 priority 1000',
    // Last: for ip(8), `proto static` would mean 77 as well from here on.
    `route add ${beta.alias}/32 dev eth1 metric 100 table 88 proto 77`,
  );
}

const NO_AGENTS: ClusterOptions = { agents: [] };

/** Starts both agents over a host that has more than ours, and says what that host was like before. */
async function startOver(cluster: Cluster): Promise<HostState> {
  await addForeign(cluster);
  // Strict on the first link, so that the agent has something to change and to give back; loose on the second.
  await setSetting(cluster.alpha, 'eth0', 'rp_filter', 1);
  const before = await stateOf(cluster.alpha);
  await Promise.all(['alpha', 'beta'].map((host) => cluster.start(host)));
  await cluster.waitForPaths('up');
  const during = await stateOf(cluster.alpha);
  expect(during.settings).not.toBe(before.settings);
  expect(during.routes).not.toBe(before.routes);
  return before;
}

test(
  'with the daemon running: it gives back every setting, leaves what is not ours, and ends',
  inCluster(async (cluster) => {
    const before = await startOver(cluster);
    const { stdout, status } = await cluster.alpha.ctl('teardown');
    expect(status).toBe(0);
    expect(stdout.trim().split('\n').sort()).toEqual([
      'address 10.78.0.1/32 dev lo',
      'neighbor 10.78.0.2 dev eth0 lladdr 02:00:00:00:00:02',
      'neighbor 10.78.0.2 dev eth1 lladdr 02:00:00:00:01:02',
      'route 10.78.0.2 dev eth0',
      'route 10.78.0.2 dev eth1',
      'route unreachable 10.78.0.2',
      'setting ignore_routes_with_linkdown of eth0: 1 -> 0',
      'setting ignore_routes_with_linkdown of eth1: 1 -> 0',
      'setting rp_filter of eth0: 2 -> 1',
    ]);
    expect(await cluster.agent('alpha').exited).toEqual({ code: 0, signal: null });
    expect(await stateOf(cluster.alpha)).toEqual(before);
  }, NO_AGENTS),
);

test(
  'without a daemon: the same, by the record of the one that was killed',
  inCluster(async (cluster) => {
    const before = await startOver(cluster);
    await cluster.kill('alpha');
    expect((await cluster.alpha.ctl('teardown')).status).toBe(0);
    expect(await stateOf(cluster.alpha)).toEqual(before);
    const again = await cluster.alpha.ctl('teardown');
    expect(again).toMatchObject({ status: 0, stdout: 'nothing to remove\n' });
  }, NO_AGENTS),
);

test(
  'after a fault and several restarts: the first values of the settings return, not those in between',
  inCluster(async (cluster) => {
    const before = await startOver(cluster);
    await cluster.lab.dropPort('beta', 'a');
    await cluster.waitForPath('alpha', 'beta', 'a', 'down');
    await cluster.kill('alpha');
    await cluster.start('alpha');
    await cluster.kill('alpha', 'SIGTERM');
    await cluster.start('alpha');
    await cluster.kill('alpha');
    expect((await cluster.alpha.ctl('teardown')).status).toBe(0);
    expect(await stateOf(cluster.alpha)).toEqual(before);
  }, NO_AGENTS),
);

test(
  'where the agent answers: the kernel is silenced only while it runs, by whatever end',
  inCluster(
    async (cluster) => {
      const before = await startOver(cluster);
      const { alpha } = cluster;
      const ignored = async () =>
        (await alpha.run('cat', ['/proc/sys/net/ipv4/conf/eth0/arp_ignore'])).stdout.trim();
      expect(await ignored()).toBe('1');
      await cluster.kill('alpha', 'SIGTERM');
      expect(await ignored()).toBe('0');
      await cluster.start('alpha');
      expect(await ignored()).toBe('1');
      await cluster.kill('alpha');
      expect((await alpha.ctl('release')).status).toBe(0);
      expect(await ignored()).toBe('0');
      expect(await ownRoutes(alpha)).toHaveLength(3);
      await cluster.start('alpha');
      expect((await alpha.ctl('teardown')).status).toBe(0);
      expect(await stateOf(alpha)).toEqual(before);
    },
    { ...NO_AGENTS, configuration: { arp: { responder: 'agent' } } },
  ),
);

test(
  'a setting that somebody else has changed since is theirs',
  inCluster(async (cluster) => {
    await startOver(cluster);
    await cluster.kill('alpha');
    await setSetting(cluster.alpha, 'eth0', 'rp_filter', 0);
    expect((await cluster.alpha.ctl('teardown')).status).toBe(0);
    const { settings } = await stateOf(cluster.alpha);
    expect(settings).toContain('/proc/sys/net/ipv4/conf/eth0/rp_filter:0\n');
  }, NO_AGENTS),
);

test(
  'a replaced card keeps its own settings, and a renamed one gets the former ones back',
  inCluster(async (cluster) => {
    const { alpha, lab } = cluster;
    await startOver(cluster);
    await cluster.kill('alpha');
    await lab.removeCard('alpha', 'a');
    await lab.insertCard('alpha', 'a');
    await setSetting(alpha, 'eth0', 'rp_filter', 2);
    await alpha.ip('link set dev eth1 down', 'link set dev eth1 name lan1', 'link set dev lan1 up');
    expect(await setting(alpha, 'lan1', 'ignore_routes_with_linkdown')).toBe('1');
    expect((await alpha.ctl('teardown')).status).toBe(0);
    expect(await setting(alpha, 'eth0', 'rp_filter')).toBe('2');
    expect(await setting(alpha, 'lan1', 'ignore_routes_with_linkdown')).toBe('0');
  }, NO_AGENTS),
);

test(
  'an alias that came by a reload goes after a crash, as do routes in a place of which the next start had not got rid',
  inCluster(async (cluster) => {
    const { alpha, lab } = cluster;
    const before = await stateOf(alpha);
    const withAlias = (alias: string) => ({ hosts: { alpha: { alias } } });
    await cluster.start('alpha');
    await lab.writeConfiguration(withAlias('10.78.0.201'));
    expect((await alpha.ctl('reload')).status).toBe(0);
    expect(await loopbackAddresses(alpha)).toContain('10.78.0.201/32 lo:mh0');
    await cluster.kill('alpha');
    await lab.writeConfiguration({ ...withAlias('10.78.0.201'), route: { protocol: 78, metric: 200 } });
    for (const changes of [4, 7, 10]) {
      const agent = await cluster.start('alpha', await crashingAfter(lab, changes));
      await Promise.race([agent.exited, agent.waitFor('ready').catch(() => agent.exited)]);
      await cluster.kill('alpha');
    }
    expect((await alpha.ctl('teardown')).status).toBe(0);
    expect(await stateOf(alpha)).toEqual(before);
  }, NO_AGENTS),
);

test(
  'an alias that an operator bound stays with its owner',
  inCluster(async (cluster) => {
    const { alpha } = cluster;
    await alpha.ip(`address add ${alpha.alias}/32 dev lo`);
    const before = await stateOf(alpha);
    await Promise.all(['alpha', 'beta'].map((host) => cluster.start(host)));
    await cluster.waitForPaths('up');
    expect((await stateOf(alpha)).addresses).toBe(before.addresses);
    expect((await alpha.ctl('teardown')).status).toBe(0);
    expect(await stateOf(alpha)).toEqual(before);
  }, NO_AGENTS),
);
