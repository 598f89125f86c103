import { Cluster } from './cluster';
import { fail } from './fault';
import { counter, growth, pathsTo } from './inspect';
import { type BeaconPlan, DEFAULT_BEACONS, DEFAULT_PROBE } from './topology';

const { interval, retry, misses, hold } = DEFAULT_PROBE;
const beacons = DEFAULT_BEACONS;
const { interval: beat } = beacons.options;
/** What agents and the wire add to the bound of a rule, in ms. */
const SLACK = 1.5;
/** Without a beacon by any plane for this long, a host is silent. */
const silence = 3 * beat + retry;

describe('an agent that ends', () => {
  test.each(['kill', 'pause'] as const)(
    '%s: its paths stay up, and ARP watches them as without beacons',
    (kind) => {
      const cluster = Cluster.started({ beacons });
      fail(cluster, kind, 'alpha');
      cluster.run(5000);
      expect(cluster.lost).toBe(0);
      for (const peer of ['beta', 'gamma']) {
        expect(cluster.told(peer, 'path-down')).toEqual([]);
        expect(cluster.told(peer, 'beacons-lost')).toMatchObject([{ fields: { peer: 'alpha' } }]);
      }
      cluster.forget();
      fail(cluster, 'silence', 'alpha');
      cluster.run(500);
      const gap = cluster.stream('beta', 'alpha').longestGap;
      expect(gap).toBeLessThanOrEqual(interval + misses * retry + SLACK);
    },
  );

  test('is believed at once when it starts again', () => {
    for (let offset = 0; offset < beat; offset += 2.5) {
      const cluster = Cluster.started({ beacons });
      cluster.run(offset);
      const start = fail(cluster, 'kill', 'alpha');
      cluster.run(10);
      start();
      cluster.run(2);
      fail(cluster, 'pull', 'alpha');
      cluster.run(2);
      for (const peer of ['beta', 'gamma'])
        expect(pathsTo(cluster, peer, 'alpha')[0]).toMatchObject({ state: 'down', cause: 'withdrawn' });
    }
  });

  test('a path that fails while it starts again is found as soon as without beacons', () => {
    for (let away = 5; away < 3 * beat; away += 10) {
      const cluster = Cluster.started({ beacons });
      cluster.run(2000);
      const start = fail(cluster, 'kill', 'alpha');
      cluster.run(away);
      fail(cluster, 'silence', 'alpha');
      start();
      cluster.run(500);
      const gap = cluster.stream('beta', 'alpha').longestGap;
      expect(gap).toBeLessThanOrEqual(interval + (misses + 2) * retry + SLACK);
    }
  });
});

describe('an agent that stood still', () => {
  test('takes down no path that was withdrawn and is back', () => {
    for (const away of [20, 70, 500]) {
      const cluster = Cluster.started({ beacons });
      const resume = fail(cluster, 'pause', 'beta');
      const mend = fail(cluster, 'pull', 'alpha', 1);
      cluster.run(away);
      mend();
      cluster.run(2000);
      resume();
      cluster.forget();
      cluster.run(2 * hold);
      expect(cluster.told('beta', 'path-down')).toEqual([]);
      expect(cluster.lost).toBe(0);
    }
  });

  test.each([3, 60, 300, 5000])('blames nobody after %d ms', (pause) => {
    for (let offset = 0; offset < beat; offset += 10) {
      const cluster = Cluster.started({ beacons });
      cluster.run(offset);
      const resume = fail(cluster, 'pause', 'alpha');
      cluster.run(pause);
      resume();
      cluster.run(500);
      expect(cluster.lost).toBe(0);
      expect(cluster.notes.filter(({ event }) => event === 'path-down' || event === 'failover')).toEqual([]);
      expect(cluster.told('alpha', 'beacons-lost')).toEqual([]);
    }
  });
});

describe('a card that was replaced', () => {
  const slow: BeaconPlan = { ...beacons, options: { ...beacons.options, interval: 2 * beat } };

  test.each(['kill', 'pause'] as const)(
    'while our agent was gone (%s) is asked at its new address',
    (kind) => {
      for (let away = 10; away < 3 * beat; away += 10) {
        const cluster = Cluster.started({ beacons: slow });
        const back = fail(cluster, kind, 'beta');
        const mac = cluster.host('alpha').changeMac(0);
        cluster.run(away);
        back();
        cluster.run(1000);
        expect(cluster.told('beta', 'path-down')).toEqual([]);
        expect(pathsTo(cluster, 'beta', 'alpha')[0]).toMatchObject({ state: 'up', mac });
        const { kernel, links } = cluster.host('beta');
        expect(kernel.neighbor(links[0]!.ifindex, cluster.host('alpha').alias)).toBe(mac);
      }
    },
  );
});

describe('a host whose clock was set back', () => {
  const expire = 2000;
  const plan: BeaconPlan = { ...beacons, options: { ...beacons.options, expire } };

  test('is believed after it was silent for so long, and watched by ARP until then', () => {
    const cluster = Cluster.started({ beacons: plan });
    const boot = fail(cluster, 'clock-back', 'alpha');
    cluster.run(100);
    boot();
    const bootedAt = cluster.now;
    cluster.run(silence + expire - 200);
    expect(counter(cluster, 'beta', 'beacon-older-epoch')).toBeGreaterThan((2 * 1500) / beat);
    expect(pathsTo(cluster, 'beta', 'alpha').map(({ state }) => state)).toEqual(['up', 'up']);
    expect(cluster.told('beta', 'beacons-heard')).toEqual([]);
    cluster.forget();
    fail(cluster, 'silence', 'alpha', 1);
    cluster.run(0.05 * expire);
    expect(cluster.stream('beta', 'alpha').fate).toBe('delivered');
    cluster.run(0.2 * expire);
    const [heard] = cluster.told('beta', 'beacons-heard');
    expect(heard!.at - bootedAt).toBeGreaterThan(expire);
    expect(heard!.at - bootedAt).toBeLessThanOrEqual(expire + silence + beat);
  });

  test('counts as new where nothing was heard of it before', () => {
    const cluster = Cluster.started({ beacons: plan });
    const restart = fail(cluster, 'kill', 'beta');
    const boot = fail(cluster, 'clock-back', 'alpha');
    cluster.run(100);
    restart();
    boot();
    cluster.run(beat);
    expect(cluster.told('beta', 'beacons-heard').map(({ fields }) => fields.peer)).toContain('alpha');
    expect(counter(cluster, 'beta', 'beacon-older-epoch')).toBe(0);
  });
});

describe('keys', () => {
  test('are rolled one host after the other, and nobody is lost', () => {
    const held: number[][] = [[1], [1], [1]];
    const cluster = Cluster.started({ beacons: { ...beacons, keys: (host) => held[host]! } });
    for (const keys of [[1, 2], [2, 1], [2]]) {
      for (const host of cluster.hosts) {
        held[cluster.hosts.indexOf(host)] = keys;
        host.rekey(keys);
        cluster.run(2 * beat);
      }
    }
    cluster.run(500);
    for (const { name } of cluster.hosts) {
      expect(counter(cluster, name, 'beacon-unknown-key')).toBe(0);
      expect(cluster.told(name, 'path-suspect').concat(cluster.told(name, 'beacons-lost'))).toEqual([]);
    }
    expect(cluster.lost).toBe(0);
  });

  test('a host with another key takes part by ARP', () => {
    const cluster = Cluster.started({ beacons: { ...beacons, keys: (host) => (host === 0 ? [7] : [1]) } });
    cluster.run(1000);
    expect(growth(cluster, 'alpha', 'beacon-unknown-key', 1000)).toBe((4 * 1000) / beat);
    expect(growth(cluster, 'beta', 'requests', 1000)).toBeGreaterThanOrEqual((2 * 1000) / interval);
    expect(pathsTo(cluster, 'beta', 'alpha').map(({ state }) => state)).toEqual(['up', 'up']);
    expect(cluster.lost).toBe(0);
  });
});
