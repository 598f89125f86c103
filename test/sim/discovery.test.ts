import { Cluster } from './cluster';
import { fail } from './fault';
import { counter, pathsTo, routesTo } from './inspect';
import { type BeaconPlan, DEFAULT_BEACONS, DEFAULT_PROBE } from './topology';

const { hold, retry } = DEFAULT_PROBE;
const expire = 2000;
/** The file of alpha and beta doesn't name gamma. */
const beacons: BeaconPlan = {
  ...DEFAULT_BEACONS,
  options: { ...DEFAULT_BEACONS.options, expire },
  listed: (host) => host !== 2,
};
const { interval: beat } = beacons.options;
/** From its last beacon until `expire` begins, and from the end of that until it is forgotten. */
const silence = 3 * beat + retry;
const grace = 2 * beat;
const BOTH = [
  [0, 100],
  [1, 110],
];

describe('a host that the file does not name', () => {
  test('is known with its first beacon, and reached by both planes', () => {
    const cluster = new Cluster({ beacons });
    cluster.host('alpha').start();
    cluster.run(1000);
    expect(routesTo(cluster, 'alpha', 'gamma')).toEqual([]);
    cluster.host('gamma').start();
    cluster.run(1);
    expect(routesTo(cluster, 'alpha', 'gamma')).toEqual(BOTH);
    cluster.run(500);
    expect(cluster.told('alpha', 'host-discovered')).toMatchObject([{ fields: { peer: 'gamma' } }]);
    expect(pathsTo(cluster, 'alpha', 'gamma').map(({ state }) => state)).toEqual(['up', 'up']);
    expect(cluster.stream('alpha', 'gamma').fate).toBe('delivered');
    cluster.forget();
    cluster.run(1000);
    expect(cluster.stream('alpha', 'gamma').lost + cluster.stream('gamma', 'alpha').lost).toBe(0);
  });

  test.each([10, 300, 5000])('keeps its routes over a restart of our agent %d ms later', (away) => {
    const cluster = Cluster.started({ beacons });
    const before = cluster.host('alpha').kernel.readTable();
    const start = fail(cluster, 'kill', 'alpha');
    cluster.run(away);
    start();
    for (let time = 0; time < 500; time += 1) {
      expect(routesTo(cluster, 'alpha', 'gamma')).toEqual(BOTH);
      cluster.run(1);
    }
    cluster.run(3 * hold);
    expect(routesTo(cluster, 'alpha', 'gamma')).toEqual(BOTH);
    expect(cluster.host('alpha').kernel.readTable().neighbors).toHaveLength(before.neighbors.length);
    expect(cluster.lost).toBe(0);
  });

  test('fails over like the others', () => {
    const cluster = Cluster.started({ beacons });
    fail(cluster, 'pull', 'gamma');
    cluster.run(500);
    expect(cluster.stream('gamma', 'alpha').lost).toBe(0);
    expect(cluster.stream('alpha', 'gamma').longestGap).toBeLessThanOrEqual(0.5);
    expect(routesTo(cluster, 'alpha', 'gamma')).toEqual([[1, 110]]);
  });

  test('goes after it was silent for so long, and comes back', () => {
    const cluster = Cluster.started({ beacons });
    const boot = fail(cluster, 'crash', 'gamma');
    cluster.run(expire);
    expect(routesTo(cluster, 'alpha', 'gamma')).toEqual(BOTH);
    cluster.run(silence + grace + beat);
    const { alias } = cluster.host('gamma');
    const { routes, neighbors } = cluster.host('alpha').kernel.readTable();
    expect(routes.filter(({ destination }) => destination.address === alias)).toEqual([]);
    expect(neighbors.filter(({ address }) => address === alias)).toEqual([]);
    expect(cluster.told('alpha', 'host-forgotten')).toMatchObject([{ fields: { peer: 'gamma' } }]);
    cluster.forget();
    boot();
    cluster.run(500);
    expect(cluster.told('alpha', 'host-discovered')).toHaveLength(1);
    expect(routesTo(cluster, 'alpha', 'gamma')).toEqual(BOTH);
    expect(cluster.stream('alpha', 'beta').lost + cluster.stream('beta', 'alpha').lost).toBe(0);
  });

  test('and whose clock was set back keeps its routes until it is believed', () => {
    for (let offset = 0; offset < beat; offset += 5) {
      const cluster = Cluster.started({ beacons });
      cluster.run(offset);
      const boot = fail(cluster, 'clock-back', 'gamma');
      cluster.run(100 + 2 * offset);
      boot();
      cluster.run(200);
      cluster.forget();
      cluster.run(expire + 500);
      expect(cluster.told('alpha', 'beacons-heard')).toMatchObject([{ fields: { peer: 'gamma' } }]);
      expect(cluster.told('alpha', 'host-forgotten')).toEqual([]);
      expect(cluster.stream('alpha', 'gamma').lost).toBe(0);
    }
  });

  test('goes as well while one of our own links has no carrier', () => {
    for (let offset = 0; offset < beat; offset += 5) {
      const cluster = Cluster.started({ beacons });
      // Its beacons wait for our wake-ups, whose beat is another.
      const start = fail(cluster, 'kill', 'gamma');
      cluster.run(beat / 2);
      start();
      cluster.run(2000 + offset);
      fail(cluster, 'pull', 'alpha');
      cluster.run(500);
      fail(cluster, 'crash', 'gamma');
      cluster.run(expire + silence + grace + beat);
      expect(routesTo(cluster, 'alpha', 'gamma')).toEqual([]);
    }
  });

  test('that went while our agent was away goes after it has started', () => {
    const cluster = Cluster.started({ beacons });
    const start = fail(cluster, 'kill', 'alpha');
    fail(cluster, 'crash', 'gamma');
    cluster.run(100);
    start();
    cluster.run(expire - 100);
    expect(routesTo(cluster, 'alpha', 'gamma')).toEqual(BOTH);
    cluster.run(200);
    expect(routesTo(cluster, 'alpha', 'gamma')).toEqual([]);
  });

  test('stays as long as one beacon a time is heard', () => {
    const cluster = Cluster.started({ beacons });
    fail(cluster, 'silence', 'gamma', 0);
    for (let times = 0; times < 3; times += 1) {
      const resume = fail(cluster, 'pause', 'gamma');
      cluster.run(0.9 * expire);
      resume();
      cluster.run(2 * beat);
    }
    expect(cluster.told('alpha', 'host-forgotten')).toEqual([]);
    expect(cluster.stream('alpha', 'gamma').fate).toBe('delivered');
  });

  test('is nobody to a host that discovers none', () => {
    const options = { ...beacons.options, discover: false };
    const cluster = Cluster.started({ beacons: { ...beacons, options } });
    cluster.run(1000);
    expect(routesTo(cluster, 'alpha', 'gamma')).toEqual([]);
    expect(counter(cluster, 'alpha', 'beacon-undiscovered')).toBeGreaterThan(0);
  });
});
