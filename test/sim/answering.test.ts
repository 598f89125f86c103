import type { Ipv4, Mac } from '../../agent/wire/address';
import { arpRequest, encodeArp } from '../../agent/wire/arp';
import { Cluster } from './cluster';
import { fail } from './fault';
import { DEFAULT_ARP } from './topology';

/** Hosts with these `arp_ignore`, by index; the others have 0. */
const settings =
  (...arpIgnore: number[]) =>
  (host: number) => ({ rpFilter: 1, arpIgnore: arpIgnore[host] ?? 0, addressed: true });

function counter(cluster: Cluster, host: string, name: string): number {
  return cluster.host(host).agent!.core.counters.get(name) ?? 0;
}

// That every request gets exactly one answer is watched in every run: test/sim/invariants.ts.
describe('who answers', () => {
  test('the kernel, where it would: an agent that is gone is not missed', () => {
    const cluster = Cluster.started();
    cluster.run(1000);
    expect(counter(cluster, 'alpha', 'answered')).toBe(0);
    fail(cluster, 'kill', 'alpha');
    cluster.run(5000);
    expect(cluster.lost).toBe(0);
    expect(cluster.told('beta', 'path-suspect')).toEqual([]);
  });

  test('the agent, where the host is hardened', () => {
    const cluster = Cluster.started({ settings: settings(1) });
    cluster.run(2000);
    expect(counter(cluster, 'alpha', 'answered')).toBeGreaterThan(100);
    expect(counter(cluster, 'beta', 'answered')).toBe(0);
    expect(cluster.lost).toBe(0);
    expect(cluster.told('beta', 'path-suspect')).toEqual([]);
  });

  test('nobody, while the agent of a hardened host is gone: its peers keep their routes, and lose nothing', () => {
    const cluster = Cluster.started({ settings: settings(1) });
    const start = fail(cluster, 'kill', 'alpha');
    cluster.run(3000);
    expect(cluster.told('beta', 'peer-unreachable')).toHaveLength(1);
    start();
    cluster.run(3000);
    expect(cluster.told('beta', 'peer-reachable')).toHaveLength(1);
    expect(cluster.lost).toBe(0);
  });

  test('the agent, where it is told to, with the kernel silent as long as it runs', () => {
    const cluster = Cluster.started({ arp: { ...DEFAULT_ARP, responder: 'agent' } });
    const alpha = cluster.host('alpha');
    cluster.run(1000);
    expect(alpha.link(0).settings.arpIgnore).toBe(1);
    expect(counter(cluster, 'alpha', 'answered')).toBeGreaterThan(50);
    fail(cluster, 'kill', 'alpha');
    expect(alpha.link(0).settings.arpIgnore).toBe(0);
    cluster.run(3000);
    expect(cluster.lost).toBe(0);
    expect(cluster.told('beta', 'path-down')).toEqual([]);
  });

  test('the agent, once, where a cable joins the planes', () => {
    const cluster = Cluster.started();
    cluster.backplane(0).join(cluster.backplane(1), true, cluster.now);
    // The next announcement is heard on both cards; until then each kernel answers a broadcast on each.
    cluster.run(3000);
    expect(cluster.told('alpha', 'planes-joined')).toHaveLength(1);
    expect(cluster.host('alpha').agent!.core.responder).toMatchObject({
      acting: 'agent',
      reason: 'planes-joined',
    });
    cluster.forget();
    const before = counter(cluster, 'alpha', 'answered');
    const stranger = 0x02bad0000002 as Mac;
    const question = arpRequest(stranger, 0x0a4d0063 as Ipv4, cluster.host('alpha').alias);
    for (let times = 0; times < 10; times += 1) {
      cluster.inject(times % 2, encodeArp(question));
      cluster.run(1);
    }
    // Both cards hear each of them.
    expect(counter(cluster, 'alpha', 'asked-on-another-link')).toBeGreaterThanOrEqual(10);
    expect(counter(cluster, 'alpha', 'answered') - before).toBeGreaterThanOrEqual(10);
    expect(cluster.lost).toBe(0);
  });
});
