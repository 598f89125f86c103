import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, inCluster, NOTHING_LOST } from './promise-cluster';
import { aliasNeighbors, KernelWatch, loopbackAddresses, ownRoutes, routesTo } from './promise-kernel';

/** Promise 4: stopping the agent, by any means, breaks nothing, and the next one takes over what it finds. */
jest.setTimeout(60_000);

/** Everything in the kernel that is the agent's. */
async function holdings({ alpha }: Cluster): Promise<object> {
  const [routes, neighbors, addresses] = await Promise.all([
    ownRoutes(alpha),
    aliasNeighbors(alpha),
    loopbackAddresses(alpha),
  ]);
  return { routes, neighbors, addresses };
}

/**
 * Ends alpha's agent under streams and starts the next: nothing is lost, and the kernel is told to change nothing.
 *
 * @param expected how the agent ends
 */
async function endAndRestart(cluster: Cluster, end: () => Promise<unknown>, expected: object): Promise<void> {
  const before = await holdings(cluster);
  const watch = await KernelWatch.start(cluster.alpha);
  const streams = await cluster.startStreams();
  const ended = await cluster.measure(streams, async () => {
    await end();
    expect(await cluster.agent('alpha').exited).toEqual(expected);
    await sleep(500);
  });
  expect(ended).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
  const restarted = await cluster.measure(streams, async () => {
    await cluster.start('alpha');
    await cluster.waitForPaths('up', ['alpha']);
  });
  expect(restarted).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
  expect(await watch.take()).toEqual([]);
  expect(await holdings(cluster)).toEqual(before);
  expect(await cluster.agent('alpha').waitFor('adopted')).toMatchObject({ routes: 3 });
  watch.stop();
}

test.each([
  ['SIGTERM', { code: 0, signal: null }],
  ['SIGINT', { code: 0, signal: null }],
  ['SIGKILL', { code: null, signal: 'SIGKILL' }],
  ['SIGSEGV', { code: null, signal: 'SIGSEGV' }],
  ['SIGABRT', { code: null, signal: 'SIGABRT' }],
] as const)(
  'an end by %s and a restart lose no packet and change nothing in the kernel',
  (signal, expected) =>
    inCluster((cluster) =>
      endAndRestart(cluster, async () => cluster.agent('alpha').kill(signal), expected),
    )(),
);

test('an exception that nobody expects ends the agent, is logged, and changes nothing in the kernel', async () => {
  await inCluster(async (cluster) => {
    const script = join(dirname(cluster.lab.configurationFile), 'fault.js');
    await writeFile(script, "process.on('SIGUSR2', () => { throw new Error('a fault of a test'); });\n");
    await cluster.kill('alpha');
    const agent = await cluster.start('alpha', { env: { NODE_OPTIONS: `--require ${script}` } });
    await cluster.waitForPaths('up');
    await endAndRestart(cluster, async () => agent.kill('SIGUSR2'), { code: 70, signal: null });
    const fatal = agent.events().find(({ event }) => event === 'fatal');
    expect(fatal).toMatchObject({ level: 'error', error: 'a fault of a test' });
    expect(agent.errors()).toContain('a fault of a test');
  })();
});

test(
  'a path that was down is not put back by a restart, but once it has answered',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    await lab.dropPort('beta', 'a');
    await cluster.waitForPath('alpha', 'beta', 'a', 'down');
    const watch = await KernelWatch.start(alpha);
    const streams = await cluster.startStreams();
    const result = await cluster.measure(streams, async () => {
      await cluster.kill('alpha');
      await cluster.start('alpha');
      await sleep(500);
    });
    expect(result).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
    expect(await watch.take()).toEqual([]);
    expect(await cluster.path('alpha', 'beta', 'a')).toMatchObject({ state: 'down' });
    await lab.undropPort('beta', 'a');
    await cluster.waitForPath('alpha', 'beta', 'a', 'up');
    expect(await watch.take()).toEqual([expect.stringMatching(/^\[ROUTE\]unicast 10\.78\.0\.2 dev eth0 /)]);
    expect(await routesTo(alpha, beta.alias)).toEqual(['eth0 100', 'eth1 110']);
    watch.stop();
  }),
);

test(
  'a restart while a card is out loses nothing, and takes the card back in',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    await lab.pullCard('alpha', 'a');
    await cluster.waitForPaths('down', []);
    await cluster.waitForPath('beta', 'alpha', 'a', 'down');
    await cluster.waitForPath('alpha', 'beta', 'a', 'down');
    const streams = await cluster.startStreams();
    const restarted = await cluster.measure(streams, async () => {
      await cluster.kill('alpha');
      await cluster.start('alpha');
      await sleep(300);
    });
    expect(restarted).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
    expect((await alpha.routeTo(beta.alias))?.dev).toBe('eth1');
    const returned = await cluster.measure(streams, async () => {
      await lab.returnCard('alpha', 'a');
      await cluster.waitForPaths('up');
    });
    expect(returned).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
    expect(await routesTo(alpha, beta.alias)).toEqual(['eth0 100', 'eth1 110']);
  }),
);

test(
  'a card that is pulled while no agent runs is found by the next one, without a loss',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    await cluster.kill('alpha');
    await lab.pullCard('alpha', 'a');
    await cluster.waitForPath('beta', 'alpha', 'a', 'down');
    const streams = await cluster.startStreams();
    const result = await cluster.measure(streams, async () => {
      await cluster.start('alpha');
      await cluster.waitForPath('alpha', 'beta', 'a', 'down');
    });
    expect(result).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
    expect(await routesTo(alpha, beta.alias)).toEqual(['eth1 110']);
  }),
);
