import { Cluster } from './cluster';
import { fail } from './fault';
import type { Host } from './host';
import { DEFAULT_PROBE } from './topology';

const { interval, retry, misses, hold } = DEFAULT_PROBE;
/** How long a restarted agent needs to judge a path of which it knows no round trip, in ms: agent/core/liveness.ts. */
const FIRST_JUDGEMENT = 3 * interval;

/** Metrics of the unicast routes to a peer, ascending. */
function metrics(host: Host, peer: Host): number[] {
  return host.kernel.routes
    .filter(({ destination, type }) => destination.address === peer.alias && type === 'unicast')
    .map(({ metric }) => metric)
    .sort((a, b) => a - b);
}

describe('an agent that ends and starts again', () => {
  test.each([10, 1000, 20_000])('loses nothing, %d ms later', (pause) => {
    const cluster = Cluster.started();
    const before = cluster.host('alpha').kernel.readTable();
    const start = fail(cluster, 'kill', 'alpha');
    cluster.run(pause);
    expect(cluster.host('alpha').kernel.readTable()).toEqual(before);
    start();
    cluster.run(2 * hold);
    expect(cluster.lost).toBe(0);
    expect(cluster.host('alpha').kernel.readTable()).toEqual(before);
    expect(cluster.told('alpha', 'adopted')).toHaveLength(1);
    // Its peers notice nothing, for its kernel answers.
    for (const peer of ['beta', 'gamma']) expect(cluster.told(peer, 'path-suspect')).toEqual([]);
  });

  test('does not put back the route of a path that is dead', () => {
    const cluster = Cluster.started();
    const [alpha, beta] = [cluster.host('alpha'), cluster.host('beta')];
    fail(cluster, 'silence', 'beta');
    cluster.run(500);
    expect(metrics(alpha, beta)).toEqual([110]);
    const start = fail(cluster, 'kill', 'alpha');
    cluster.run(100);
    cluster.forget();
    start();
    for (let time = 0; time < 2000; time += 1) {
      cluster.run(1);
      expect(metrics(alpha, beta)).toEqual([110]);
    }
    expect(cluster.lost).toBe(0);
  });

  test('takes out the route of a path that died meanwhile', () => {
    const cluster = Cluster.started();
    const start = fail(cluster, 'kill', 'alpha');
    fail(cluster, 'silence', 'beta');
    cluster.run(500);
    expect(cluster.stream('alpha', 'beta').fate).toBe('dropped');
    start();
    cluster.run(FIRST_JUDGEMENT);
    expect(cluster.stream('alpha', 'beta').fate).toBe('delivered');
    expect(metrics(cluster.host('alpha'), cluster.host('beta'))).toEqual([110]);
  });

  test('takes a path in again that came back meanwhile, after its trial', () => {
    const cluster = Cluster.started();
    const mend = fail(cluster, 'silence', 'beta');
    cluster.run(500);
    const start = fail(cluster, 'kill', 'alpha');
    mend();
    cluster.run(100);
    cluster.forget();
    start();
    cluster.run(0.9 * hold);
    expect(metrics(cluster.host('alpha'), cluster.host('beta'))).toEqual([110]);
    cluster.run(0.5 * hold);
    expect(metrics(cluster.host('alpha'), cluster.host('beta'))).toEqual([100, 110]);
    expect(cluster.lost).toBe(0);
  });

  test('finds every path dead: all routes stay over the restart', () => {
    const cluster = Cluster.started({ hosts: 2 });
    fail(cluster, 'crash', 'beta');
    cluster.run(500);
    const start = fail(cluster, 'kill', 'alpha');
    cluster.run(100);
    start();
    cluster.run(1000);
    expect(metrics(cluster.host('alpha'), cluster.host('beta'))).toEqual([100, 110]);
  });

  test('puts back what somebody else deleted while it was away, and at once while it runs', () => {
    const cluster = Cluster.started();
    const alpha = cluster.host('alpha');
    const before = alpha.kernel.routes.length;
    alpha.kernel.tamper(alpha.kernel.routes.find(({ metric }) => metric === 110)!);
    cluster.run(30);
    expect(alpha.kernel.routes).toHaveLength(before);
    expect(cluster.told('alpha', 'repaired')).toMatchObject([{ fields: { steps: 1 } }]);
    const start = fail(cluster, 'kill', 'alpha');
    alpha.kernel.tamper(alpha.kernel.routes.find(({ type }) => type === 'unreachable')!);
    start();
    expect(alpha.kernel.routes).toHaveLength(before);
    expect(cluster.lost).toBe(0);
  });
});

describe('an agent that stands still (SIGSTOP)', () => {
  test.each([3, 50, 500, 10_000])(
    'blames nobody after %d ms, and what was received meanwhile counts',
    (pause) => {
      for (let offset = 0; offset < interval; offset += 5) {
        const cluster = Cluster.started();
        cluster.run(offset);
        const resume = fail(cluster, 'pause', 'alpha');
        cluster.run(pause);
        resume();
        cluster.run(500);
        expect(cluster.lost).toBe(0);
        for (const host of ['alpha', 'beta', 'gamma']) {
          expect(cluster.told(host, 'path-suspect').concat(cluster.told(host, 'path-down'))).toEqual([]);
        }
      }
    },
  );

  test('an answer that was received before the pause ended counts, though the request has long expired', () => {
    const cluster = Cluster.started({ hosts: 2, latency: 0 });
    const alpha = cluster.host('alpha');
    const path = alpha.agent!.core.registry.paths.values().next().value![0]!;
    while (!path.arp.waits) cluster.run(0.01);
    const resume = fail(cluster, 'pause', 'alpha');
    cluster.run(5000);
    const askedAgain = alpha.agent!.core.counters.get('requests');
    resume();
    cluster.run(0.01);
    expect(path.arp.waits && alpha.agent!.core.counters.get('requests') === askedAgain).toBe(false);
    expect(cluster.told('alpha', 'path-suspect')).toEqual([]);
  });

  test('a path that died meanwhile is found as soon as after any fault', () => {
    const cluster = Cluster.started();
    const resume = fail(cluster, 'pause', 'alpha');
    cluster.run(1000);
    fail(cluster, 'silence', 'beta');
    cluster.run(1000);
    resume();
    cluster.run(interval + misses * retry + 2 * retry);
    expect(cluster.stream('alpha', 'beta').fate).toBe('delivered');
  });

  test('a carrier lost and back while it stood still', () => {
    const cluster = Cluster.started();
    const resume = fail(cluster, 'pause', 'alpha');
    const plug = fail(cluster, 'pull', 'alpha');
    cluster.run(100);
    const down = fail(cluster, 'link-down', 'alpha', 1);
    cluster.run(100);
    plug();
    down();
    cluster.run(100);
    resume();
    cluster.run(2 * hold);
    cluster.forget();
    cluster.run(100);
    expect(cluster.lost).toBe(0);
    for (const peer of ['beta', 'gamma'])
      expect(metrics(cluster.host('alpha'), cluster.host(peer))).toEqual([100, 110]);
  });
});

describe('agents that are slow all the time', () => {
  const cases = [20, 60, 200].flatMap((latency) => [0, 1].map((arpIgnore) => ({ latency, arpIgnore })));

  test.each(cases)('%j: they blame nobody', ({ latency, arpIgnore }) => {
    const settings = () => ({ rpFilter: 2, arpIgnore, addressed: true });
    const cluster = Cluster.started({ latency, settings });
    // Where agents answer, the first answers teach how long that takes.
    cluster.run(2000);
    cluster.forget();
    cluster.run(3000);
    expect(cluster.lost).toBe(0);
    for (const { name } of cluster.hosts) expect(cluster.told(name, 'path-down')).toEqual([]);
    if (arpIgnore === 0)
      for (const { name } of cluster.hosts) expect(cluster.told(name, 'path-suspect')).toEqual([]);
  });
});

describe('a host that fails', () => {
  test('and boots again: its peers keep their routes, and reach it by the first path that answers', () => {
    const cluster = Cluster.started();
    const boot = fail(cluster, 'crash', 'beta');
    cluster.run(2000);
    expect(metrics(cluster.host('alpha'), cluster.host('beta'))).toEqual([100, 110]);
    expect(cluster.told('alpha', 'peer-unreachable')).toHaveLength(1);
    boot();
    cluster.run(2 * interval + 5);
    expect(cluster.stream('alpha', 'beta').fate).toBe('delivered');
    expect(cluster.stream('beta', 'alpha').fate).toBe('delivered');
    cluster.run(2 * hold);
    expect(cluster.host('alpha').agent!.core.registry.paths.size).toBe(2);
    for (const path of cluster.host('alpha').agent!.core.registry.allPaths()) expect(path.state).toBe('up');
    expect(cluster.stream('alpha', 'gamma').lost + cluster.stream('gamma', 'alpha').lost).toBe(0);
  });

  test('and comes back with other cards: the neighbor entries follow', () => {
    const cluster = Cluster.started({ hosts: 2 });
    const boot = fail(cluster, 'crash', 'beta');
    cluster.run(1000);
    const macs = [0, 1].map((plane) => cluster.host('beta').changeMac(plane));
    boot();
    cluster.run(1200);
    const { kernel, links } = cluster.host('alpha');
    expect(links.map(({ ifindex }) => kernel.neighbor(ifindex, cluster.host('beta').alias))).toEqual(macs);
    expect(cluster.stream('alpha', 'beta').fate).toBe('delivered');
  });
});
