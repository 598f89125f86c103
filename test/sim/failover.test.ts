import { Cluster } from './cluster';
import { fail } from './fault';
import { DEFAULT_PROBE } from './topology';

/** What agents and the wire add to the bound of a rule, in ms. */
const SLACK = 1.5;
const { interval, retry, misses } = DEFAULT_PROBE;

function lostBetween(cluster: Cluster, source: string, destination: string): number {
  return cluster.stream(source, destination).lost;
}

describe('frames dropped without a word', () => {
  const bound = interval + misses * retry + SLACK;

  test.each(['silence', 'deaf', 'mute'] as const)(
    '%s: noticed within interval + misses × retry + round trip, at every moment',
    (kind) => {
      const gaps: number[] = [];
      for (let offset = 0; offset < interval; offset += 2.5) {
        const cluster = Cluster.started();
        cluster.run(offset);
        fail(cluster, kind, 'alpha');
        cluster.run(500);
        for (const { source, destination, gaps: found } of cluster.streams) {
          const concerned = source.name === 'alpha' || destination.name === 'alpha';
          expect(found.length).toBeLessThanOrEqual(concerned ? 1 : 0);
          for (const { from, to } of found) gaps.push(to - from);
        }
      }
      expect(Math.max(...gaps)).toBeLessThanOrEqual(bound);
      // The fault comes at every moment of the interval, so some gap must be long: the probes were not simply more frequent.
      expect(Math.max(...gaps)).toBeGreaterThan(interval / 2 + misses * retry);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(misses * retry - SLACK);
    },
  );

  test('one step takes out one route, and nothing else is touched', () => {
    const cluster = Cluster.started();
    const before = cluster.host('beta').kernel.readTable();
    fail(cluster, 'silence', 'alpha');
    cluster.run(200);
    const after = cluster.host('beta').kernel.readTable();
    const gone = before.routes.filter((route) => !after.routes.includes(route));
    expect(gone).toMatchObject([{ destination: { address: cluster.host('alpha').alias }, metric: 100 }]);
    expect(after.routes).toHaveLength(before.routes.length - 1);
    expect(after.neighbors).toEqual(before.neighbors);
  });

  test('a switch that hangs takes every stream to the other plane', () => {
    const cluster = Cluster.started();
    fail(cluster, 'switch-hang', 'alpha');
    cluster.run(500);
    for (const stream of cluster.streams) {
      expect(stream.lost).toBeGreaterThan(0);
      expect(stream.longestGap).toBeLessThanOrEqual(bound);
      expect(stream.fate).toBe('delivered');
    }
  });
});

describe('a card loses its carrier', () => {
  test('nothing is lost toward the peers, and the hint has them leave the path within one retry', () => {
    for (let offset = 0; offset < interval; offset += 2.5) {
      const cluster = Cluster.started();
      cluster.run(offset);
      fail(cluster, 'pull', 'alpha');
      cluster.run(500);
      for (const peer of ['beta', 'gamma']) {
        expect(lostBetween(cluster, 'alpha', peer)).toBe(0);
        expect(cluster.stream(peer, 'alpha').longestGap).toBeLessThanOrEqual(retry + SLACK);
        expect(cluster.told(peer, 'failover')).toMatchObject([
          { fields: { peer: 'alpha', to: 'b', cause: 'hint' } },
        ]);
      }
      expect(lostBetween(cluster, 'beta', 'gamma') + lostBetween(cluster, 'gamma', 'beta')).toBe(0);
    }
  });

  test.each(['kill', 'pause'] as const)('the same toward the peers while the agent is gone (%s)', (kind) => {
    const cluster = Cluster.started();
    fail(cluster, kind, 'alpha');
    cluster.run(100);
    expect(cluster.lost).toBe(0);
    fail(cluster, 'pull', 'alpha');
    cluster.run(500);
    for (const peer of ['beta', 'gamma']) {
      expect(lostBetween(cluster, 'alpha', peer)).toBe(0);
      // Nobody gives a hint; the peers find out by themselves.
      const gap = cluster.stream(peer, 'alpha').longestGap;
      expect(gap).toBeLessThanOrEqual(interval + misses * retry + SLACK);
      expect(gap).toBeGreaterThan(retry + SLACK);
    }
  });

  test('the agent takes no route out in favour of the kernel, and puts none back', () => {
    const cluster = Cluster.started();
    fail(cluster, 'pull', 'alpha');
    cluster.run(500);
    expect(cluster.host('alpha').kernel.readTable().neighbors).toHaveLength(4);
    expect(cluster.told('alpha', 'carrier-lost')).toHaveLength(1);
    expect(cluster.told('alpha', 'repaired')).toEqual([]);
  });

  test('a switch without power costs nobody a packet', () => {
    const cluster = Cluster.started();
    fail(cluster, 'switch-off', 'alpha');
    cluster.run(500);
    expect(cluster.lost).toBe(0);
    for (const { fate } of cluster.streams) expect(fate).toBe('delivered');
  });

  test('the link taken down: the kernel drops its routes silently, and the others stand', () => {
    const cluster = Cluster.started();
    const mend = fail(cluster, 'link-down', 'alpha');
    cluster.run(500);
    expect(lostBetween(cluster, 'alpha', 'beta')).toBe(0);
    expect(cluster.stream('beta', 'alpha').longestGap).toBeLessThanOrEqual(retry + SLACK);
    mend();
    cluster.run(1500);
    const { routes } = cluster.host('alpha').kernel.readTable();
    expect(routes.filter(({ type }) => type === 'unicast')).toHaveLength(4);
    expect(cluster.told('alpha', 'repaired')).toEqual([]);
  });
});

describe('more than one failure', () => {
  test('alpha has lost a and beta lost b: gamma reaches both, and what can reach nobody leaves by no other route', () => {
    const cluster = Cluster.started();
    fail(cluster, 'pull', 'alpha', 0);
    fail(cluster, 'pull', 'beta', 1);
    cluster.run(1000);
    cluster.forget();
    cluster.run(100);
    for (const host of ['alpha', 'beta']) {
      expect(lostBetween(cluster, 'gamma', host)).toBe(0);
      expect(lostBetween(cluster, host, 'gamma')).toBe(0);
    }
    const stream = cluster.stream('alpha', 'beta');
    expect(stream.lost).toBe(100);
    expect(stream.lostBy.get('foreign')).toBeUndefined();
  });

  test('silent drops on alpha by a and on beta by b, both ways in turn', () => {
    const cluster = Cluster.started();
    fail(cluster, 'deaf', 'alpha', 0);
    fail(cluster, 'mute', 'beta', 1);
    cluster.run(1000);
    expect(cluster.stream('gamma', 'alpha').fate).toBe('delivered');
    expect(cluster.stream('gamma', 'beta').fate).toBe('delivered');
    expect(cluster.told('alpha', 'peer-unreachable')).toMatchObject([{ fields: { peer: 'beta' } }]);
    expect(cluster.told('beta', 'peer-unreachable')).toMatchObject([{ fields: { peer: 'alpha' } }]);
  });

  test('both cards at once: every route stays, and the guard keeps the packets', () => {
    const cluster = Cluster.started();
    fail(cluster, 'pull', 'alpha', 0);
    const mend = fail(cluster, 'pull', 'alpha', 1);
    cluster.run(3000);
    for (const host of cluster.hosts) {
      const routes = host.kernel.routes.filter(({ type }) => type === 'unicast');
      // beta and gamma still reach each other by two routes; toward alpha, and from it, all stand.
      expect(routes).toHaveLength(4);
    }
    expect(cluster.stream('alpha', 'beta').fate).toBe('unreachable');
    cluster.forget();
    mend();
    cluster.run(200);
    expect(cluster.stream('alpha', 'beta').fate).toBe('delivered');
    expect(cluster.stream('beta', 'alpha').fate).toBe('delivered');
    // b is held, but it alone answers; waiting for its trial would help nobody.
    expect(cluster.stream('beta', 'alpha').longestGap).toBeLessThanOrEqual(3000 + 2 * interval);
    expect(cluster.told('beta', 'peer-reachable')).toMatchObject([{ fields: { peer: 'alpha', to: 'b' } }]);
  });

  test('every path silent, then the less preferred one answers first: it carries the traffic', () => {
    const cluster = Cluster.started();
    fail(cluster, 'silence', 'alpha', 0);
    const mend = fail(cluster, 'silence', 'alpha', 1);
    cluster.run(1000);
    expect(cluster.told('beta', 'peer-unreachable')).toHaveLength(1);
    const { routes } = cluster.host('beta').kernel;
    const toAlpha = routes.filter(({ destination }) => destination.address === cluster.host('alpha').alias);
    expect(toAlpha.map(({ type }) => type).sort()).toEqual(['unicast', 'unicast', 'unreachable']);
    mend();
    cluster.run(100);
    expect(cluster.stream('beta', 'alpha').fate).toBe('delivered');
    expect(cluster.stream('alpha', 'gamma').fate).toBe('delivered');
  });
});

describe('the same whatever the clocks say', () => {
  test('hosts whose clocks began at other times do the same', () => {
    const outcome = (bootedAt: number) => {
      const cluster = Cluster.started({ origin: (host) => bootedAt * (host + 1) });
      fail(cluster, 'silence', 'alpha');
      cluster.run(300);
      fail(cluster, 'pull', 'beta', 1);
      cluster.run(300);
      const events = cluster.notes.map(({ host, event, fields }) => `${host} ${event} ${fields.plane}`);
      return { lost: cluster.streams.map(({ lost }) => lost), events };
    };
    expect(outcome(0)).toEqual(outcome(123_456_789));
  });
});
