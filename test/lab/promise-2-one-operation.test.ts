import { inCluster, NOTHING_LOST } from './promise-cluster';
import { aliasNeighbors, KernelWatch } from './promise-kernel';

/** Promise 2: one kernel operation for each failover. */
jest.setTimeout(60_000);

const THREE = { hosts: ['alpha', 'beta', 'gamma'] };

test(
  'a path that falls silent takes one kernel operation: its route goes',
  inCluster(async (cluster) => {
    const { lab, alpha } = cluster;
    const watch = await KernelWatch.start(alpha);
    await lab.dropPort('beta', 'a');
    await cluster.waitForPath('alpha', 'beta', 'a', 'down');
    const told = await watch.take();
    expect(told).toEqual([
      expect.stringMatching(/^\[ROUTE\]Deleted unicast 10\.78\.0\.2 dev eth0 .*proto 77/),
    ]);
    await lab.undropPort('beta', 'a');
    await cluster.waitForPath('alpha', 'beta', 'a', 'up');
    expect(await watch.take()).toEqual([
      expect.stringMatching(/^\[ROUTE\]unicast 10\.78\.0\.2 dev eth0 .*proto 77/),
    ]);
    watch.stop();
  }, THREE),
);

test(
  "a pulled card takes one operation for each peer's path over it, and the kernel has failed over before",
  inCluster(async (cluster) => {
    const { lab, alpha } = cluster;
    const watch = await KernelWatch.start(alpha);
    await lab.pullCard('alpha', 'a');
    for (const peer of ['beta', 'gamma']) await cluster.waitForPath('alpha', peer, 'a', 'down');
    const told = await watch.take();
    // Mostly `linkdown` by then; in some pulls the agent is faster than the kernel's own work on the carrier.
    const gone = ['10.78.0.2', '10.78.0.3'].map((alias) =>
      expect.stringMatching(new RegExp(`^\\[ROUTE\\]Deleted unicast ${alias} dev eth0 `)),
    );
    expect(told).toHaveLength(2);
    expect(told).toEqual(expect.arrayContaining(gone));
    watch.stop();
  }, THREE),
);

test(
  'every path has a permanent neighbor entry before it is needed',
  inCluster(async ({ alpha }) => {
    const entry = (dst: string, dev: string, lladdr: string) =>
      expect.objectContaining({ dst, dev, lladdr, state: ['PERMANENT'], protocol: '77' });
    const neighbors = await aliasNeighbors(alpha);
    expect(neighbors).toHaveLength(4);
    expect(neighbors).toEqual(
      expect.arrayContaining([
        entry('10.78.0.2', 'eth0', '02:00:00:00:00:02'),
        entry('10.78.0.2', 'eth1', '02:00:00:00:01:02'),
        entry('10.78.0.3', 'eth0', '02:00:00:00:00:03'),
        entry('10.78.0.3', 'eth1', '02:00:00:00:01:03'),
      ]),
    );
  }, THREE),
);

test(
  'the first packet by the standby path needs no ARP: traffic fails over where no ARP leaves the host',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    // The agents would see every path down: they are gone, and only what they have prepared counts. What the kernel
    // has learned from their questions is no preparation: it forgets that in time.
    await Promise.all(['alpha', 'beta'].map((host) => cluster.kill(host)));
    for (const host of [alpha, beta])
      await host.ip('neighbor flush nud reachable nud stale nud delay nud probe');
    for (const host of [alpha, beta]) {
      const rules = 'table arp forbid { chain out { type filter hook output priority 0; policy drop; }; }';
      await host.run('nft', ['-f', '-'], { input: `${rules}\n` });
    }
    const streams = await cluster.startStreams();
    const { there } = await cluster.measure(streams, async () => {
      await lab.pullCard(['alpha', 'beta'], 'a');
      await cluster.waitForPlane(alpha, beta.alias, 'b');
    });
    expect(there.received).toBeGreaterThan(0);
    // Everything sent after the kernels took note has arrived: neither the route nor the address had to be found.
    const after = await cluster.measure(streams, () => cluster.waitForPlane(beta, alpha.alias, 'b'));
    expect(after).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
  }),
);
