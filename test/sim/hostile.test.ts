import type { Ipv4, Mac } from '../../agent/wire/address';
import { arpAnnouncement, arpReply, arpRequest, encodeArp } from '../../agent/wire/arp';
import { Cluster } from './cluster';
import { fail } from './fault';
import { Random } from './random';
import { DEFAULT_PROBE } from './topology';

const { interval, misses, retry } = DEFAULT_PROBE;
const FORGER = 0x02bad0000001 as Mac;

function requests(cluster: Cluster, host: string): number {
  return cluster.host(host).agent!.core.counters.get('requests') ?? 0;
}

/** Calls `forge` `pace` ms apart for a second; the requests that beta sent meanwhile. */
function during(cluster: Cluster, pace: number, forge: () => void): number {
  const before = requests(cluster, 'beta');
  for (let time = 0; time < 1000; time += pace) {
    forge();
    cluster.run(pace);
  }
  return requests(cluster, 'beta') - before;
}

describe('forged frames', () => {
  test('announcements with another address move nothing, and cost one verification an interval at most', () => {
    const cluster = Cluster.started();
    const { alias } = cluster.host('alpha');
    const tables = cluster.hosts.map(({ kernel }) => kernel.readTable());
    const calm = during(cluster, 1, () => undefined);
    const sent = during(cluster, 1, () => cluster.inject(0, encodeArp(arpAnnouncement(FORGER, alias))));
    expect(cluster.lost).toBe(0);
    expect(cluster.hosts.map(({ kernel }) => kernel.readTable())).toEqual(tables);
    expect(sent - calm).toBeGreaterThan(0);
    // beta verifies its two paths to alpha: one request each, for it is answered.
    expect(sent - calm).toBeLessThanOrEqual(2 * (1000 / interval + 1));
  });

  test('announcements from everybody on every plane', () => {
    const cluster = Cluster.started();
    const aliases = cluster.hosts.map(({ alias }) => alias);
    const sent = during(cluster, 0.5, () => {
      for (const alias of aliases)
        for (const plane of [0, 1]) cluster.inject(plane, encodeArp(arpAnnouncement(FORGER, alias)));
    });
    expect(cluster.lost).toBe(0);
    expect(sent).toBeLessThanOrEqual(4 * (2000 / interval + misses));
    for (const host of ['alpha', 'beta', 'gamma']) expect(cluster.told(host, 'path-down')).toEqual([]);
    // Its own alias in another's mouth: defended once in ten seconds, never given up.
    for (const host of ['alpha', 'beta', 'gamma'])
      expect(cluster.told(host, 'alias-conflict')).toHaveLength(1);
  });

  test.each([0, 1])(
    'announcements with another address on plane %i take nothing from a real one',
    (plane) => {
      for (let offset = 0; offset < interval; offset += 3) {
        const cluster = Cluster.started();
        const { alias } = cluster.host('alpha');
        const forge = (ms: number) => {
          for (let time = 0; time < ms; time += 1) {
            cluster.inject(plane, encodeArp(arpAnnouncement(FORGER, alias)));
            cluster.run(1);
          }
        };
        forge(200 + offset);
        fail(cluster, 'pull', 'alpha');
        forge(200);
        expect(cluster.stream('beta', 'alpha').longestGap).toBeLessThanOrEqual(2 * retry);
        expect(cluster.stream('beta', 'alpha').fate).toBe('delivered');
      }
    },
  );

  test('a flood on the plane that is left: strangers are kept out, and the peer is heard', () => {
    for (let offset = 0; offset < interval; offset += 10) {
      const cluster = Cluster.started({ hosts: 2 });
      const junk = Array.from({ length: 8 }, (_, number) =>
        encodeArp(arpRequest((FORGER + number) as Mac, 0x0a4d0063 as Ipv4, 0x0a4d0062 as Ipv4)),
      );
      const flood = (ms: number) => {
        for (let time = 0; time < ms; time += 1) {
          for (const frame of junk) cluster.inject(1, frame);
          cluster.run(1);
        }
      };
      flood(400 + offset);
      expect(cluster.told('beta', 'flood')).toMatchObject([
        { fields: { link: 'eth1', frames: 'broadcast', by: 'strangers' } },
      ]);
      fail(cluster, 'pull', 'alpha');
      flood(200);
      expect(cluster.stream('beta', 'alpha').longestGap).toBeLessThanOrEqual(2 * retry);
      expect(cluster.stream('beta', 'alpha').fate).toBe('delivered');
      cluster.run(3000);
      expect(cluster.told('beta', 'flood-over')).toHaveLength(1);
    }
  });

  test('answers from another address while the path is trusted', () => {
    const cluster = Cluster.started();
    const [alpha, beta] = [cluster.host('alpha'), cluster.host('beta')];
    const question = arpRequest(beta.link(0).mac, beta.alias, alpha.alias);
    const table = beta.kernel.readTable();
    during(cluster, 0.2, () => cluster.inject(0, encodeArp(arpReply(question, FORGER))));
    expect(cluster.lost).toBe(0);
    expect(beta.kernel.readTable()).toEqual(table);
    const { counters } = beta.agent!.core;
    // Then strangers are kept out.
    expect((counters.get('foreign-mac') ?? 0) + (counters.get('unsolicited') ?? 0)).toBeGreaterThan(1000);
    expect(cluster.told('beta', 'flood')).toMatchObject([{ fields: { frames: 'directed' } }]);
  });

  test('a path that is down: only whom we asked may answer, and everybody is asked once a second', () => {
    const cluster = Cluster.started();
    const [alpha, beta] = [cluster.host('alpha'), cluster.host('beta')];
    cluster.run(1000);
    fail(cluster, 'silence', 'alpha');
    // Everybody is asked when the path goes down; after that interval only the known address is.
    cluster.run(interval + misses * retry + 2 * interval);
    const question = arpRequest(beta.link(0).mac, beta.alias, alpha.alias);
    for (let time = 0; time < 800; time += 1) {
      cluster.inject(0, encodeArp(arpReply(question, FORGER)));
      cluster.run(1);
    }
    expect(cluster.told('beta', 'path-held')).toEqual([]);
    expect(beta.kernel.neighbor(beta.link(0).ifindex, alpha.alias)).toBe(alpha.link(0).mac);
  });

  test('noise: no frame of random bytes changes anything', () => {
    const cluster = Cluster.started();
    const random = new Random(42);
    const tables = cluster.hosts.map(({ kernel }) => kernel.readTable());
    const [alpha, beta] = [cluster.host('alpha'), cluster.host('beta')];
    const frames = [
      encodeArp(arpAnnouncement(FORGER, alpha.alias)),
      encodeArp(arpRequest(FORGER, 0x0a4d0063 as Ipv4, beta.alias)),
      encodeArp(arpReply(arpRequest(beta.link(0).mac, beta.alias, alpha.alias), FORGER)),
    ];
    during(cluster, 0.5, () => {
      const frame = random.pick(frames).slice(0, random.below(61));
      for (let index = random.below(4); index > 0; index -= 1) frame[random.below(60)] = random.below(256);
      cluster.inject(random.below(2), frame);
    });
    expect(cluster.lost).toBe(0);
    expect(cluster.hosts.map(({ kernel }) => kernel.readTable())).toEqual(tables);
  });
});

describe('the address of a peer', () => {
  test('changes: its announcement moves the traffic within a retry, the entry follows, and it returns after its trial', () => {
    const cluster = Cluster.started();
    cluster.run(1000);
    const alpha = cluster.host('alpha');
    const mac = alpha.changeMac(0);
    cluster.run(1500);
    for (const name of ['beta', 'gamma']) {
      const peer = cluster.host(name);
      expect(cluster.stream(name, 'alpha').longestGap).toBeLessThanOrEqual(retry + 1.5);
      expect(cluster.stream('alpha', name).lost).toBeLessThanOrEqual(1);
      expect(peer.kernel.neighbor(peer.link(0).ifindex, alpha.alias)).toBe(mac);
      expect(cluster.told(name, 'path-up')).toMatchObject([{ fields: { plane: 'a', cause: 'steady' } }]);
    }
  });

  test('changes where there is one plane only: found within a retry, since everybody is asked', () => {
    const cluster = Cluster.started({ planes: 1 });
    // Everybody is asked once a second at most, and was at the start.
    cluster.run(1000);
    cluster.host('alpha').changeMac(0);
    cluster.run(500);
    expect(cluster.stream('beta', 'alpha').longestGap).toBeLessThanOrEqual(retry + 1.5);
    expect(cluster.stream('beta', 'alpha').fate).toBe('delivered');
  });
});
