import { Cluster } from './cluster';
import { fail } from './fault';
import { planeAsSeen, planeChosen, routesTo } from './inspect';
import { type BeaconPlan, DEFAULT_BEACONS, DEFAULT_PROBE } from './topology';

const { hold } = DEFAULT_PROBE;

/** Hosts that wish for planes, by their indexes. */
const wishing = (...wishes: number[][]): BeaconPlan => ({
  ...DEFAULT_BEACONS,
  priority: (host, plane) => wishes[host]?.[plane] ?? 0,
});

describe('the plane by which a host wishes to be reached', () => {
  test('is used by its peers, and its own traffic goes as they wish', () => {
    const cluster = Cluster.started({ beacons: wishing([10, 200], [200, 10]) });
    for (const peer of ['beta', 'gamma'])
      expect(routesTo(cluster, peer, 'alpha')).toEqual([
        [1, 100],
        [0, 110],
      ]);
    for (const peer of ['beta', 'gamma'])
      expect(routesTo(cluster, 'alpha', peer)).toEqual([
        [0, 100],
        [1, 110],
      ]);
  });

  test('both ends take the same plane for each direction', () => {
    const cluster = Cluster.started({ planes: 3, beacons: wishing([10, 200, 30], [0, 0, 1], []) });
    cluster.run(1000);
    for (const { name } of cluster.hosts)
      for (const { name: peer } of cluster.hosts.filter((host) => host.name !== name))
        expect([name, peer, planeChosen(cluster, name, peer)]).toEqual([
          name,
          peer,
          planeAsSeen(cluster, peer, name),
        ]);
  });

  test('fails, and the next one takes over; it comes back after its trial, and nothing is lost', () => {
    const cluster = Cluster.started({ beacons: wishing([10, 200]) });
    const mend = fail(cluster, 'pull', 'alpha', 1);
    cluster.run(100);
    expect(routesTo(cluster, 'beta', 'alpha')).toEqual([[0, 110]]);
    expect(cluster.stream('beta', 'alpha').longestGap).toBeLessThanOrEqual(0.5);
    cluster.forget();
    mend();
    cluster.run(2 * hold);
    expect(routesTo(cluster, 'beta', 'alpha')).toEqual([
      [1, 100],
      [0, 110],
    ]);
    expect(cluster.lost).toBe(0);
  });

  test('outlives the silence of its agent', () => {
    const cluster = Cluster.started({ beacons: wishing([10, 200]) });
    fail(cluster, 'kill', 'alpha');
    cluster.run(1000);
    expect(routesTo(cluster, 'beta', 'alpha')).toEqual([
      [1, 100],
      [0, 110],
    ]);
    expect(cluster.told('beta', 'failover')).toEqual([]);
  });
});
