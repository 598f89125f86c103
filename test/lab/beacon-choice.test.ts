import { waitUntil } from '../../deploy/lab/wait';
import { inBeaconCluster, peerOf, untilMutual } from './beacon-cluster';
import { NOTHING_LOST, PATIENCE } from './promise-cluster';
import { routesTo } from './promise-kernel';

/** By which plane packets go, and what both sides say of it. */
jest.setTimeout(90_000);

/** Alpha wants to be reached by plane b. */
const PREFERRING = { configuration: { hosts: { alpha: { priority: { b: 200 } } } } };

test(
  'a host’s priority decides how its peers reach it, both sides say so, and the routes follow',
  inBeaconCluster(async (cluster) => {
    const { alpha, beta } = cluster;
    await untilMutual(cluster, 'alpha', 'beta');
    await cluster.waitForPlane(beta, alpha.alias, 'b');
    await untilMutual(cluster, 'beta', 'alpha');
    expect(await peerOf(cluster, 'beta', 'alpha')).toMatchObject({
      active: 'b',
      choice: { plane: 'b', reason: 'priority' },
      returns: { plane: 'a', reason: 'order' },
      paths: [
        { plane: 'b', beacon: { priority: 200 } },
        { plane: 'a', beacon: { priority: 0 } },
      ],
    });
    expect(await peerOf(cluster, 'alpha', 'beta')).toMatchObject({
      active: 'a',
      choice: { plane: 'a', reason: 'order' },
      returns: { plane: 'b', reason: 'priority' },
    });
    expect(await routesTo(beta, alpha.alias)).toEqual(['eth1 100', 'eth0 110']);
    const { stdout } = await beta.ctl('status');
    expect(stdout).toMatch(/alpha +b +eth1 +up +\* priority/);

    await cluster.lab.pullCard('alpha', 'b');
    await cluster.waitForPlane(beta, alpha.alias, 'a');
  }, PREFERRING),
);

test(
  'a priority that a reload changes moves the traffic without a lost packet',
  inBeaconCluster(async (cluster) => {
    const { alpha } = cluster;
    await untilMutual(cluster, 'beta', 'alpha');
    const streams = await cluster.startStreams();
    const lost = await cluster.measure(streams, async () => {
      await cluster.lab.writeConfiguration(PREFERRING.configuration);
      expect((await alpha.ctl('reload')).status).toBe(0);
      const moved = await cluster.agent('beta').waitFor('failover', ({ to }) => to === 'b', PATIENCE);
      expect(moved).toMatchObject({ peer: 'alpha', from: 'a', cause: 'priority' });
      await cluster.lab.writeConfiguration({});
      expect((await alpha.ctl('reload')).status).toBe(0);
      await cluster.agent('beta').waitFor('failover', ({ to }) => to === 'a', PATIENCE);
    });
    expect(lost).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
  }),
);

test(
  'joined planes are recognised by the beacons themselves, and no path falls',
  inBeaconCluster(async (cluster) => {
    await untilMutual(cluster, 'alpha', 'beta');
    const before = cluster.eventNames('alpha').length;
    await cluster.lab.joinPlanes('a', 'b');
    await cluster.agent('alpha').waitFor('planes-joined', undefined, PATIENCE);
    await cluster.agent('beta').waitFor('planes-joined', undefined, PATIENCE);
    expect(await cluster.alpha.status()).toMatchObject({ planesJoined: true });
    const wrong = async () => ((await cluster.alpha.status()).counters['beacon-wrong-plane'] ?? 0) > 10;
    await waitUntil(wrong, PATIENCE, 'beacons of the other plane to be counted');
    await untilMutual(cluster, 'alpha', 'beta');
    expect(cluster.eventNames('alpha', before)).not.toContain('path-down');
  }),
);
