import type { LinkReport } from '../../agent/control/protocol';
import { startSession } from '../../deploy/lab/session';
import { startStream } from '../../deploy/lab/stream';
import { waitUntil } from '../../deploy/lab/wait';
import { inBeaconCluster, untilMutual } from './beacon-cluster';
import { settings, sleep, Witness } from './daemon-tools';
import { type Cluster, inCluster, NOTHING_LOST, PATIENCE } from './promise-cluster';
import { KernelWatch, routesTo } from './promise-kernel';

/** A link is taken out of use for maintenance, and given back, without a lost packet. */
jest.setTimeout(120_000);

const HOSTS = { hosts: ['alpha', 'beta', 'gamma'] };
const PEERS = ['beta', 'gamma'] as const;
/** Before and after what is done, in ms, so that a loss at its edges shows. */
const AROUND = 200;
/** Enough for a peer to come back to a link that answers: hold and more. */
const LONG = 600;

/** Streams both ways between alpha and each peer, and a TCP session to each. */
class Traffic {
  private constructor(
    private readonly streams: readonly Awaited<ReturnType<typeof startStream>>[],
    private readonly sessions: readonly Awaited<ReturnType<typeof startSession>>[],
  ) {}

  static async start({ lab }: Cluster): Promise<Traffic> {
    const ways = PEERS.flatMap((peer) => [['alpha', peer] as const, [peer, 'alpha'] as const]);
    const streams = await Promise.all(ways.map(([from, to]) => startStream(lab, from, to, { hz: 1000 })));
    const sessions = await Promise.all(PEERS.map((peer) => startSession(lab, 'alpha', peer)));
    return new Traffic(streams, sessions);
  }

  /** Expects that nothing is lost while something is done, and shortly before and after. */
  async keep(change: () => Promise<unknown>): Promise<void> {
    await sleep(AROUND);
    const from = this.streams[0]!.mark() - AROUND / 2;
    await change();
    await sleep(AROUND);
    const results = await Promise.all(this.streams.map((stream) => stream.result(from)));
    expect(results).toEqual(results.map(() => NOTHING_LOST));
    const sessions = await Promise.all(this.sessions.map((session) => session.result(from)));
    expect(sessions).toEqual(sessions.map(() => expect.objectContaining({ alive: true, error: null })));
  }
}

/** Runs multihomectl on alpha, which must succeed. */
async function ctl({ alpha }: Cluster, ...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await alpha.ctl(...words);
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

async function linkOf({ alpha }: Cluster, plane: string): Promise<LinkReport> {
  return (await alpha.status()).links.find((link) => link.plane === plane)!;
}

/** Waits until alpha and its peers send to each other by a plane. */
async function untilPlane(cluster: Cluster, plane: string): Promise<void> {
  for (const peer of PEERS) {
    await cluster.waitForPlane(cluster.alpha, cluster.lab.host(peer).alias, plane);
    await cluster.waitForPlane(cluster.lab.host(peer), cluster.alpha.alias, plane);
  }
}

async function untilBeneath(cluster: Cluster, state: string): Promise<void> {
  const reached = async (peer: string) => (await cluster.path('alpha', peer, 'a')).beneath === state;
  for (const peer of PEERS)
    await waitUntil(() => reached(peer), PATIENCE, `${peer} to be ${state} beneath`, 20);
}

/** Drains plane a, pulls its card, puts it back, and undrains, under traffic. */
async function maintain(cluster: Cluster): Promise<void> {
  const { lab, alpha } = cluster;
  const before = await settings(alpha, 'eth0/arp_ignore', 'eth1/arp_ignore');
  const traffic = await Traffic.start(cluster);
  await traffic.keep(async () => {
    expect(await ctl(cluster, 'drain', 'eth0')).toMatch(
      /^eth0 on plane a drained; the peers had \d+ms to leave$/m,
    );
    await untilPlane(cluster, 'b');
  });
  expect(await linkOf(cluster, 'a')).toMatchObject({ drained: true, drainedUntil: null, carrier: true });
  const witness = await Witness.start(lab.host('beta'), 'a');
  await traffic.keep(() => sleep(LONG));
  await witness.stop();
  const { mac } = await linkOf(cluster, 'a');
  const own = witness
    .arp()
    .filter(({ senderMac }) => senderMac === Number.parseInt(mac!.replaceAll(':', ''), 16));
  expect(own.length).toBeGreaterThan(0);
  expect(
    own.filter(({ operation, senderIp, targetIp }) => operation === 'reply' || senderIp === targetIp),
  ).toEqual([]);
  await traffic.keep(() => lab.pullCard('alpha', 'a'));
  await untilBeneath(cluster, 'down');
  await traffic.keep(async () => {
    await lab.returnCard('alpha', 'a');
    await untilBeneath(cluster, 'up');
  });
  for (const peer of PEERS) {
    expect(await cluster.path('alpha', peer, 'a')).toMatchObject({ state: 'drained', active: false });
    expect(await cluster.path(peer, 'alpha', 'a')).toMatchObject({ state: 'down', active: false });
  }
  await traffic.keep(async () => {
    await ctl(cluster, 'undrain', 'a');
    await untilPlane(cluster, 'a');
    await cluster.waitForPaths('up');
  });
  expect(await linkOf(cluster, 'a')).toMatchObject({ drained: false });
  expect(await settings(alpha, 'eth0/arp_ignore', 'eth1/arp_ignore')).toEqual(before);
}

test('without beacons, where the kernel answers', inCluster(maintain, HOSTS));

test(
  'without beacons, where the agent answers',
  inCluster(maintain, {
    ...HOSTS,
    // An agent that answers may be late on a busy machine, and a false alarm on plane b would give the drained link back.
    configuration: { arp: { responder: 'agent' }, probe: { hold: '100ms', retry: '20ms' } },
  }),
);

test(
  'with beacons',
  inBeaconCluster(async (cluster) => {
    for (const peer of PEERS) await untilMutual(cluster, 'alpha', peer);
    await maintain(cluster);
    const causes = cluster.agent('beta').events();
    expect(causes).toContainEqual(
      expect.objectContaining({ event: 'failover', peer: 'alpha', from: 'a', to: 'b', cause: 'drained' }),
    );
  }, HOSTS),
);

test(
  'a card is exchanged for another one under the same name',
  inCluster(async (cluster) => {
    const { lab, alpha } = cluster;
    const traffic = await Traffic.start(cluster);
    await traffic.keep(async () => {
      await ctl(cluster, 'drain', 'eth0');
      await untilPlane(cluster, 'b');
    });
    const { ifindex } = await linkOf(cluster, 'a');
    await traffic.keep(async () => {
      await lab.removeCard('alpha', 'a');
      await untilBeneath(cluster, 'down');
      await lab.insertCard('alpha', 'a');
      await untilBeneath(cluster, 'up');
      await sleep(LONG);
    });
    const link = await linkOf(cluster, 'a');
    expect(link).toMatchObject({ drained: true, carrier: true });
    expect(link.ifindex).not.toBe(ifindex);
    expect(await settings(alpha, 'eth0/arp_ignore')).toEqual([1]);
    for (const peer of PEERS)
      expect(await cluster.path(peer, 'alpha', 'a')).toMatchObject({ state: 'down', active: false });
    await traffic.keep(async () => {
      await ctl(cluster, 'undrain', 'eth0');
      await untilPlane(cluster, 'a');
      await cluster.waitForPaths('up');
    });
    expect(await settings(alpha, 'eth0/arp_ignore')).toEqual([0]);
  }, HOSTS),
);

test(
  'a switch is exchanged after every host has drained its plane',
  inCluster(async (cluster) => {
    const { lab } = cluster;
    const traffic = await Traffic.start(cluster);
    const each = async (word: string) => {
      for (const host of lab.hosts())
        expect(await host.ctl(word, 'a')).toMatchObject({ status: 0, stderr: '' });
    };
    await traffic.keep(async () => {
      await each('drain');
      await untilPlane(cluster, 'b');
    });
    await traffic.keep(async () => {
      await lab.killSwitch('a');
      await sleep(LONG);
      await lab.reviveSwitch('a');
    });
    await traffic.keep(async () => {
      await each('undrain');
      await cluster.waitForPaths('up');
      await untilPlane(cluster, 'a');
    });
  }, HOSTS),
);

test(
  'the last link is refused, and nothing changes; by force it is drained and still carries everything',
  inCluster(async (cluster) => {
    const { alpha } = cluster;
    const traffic = await Traffic.start(cluster);
    await ctl(cluster, 'drain', 'a');
    await untilPlane(cluster, 'b');
    const watch = await KernelWatch.start(alpha);
    await traffic.keep(async () => {
      const refused = await alpha.ctl('drain', 'eth1');
      expect(refused).toMatchObject({ status: 75, stdout: '' });
      expect(refused.stderr).toContain('beta, gamma');
    });
    expect(await watch.take()).toEqual([]);
    watch.stop();
    expect((await linkOf(cluster, 'b')).drained).toBe(false);
    expect(await alpha.ctl('drain', 'c')).toMatchObject({ status: 65 });
    await traffic.keep(async () => {
      expect(await ctl(cluster, 'drain', 'eth1', '--force')).toContain('beta, gamma');
    });
    await traffic.keep(async () => {
      await ctl(cluster, 'undrain', 'eth1');
      await cluster.waitForPath('beta', 'alpha', 'b', 'up');
      await ctl(cluster, 'undrain', 'eth0');
      await cluster.waitForPaths('up');
    });
  }, HOSTS),
);

test(
  'a drain that was forgotten makes no outage of the next failure',
  inCluster(async (cluster) => {
    const { lab } = cluster;
    const agent = cluster.agent('alpha');
    await ctl(cluster, 'drain', 'b');
    for (const peer of PEERS) await cluster.waitForPath(peer, 'alpha', 'b', 'down');
    // The carrier stays, so no kernel moves anything by itself.
    await lab.dropPort('alpha', 'a');
    await agent.waitFor('drain-overridden', ({ link }) => link === 'eth1');
    await untilPlane(cluster, 'b');
    const traffic = await Traffic.start(cluster);
    await traffic.keep(() => sleep(LONG));
    expect(await linkOf(cluster, 'b')).toMatchObject({ drained: true, overridden: true });
    await traffic.keep(async () => {
      await lab.undropPort('alpha', 'a');
      await agent.waitFor('drain-resumed', ({ link }) => link === 'eth1');
      await untilPlane(cluster, 'a');
      for (const peer of PEERS) await cluster.waitForPath(peer, 'alpha', 'b', 'down');
    });
  }, HOSTS),
);

test.each(['SIGTERM', 'SIGKILL'] as const)('a drain stays through %s and a new start', async (signal) => {
  await inCluster(async (cluster) => {
    const { alpha, beta } = cluster;
    const traffic = await Traffic.start(cluster);
    await ctl(cluster, 'drain', 'eth0');
    await untilPlane(cluster, 'b');
    const watch = await KernelWatch.start(alpha);
    await traffic.keep(async () => {
      await cluster.kill('alpha', signal);
      await ctl(cluster, 'release');
      await sleep(LONG);
      expect(await settings(alpha, 'eth0/arp_ignore', 'eth1/arp_ignore')).toEqual([1, 0]);
      expect(await cluster.path('beta', 'alpha', 'a')).toMatchObject({ state: 'down' });
      await cluster.start('alpha');
      await untilBeneath(cluster, 'up');
    });
    expect(await watch.take()).toEqual([]);
    watch.stop();
    expect(await linkOf(cluster, 'a')).toMatchObject({ drained: true });
    expect(await routesTo(alpha, beta.alias)).toEqual(['eth1 110']);
    expect(await alpha.ctl('reload')).toMatchObject({ status: 0 });
    expect(await linkOf(cluster, 'a')).toMatchObject({ drained: true });
    await traffic.keep(async () => {
      await ctl(cluster, 'undrain', 'eth0');
      await cluster.waitForPaths('up');
    });
    expect(await settings(alpha, 'eth0/arp_ignore')).toEqual([0]);
  }, HOSTS)();
});

test(
  'with --for it ends by itself, also while no agent runs, and another time replaces the first',
  inCluster(async (cluster) => {
    const { alpha } = cluster;
    const agent = cluster.agent('alpha');
    await ctl(cluster, 'drain', 'eth0', '--for', '1h');
    const { drainedUntil } = await linkOf(cluster, 'a');
    expect(Math.abs(Date.parse(drainedUntil!) - Date.now() - 3_600_000)).toBeLessThan(PATIENCE);
    await ctl(cluster, 'drain', 'eth0', '--for', '300ms');
    expect(await agent.waitFor('undrained')).toMatchObject({ link: 'eth0', reason: 'expired' });
    await cluster.waitForPaths('up');
    expect((await linkOf(cluster, 'a')).drained).toBe(false);
    await ctl(cluster, 'drain', 'eth0', '--for', '5s');
    await cluster.waitForPath('beta', 'alpha', 'a', 'down');
    const until = Date.parse((await linkOf(cluster, 'a')).drainedUntil!);
    await cluster.kill('alpha');
    await ctl(cluster, 'release');
    expect(Date.now()).toBeLessThan(until);
    expect(await settings(alpha, 'eth0/arp_ignore')).toEqual([1]);
    await waitUntil(async () => Date.now() > until, PATIENCE, 'the end of the drain', 50);
    const next = await cluster.start('alpha');
    expect(await next.waitFor('undrained')).toMatchObject({ link: 'eth0', reason: 'expired' });
    await cluster.waitForPaths('up');
    expect(await settings(alpha, 'eth0/arp_ignore')).toEqual([0]);
  }, HOSTS),
);
