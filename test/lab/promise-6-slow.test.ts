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
