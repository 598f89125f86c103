import { copyFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonic } from '../../deploy/lab/wait';
import { type Cluster, inCluster, NOTHING_LOST } from './promise-cluster';
import { KernelWatch, routesTo } from './promise-kernel';

/** Promise 6: a slow agent never blames a peer. Promise 4, as far as an agent is paused. */
jest.setTimeout(90_000);

const THREE = { hosts: ['alpha', 'beta', 'gamma'] };
const PAUSE = 10_000;
const NONE = { there: NOTHING_LOST, back: NOTHING_LOST };

/** What an agent must not say of healthy peers. */
const BLAME = ['path-down', 'failover', 'peer-unreachable'];

/** Slows agents down under streams: nothing is lost, nobody is blamed, and no kernel operation is done. */
async function expectNoBlame(cluster: Cluster, slow: () => Promise<unknown>): Promise<void> {
  const hosts = cluster.lab.hosts().map(({ name }) => name);
  const watch = await KernelWatch.start(cluster.alpha);
  const streams = await cluster.startStreams();
  const seen = new Map(hosts.map((host) => [host, cluster.agent(host).events().length]));
  const result = await cluster.measure(streams, async () => {
    await slow();
    await sleep(500);
  });
  expect(result).toEqual(NONE);
  for (const host of hosts) {
    const said = cluster.agent(host).events().slice(seen.get(host));
    expect(said.filter(({ event }) => BLAME.includes(event ?? ''))).toEqual([]);
  }
  expect(await watch.take()).toEqual([]);
  await cluster.waitForPaths('up');
  watch.stop();
}

test(
  'an agent that is stopped for 10 s blames nobody, and nobody blames it',
  inCluster(
    (cluster) =>
      expectNoBlame(cluster, async () => {
        cluster.agent('alpha').kill('SIGSTOP');
        await sleep(PAUSE);
        cluster.agent('alpha').kill('SIGCONT');
      }),
    THREE,
  ),
);

test(
  'agents that run for 30 ms of each 60 ms blame nobody',
  inCluster(
    (cluster) =>
      expectNoBlame(cluster, async () => {
        const agents = ['alpha', 'beta', 'gamma'].map((host) => cluster.agent(host));
        for (const end = monotonic() + 4000; monotonic() < end; ) {
          for (const agent of agents) agent.kill('SIGSTOP');
          await sleep(30);
          for (const agent of agents) agent.kill('SIGCONT');
          await sleep(30);
        }
      }),
    THREE,
  ),
);

test(
  'on a machine whose CPUs are all busy, nobody is blamed',
  inCluster(
    (cluster) =>
      expectNoBlame(cluster, async () => {
        const loops = Array.from({ length: 2 * availableParallelism() }, () =>
          cluster.alpha.spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }),
        );
        await sleep(5000);
        for (const loop of loops) loop.kill('SIGKILL');
      }),
    THREE,
  ),
);

/**
 * Slow enough that a test can stop agents between a request and its answer. Two requests of each path stay unanswered at
 * most before the agent is stopped, and the second one is still waited for then.
 */
const SLOW = { probe: { interval: '400ms', retry: '400ms', misses: 2 }, arp: { responder: 'kernel' } };

/** Starts alpha's agent, whose kernel answers, and those of the peers, who answer by themselves: stopped, they are late. */
async function startWithLatePeers(cluster: Cluster, peers: readonly string[]): Promise<void> {
  const { lab } = cluster;
  const file = `${lab.configurationFile}.late`;
  await copyFile(await lab.writeConfiguration({ arp: { responder: 'agent' } }), file);
  await lab.writeConfiguration({});
  await Promise.all([
    cluster.start('alpha'),
    ...peers.map((peer) => cluster.start(peer, { configurationFile: file })),
  ]);
  await cluster.waitForPaths('up');
}

test.each([
  ['before it goes on', true],
  ['after it went on', false],
])('answers to an agent that is stopped, which come %s, are waited for', (_, early) =>
  inCluster(
    async (cluster) => {
      const peers = ['beta', 'gamma'];
      const signal = (hosts: readonly string[], name: NodeJS.Signals) => {
        for (const host of hosts) cluster.agent(host).kill(name);
      };
      await startWithLatePeers(cluster, peers);
      const seen = cluster.agent('alpha').events().length;
      signal(peers, 'SIGSTOP');
      await sleep(600);
      signal(['alpha'], 'SIGSTOP');
      await sleep(1000);
      signal(early ? peers : ['alpha'], 'SIGCONT');
      await sleep(100);
      signal(early ? ['alpha'] : peers, 'SIGCONT');
      await sleep(800);
      const said = cluster.eventNames('alpha', seen);
      expect(said).toContain('path-suspect');
      expect(said.filter((event) => BLAME.includes(event))).toEqual([]);
      await cluster.waitForPaths('up', ['alpha']);
    },
    { ...THREE, agents: [], configuration: SLOW },
  )(),
);

test(
  'a peer that really falls silent while the agent is stopped is found when it goes on',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    cluster.agent('alpha').kill('SIGSTOP');
    await lab.dropPort('beta', 'a');
    await sleep(1000);
    expect(await routesTo(alpha, beta.alias)).toHaveLength(2);
    cluster.agent('alpha').kill('SIGCONT');
    await cluster.waitForPath('alpha', 'beta', 'a', 'down');
    expect(await routesTo(alpha, beta.alias)).toEqual(['eth1 110']);
  }),
);

test(
  'a peer that falls silent is found by an agent that runs for 30 ms of each 60 ms',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    const agent = cluster.agent('alpha');
    await lab.dropPort('beta', 'a');
    const found = cluster.waitForPlane(alpha, beta.alias, 'b');
    let running = true;
    void found.finally(() => {
      running = false;
    });
    while (running) {
      agent.kill('SIGSTOP');
      await sleep(30);
      agent.kill('SIGCONT');
      await sleep(30);
    }
    await found;
  }),
);
