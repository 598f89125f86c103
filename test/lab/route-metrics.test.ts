import { startSession } from '../../deploy/lab/session';
import { waitUntil } from '../../deploy/lab/wait';
import { endOf, PATIENCE } from './daemon-tools';
import { type Cluster, inCluster, NOTHING_LOST } from './promise-cluster';

/** `route.rto-min` and the other metrics of our routes: they are set, heeded, shown, and put back. */
jest.setTimeout(60_000);

const ALL = { 'rto-min': '7ms', quickack: true, initcwnd: 20, congctl: 'reno', mtu: 1400 };
/** What TCP waits at least before it repeats a segment, unless the route says less, in ms (TCP_RTO_MIN). */
const KERNELS_RTO_MIN = 200;
const WORDS = 'mtu 1400 initcwnd 20 rto_min lock 7ms quickack 1 congctl reno';

/** Our routes on alpha as `ip route` prints them, without those that refuse. */
async function unicastRoutes({ alpha }: Cluster): Promise<string[]> {
  const { stdout } = await alpha.run('ip', ['-details', 'route', 'show', 'proto', '77']);
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('unreachable'))
    .map((line) => line.replace(/^unicast /, ''));
}

const metricsOf = (route: string): string => route.replace(/^.* metric [0-9]+ ?/, '');

function waitForMetrics(cluster: Cluster, words: string): Promise<unknown> {
  const there = async () => {
    const routes = await unicastRoutes(cluster);
    return routes.length === 2 && routes.every((route) => metricsOf(route) === words);
  };
  return waitUntil(there, PATIENCE, `two routes with "${words}"`, 20);
}

test(
  'every metric that is written stands on each route, in the status too, and TCP heeds it',
  inCluster(
    async (cluster) => {
      const { alpha, beta } = cluster;
      await waitForMetrics(cluster, WORDS);
      // Asking the kernel for a congestion control leaves no route behind.
      expect((await alpha.routes('all')).filter(({ protocol }) => protocol === '4')).toEqual([]);
      const { stdout } = await alpha.ctl('routes');
      // `ip route` leaves out what it was told to look for.
      const shown = stdout
        .trim()
        .replaceAll(/ proto \S+/g, '')
        .split('\n');
      expect(shown.filter((line) => !line.startsWith('unreachable'))).toEqual(await unicastRoutes(cluster));
      const report = JSON.parse((await alpha.ctl('routes', '--json')).stdout);
      const metrics = { rtoMin: 7, quickack: true, initcwnd: 20, congctl: 'reno', mtu: 1400 };
      expect(report.filter(({ type }: { type: string }) => type === 'unicast')).toEqual([
        expect.objectContaining(metrics),
        expect.objectContaining(metrics),
      ]);
      const session = await startSession(cluster.lab, 'alpha', 'beta');
      expect(await session.result()).toMatchObject({ alive: true });
      const { stdout: socket } = await alpha.run('ss', ['-Htin', 'dst', beta.alias]);
      expect(socket).toMatch(/\breno\b/);
      expect(socket).toMatch(/\bpmtu:1400\b/);
      expect(Number(/\brto:([0-9.]+)/.exec(socket)?.[1])).toBeLessThan(KERNELS_RTO_MIN);
    },
    { configuration: { route: ALL } },
  ),
);

test(
  "a session that loses a segment when the far end's card is pulled goes on before the kernel's own least time",
  inCluster(async (cluster) => {
    const { lab } = cluster;
    const session = await startSession(lab, 'alpha', 'beta');
    const stalls: number[] = [];
    for (let drill = 0; drill < 5; drill++) {
      const from = session.mark();
      await lab.pullCard('beta', 'a');
      await cluster.waitForPath('alpha', 'beta', 'a', 'down');
      const { alive, longestStall } = await session.result(from);
      expect(alive).toBe(true);
      stalls.push(longestStall);
      await lab.returnCard('beta', 'a');
      await cluster.waitForPaths('up');
    }
    // How fast a busy machine is decides nothing: without the metric, none of those that lost a segment could be below.
    expect(Math.min(...stalls.filter((stall) => stall > 5))).toBeLessThan(KERNELS_RTO_MIN);
  }),
);

test(
  'a metric that somebody changes, adds or removes is put back, and no packet is lost',
  inCluster(
    async (cluster) => {
      const { alpha, beta } = cluster;
      const route = `${beta.alias} dev eth0 proto 77 scope link src ${alpha.alias} metric 100`;
      const streams = await cluster.startStreams();
      const lost = await cluster.measure(streams, async () => {
        for (const metrics of [
          'rto_min 7ms',
          'rto_min 9ms mtu 1400 initcwnd 20 quickack 1 congctl reno',
          'rto_min 7ms mtu lock 1400 initcwnd 20 quickack 1 congctl reno',
          'rto_min 7ms mtu 1400 initcwnd 20 quickack 1 congctl cubic',
          'rto_min 7ms mtu 1400 initcwnd 20 quickack 1 congctl reno advmss 500',
          '',
        ]) {
          const before = cluster.agent('alpha').events().length;
          await alpha.ip(`route change ${route} ${metrics}`);
          await cluster.agent('alpha').waitFor('repaired', () => true, PATIENCE, before);
          await waitForMetrics(cluster, WORDS);
        }
      });
      expect(lost).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
    },
    { configuration: { route: ALL } },
  ),
);

test(
  'routes that a former run left with other metrics are replaced, and so they are by a reload; no packet is lost',
  inCluster(async (cluster) => {
    const { alpha } = cluster;
    await waitForMetrics(cluster, 'rto_min lock 5ms');
    const streams = await cluster.startStreams();
    const lost = await cluster.measure(streams, async () => {
      await cluster.lab.writeConfiguration({ route: ALL });
      await alpha.ctl('reload');
      await waitForMetrics(cluster, WORDS);
      await cluster.kill('alpha');
      await cluster.lab.writeConfiguration({ route: { 'rto-min': 'off', initcwnd: 30 } });
      await cluster.start('alpha');
      await waitForMetrics(cluster, 'initcwnd 30');
    });
    expect(lost).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
  }),
);

test(
  'a congestion control that the kernel has not is refused in one line, at the start and at a reload, and nothing changes',
  inCluster(async (cluster) => {
    const { alpha } = cluster;
    const file = await cluster.lab.writeConfiguration({ route: { congctl: 'rino', mtu: 1400 } });
    const line = new RegExp(
      `^multihomed: ${file}:[0-9]+:[0-9]+: route\\.congctl: this kernel has no congestion control 'rino'; name one of .*\n$`,
    );
    const reload = await alpha.ctl('reload');
    expect(reload.status).toBe(78);
    expect(reload.stderr).toContain("route.congctl: this kernel has no congestion control 'rino'");
    await waitForMetrics(cluster, 'rto_min lock 5ms');
    await cluster.kill('alpha', 'SIGTERM');
    const { code, errors } = await endOf(await alpha.startAgent({ wait: false }));
    expect(code).toBe(78);
    expect(errors).toMatch(line);
    await waitForMetrics(cluster, 'rto_min lock 5ms');
  }),
);
