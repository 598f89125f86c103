import { Cluster } from './cluster';
import { fail } from './fault';
import { counter } from './inspect';
import { DEFAULT_ARP, DEFAULT_BEACONS } from './topology';

const beacons = DEFAULT_BEACONS;
const { interval: beat } = beacons.options;

/** Lets a second pass, and puts a frame on a plane each ms. */
function during(cluster: Cluster, forge: (time: number) => Uint8Array | undefined, plane = 0): void {
  for (let time = 0; time < 1000; time += 1) {
    const bytes = forge(time);
    if (bytes !== undefined) cluster.inject(plane, bytes);
    cluster.run(1);
  }
}

/** Says that nothing has changed anywhere, and nobody was troubled. */
function expectNothing(cluster: Cluster): void {
  expect(cluster.lost).toBe(0);
  const troubles = [
    'path-suspect',
    'path-down',
    'failover',
    'beacons-lost',
    'planes-joined',
    'host-discovered',
  ];
  expect(cluster.notes.filter(({ event }) => troubles.includes(event))).toEqual([]);
}

describe('beacons of somebody without the key', () => {
  test('recorded ones: refused at once, and nothing moves', () => {
    const cluster = Cluster.started({ beacons });
    cluster.run(1000);
    during(cluster, (time) => Uint8Array.from(cluster.overheard(0)[time % 20]!));
    expectNothing(cluster);
    // Each is heard by two others; the sender knows its own.
    expect(counter(cluster, 'alpha', 'beacon-replayed')).toBeGreaterThan(500);
  });

  test('a recorded withdrawal moves nothing once the link is back', () => {
    const cluster = Cluster.started({ beacons });
    const mend = fail(cluster, 'pull', 'alpha');
    cluster.run(20);
    const withdrawals = cluster
      .overheard(1)
      .slice(-8)
      .map((bytes) => Uint8Array.from(bytes));
    mend();
    cluster.run(3000);
    cluster.forget();
    during(cluster, (time) => withdrawals[time % 8], 1);
    expectNothing(cluster);
  });

  test('those of a former run of the agent', () => {
    const cluster = Cluster.started({ beacons });
    const recorded = cluster.overheard(0).map((bytes) => Uint8Array.from(bytes));
    const start = fail(cluster, 'kill', 'alpha');
    cluster.run(10);
    start();
    cluster.run(1000);
    cluster.forget();
    during(cluster, (time) => recorded[time % recorded.length]);
    expectNothing(cluster);
    expect(counter(cluster, 'beta', 'beacon-older-epoch')).toBeGreaterThan(100);
  });

  test('with any one bit changed', () => {
    const cluster = Cluster.started({ beacons });
    const tables = cluster.hosts.map(({ kernel }) => kernel.readTable());
    during(cluster, (time) => {
      const bytes = Uint8Array.from(cluster.overheard(0).at(-1)!);
      const at = 6 + (time % (bytes.length - 6));
      bytes[at]! ^= 1 << (Math.floor(time / bytes.length) % 8);
      return bytes;
    });
    expectNothing(cluster);
    expect(cluster.hosts.map(({ kernel }) => kernel.readTable())).toEqual(tables);
    expect(counter(cluster, 'beta', 'beacon-bad-tag')).toBeGreaterThan(100);
  });

  test('carried over to another plane: they are not taken there', () => {
    const cluster = Cluster.started({ beacons, hosts: 2 });
    const before = counter(cluster, 'beta', 'beacon-wrong-plane');
    during(
      cluster,
      (time) => (time % 50 === 0 ? Uint8Array.from(cluster.overheard(0).at(-1)!) : undefined),
      1,
    );
    expect(counter(cluster, 'beta', 'beacon-wrong-plane') - before).toBeGreaterThan(5);
    expect(cluster.lost).toBe(0);
    for (const { name } of cluster.hosts) expect(cluster.told(name, 'path-suspect')).toEqual([]);
  });
});

describe('planes that a cable joins', () => {
  test('are recognised within two intervals, at every moment', () => {
    for (let offset = 0; offset < beat; offset += 5) {
      const cluster = Cluster.started({ beacons });
      cluster.run(offset);
      const joinedAt = cluster.now;
      cluster.backplane(0).join(cluster.backplane(1), true, cluster.now);
      cluster.run(1000);
      for (const { name, agent } of cluster.hosts) {
        const told = cluster.told(name, 'planes-joined');
        expect(told).toHaveLength(1);
        expect(told[0]!.at - joinedAt).toBeLessThanOrEqual(2 * beat);
        expect(agent!.core.responder).toMatchObject({ acting: 'agent', reason: 'planes-joined' });
      }
      expect(cluster.lost).toBe(0);
    }
  });

  test('the beacons of the other plane are not taken, and failover goes on', () => {
    const cluster = Cluster.started({ beacons });
    cluster.backplane(0).join(cluster.backplane(1), true, cluster.now);
    cluster.run(1000);
    expect(counter(cluster, 'beta', 'beacon-wrong-plane')).toBeGreaterThanOrEqual((4 * 900) / beat);
    cluster.forget();
    fail(cluster, 'pull', 'alpha');
    cluster.run(500);
    expect(cluster.stream('beta', 'alpha').longestGap).toBeLessThanOrEqual(0.5);
    expect(cluster.stream('alpha', 'beta').lost).toBe(0);
    expect(cluster.stream('beta', 'alpha').fate).toBe('delivered');
  });

  test('without beacons only the next announcement tells it', () => {
    const cluster = Cluster.started({ arp: { ...DEFAULT_ARP, refresh: 5000 } });
    cluster.run(5000);
    cluster.backplane(0).join(cluster.backplane(1), true, cluster.now);
    cluster.run(1000);
    expect(cluster.told('alpha', 'planes-joined')).toEqual([]);
    cluster.run(5000);
    expect(cluster.told('alpha', 'planes-joined')).toHaveLength(1);
  });
});
