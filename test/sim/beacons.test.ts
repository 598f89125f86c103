import { Cluster } from './cluster';
import { fail } from './fault';
import { counter, growth, pathsTo, routesTo } from './inspect';
import { DEFAULT_BEACONS, DEFAULT_PROBE } from './topology';

const { interval, retry, hold } = DEFAULT_PROBE;
const beacons = DEFAULT_BEACONS;
const { interval: beat, verify } = beacons.options;
/** What agents and the wire add to the bound of a rule, in ms. */
const SLACK = 0.5;

describe('the steady state', () => {
  test('a beacon an interval and link, and a request a verify and path', () => {
    const cluster = Cluster.started({ beacons });
    cluster.run(2000);
    for (const { name } of cluster.hosts) {
      expect(growth(cluster, name, 'beacons', 1000)).toBe((2 * 1000) / beat);
      expect(growth(cluster, name, 'requests', 2 * verify)).toBe(2 * 4);
      for (const peer of cluster.hosts.filter((other) => other.name !== name))
        for (const { hearing, state } of pathsTo(cluster, name, peer.name))
          expect([state, hearing.mutual]).toEqual(['up', true]);
    }
    expect(cluster.lost).toBe(0);
  });

  test('hosts without beacons take part by ARP', () => {
    const cluster = Cluster.started({ beacons: { ...beacons, speaks: (host) => host !== 2 } });
    cluster.run(2000);
    expect(counter(cluster, 'gamma', 'beacons')).toBe(0);
    // Two paths to the host that sends beacons, two to the one that doesn't.
    expect(growth(cluster, 'alpha', 'requests', 1000)).toBe(2 * (1000 / verify) + 2 * (1000 / interval));
    expect(growth(cluster, 'gamma', 'requests', 1000)).toBe(4 * (1000 / interval));
    fail(cluster, 'pull', 'gamma');
    fail(cluster, 'silence', 'alpha', 1);
    cluster.run(200);
    for (const { fate } of cluster.streams.filter(({ source }) => source.name === 'beta'))
      expect(fate).toBe('delivered');
  });
});

describe('a lost link is withdrawn', () => {
  test.each(['pull', 'link-down'] as const)(
    '%s: its peers leave it at the first frame, at every moment',
    (kind) => {
      for (let offset = 0; offset < beat; offset += 2.5) {
        const cluster = Cluster.started({ beacons });
        cluster.run(offset);
        fail(cluster, kind, 'alpha');
        cluster.run(500);
        for (const peer of ['beta', 'gamma']) {
          expect(cluster.stream('alpha', peer).lost).toBe(0);
          expect(cluster.stream(peer, 'alpha').longestGap).toBeLessThanOrEqual(SLACK);
          expect(cluster.told(peer, 'failover')).toMatchObject([{ fields: { to: 'b', cause: 'withdrawn' } }]);
          expect(routesTo(cluster, peer, 'alpha')).toEqual([[1, 110]]);
        }
        expect(cluster.stream('beta', 'gamma').lost + cluster.stream('gamma', 'beta').lost).toBe(0);
      }
    },
  );

  test('any one of its three frames is enough', () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const cluster = Cluster.started({ seed, beacons, hosts: 2 });
      cluster.wire.conditions = { ...cluster.wire.conditions, loss: 0.4 };
      fail(cluster, 'pull', 'alpha');
      const before = counter(cluster, 'beta', 'beacons-urgent');
      cluster.run(6);
      if (counter(cluster, 'beta', 'beacons-urgent') === before) continue;
      expect(pathsTo(cluster, 'beta', 'alpha')[0]).toMatchObject({ state: 'down', cause: 'withdrawn' });
    }
  });

  test('and stays so until the host says otherwise; then it is on trial like any other', () => {
    const cluster = Cluster.started({ beacons });
    const mend = fail(cluster, 'pull', 'alpha');
    cluster.run(5000);
    expect(pathsTo(cluster, 'beta', 'alpha')[0]).toMatchObject({ state: 'down', cause: 'withdrawn' });
    cluster.forget();
    mend();
    cluster.run(0.9 * hold);
    expect(routesTo(cluster, 'beta', 'alpha')).toEqual([[1, 110]]);
    cluster.run(0.5 * hold);
    expect(routesTo(cluster, 'beta', 'alpha')).toEqual([
      [0, 100],
      [1, 110],
    ]);
    expect(cluster.lost).toBe(0);
  });

  test('all links of a host: the routes to it stay', () => {
    const cluster = Cluster.started({ beacons });
    fail(cluster, 'pull', 'alpha', 0);
    cluster.run(20);
    fail(cluster, 'pull', 'alpha', 1);
    cluster.run(1000);
    expect(routesTo(cluster, 'beta', 'alpha')).toHaveLength(2);
    expect(cluster.told('beta', 'beacons-lost')).toMatchObject([{ fields: { peer: 'alpha' } }]);
  });

  test('a switch without power costs nobody a packet', () => {
    const cluster = Cluster.started({ beacons });
    fail(cluster, 'switch-off', 'alpha');
    cluster.run(500);
    expect(cluster.lost).toBe(0);
    for (const { fate } of cluster.streams) expect(fate).toBe('delivered');
  });
});

/** A cluster whose hosts beat at different times: one does not read its beacons just when another has sent some. */
function staggered(): Cluster {
  const cluster = new Cluster({ beacons });
  for (const [index, host] of cluster.hosts.entries())
    cluster.clock.at((index * beat) / 3, () => host.start());
  // The repeated announcements of the start are over.
  cluster.run(4000);
  cluster.forget();
  return cluster;
}

describe('frames dropped without a word', () => {
  /**
   * Who hears nothing notices after a beat, and verifies; who is not heard is told so. To a host that hears nobody the others are missing one
   * after the other: what it tells of the second waits for an eighth of a beat.
   */
  const bound = { silence: beat + 2 * retry, mute: beat + 2 * retry, deaf: beat + 2 * retry + beat / 8 };

  test.each(['silence', 'deaf', 'mute'] as const)(
    '%s: noticed by the missing beacon, at every moment',
    (kind) => {
      const gaps: number[] = [];
      for (let offset = 0; offset < beat; offset += 2.5) {
        const cluster = staggered();
        cluster.run(offset);
        fail(cluster, kind, 'alpha');
        cluster.run(500);
        for (const { source, destination, gaps: found } of cluster.streams) {
          const concerned = source.name === 'alpha' || destination.name === 'alpha';
          expect(found.length).toBeLessThanOrEqual(concerned ? 1 : 0);
          for (const { from, to } of found) gaps.push(to - from);
        }
      }
      expect(Math.max(...gaps)).toBeLessThanOrEqual(bound[kind] + 3 * SLACK);
      expect(Math.max(...gaps)).toBeGreaterThan(beat / 2);
    },
  );
});
