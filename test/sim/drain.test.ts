import { Cluster, type ClusterOptions } from './cluster';
import { fail } from './fault';
import { pathsTo, planeChosen, routesTo } from './inspect';
import { DEFAULT_ARP, DEFAULT_BEACONS, DEFAULT_PROBE } from './topology';

const { interval, misses, retry, hold } = DEFAULT_PROBE;
/** What `multihomectl drain` waits before it returns: agent/maintenance.ts. */
const TIME_TO_LEAVE = 2 * (interval + misses * retry);
/** What agents and the wire add to the time in which a hint is verified, in ms. */
const SLACK = 1.5;
const PEERS = ['beta', 'gamma'];

const MODES: [string, Partial<ClusterOptions>][] = [
  ['by ARP alone, where the kernel answers', {}],
  ['by ARP alone, where the agent answers', { arp: { ...DEFAULT_ARP, responder: 'agent' } }],
  ['by beacons', { beacons: DEFAULT_BEACONS }],
  ['where one peer sends no beacons', { beacons: { ...DEFAULT_BEACONS, speaks: (host) => host !== 2 } }],
];

/** By which plane alpha and its peers send to each other. */
function planes(cluster: Cluster): (number | undefined)[] {
  return PEERS.flatMap((peer) => [
    routesTo(cluster, 'alpha', peer)[0]?.[0],
    routesTo(cluster, peer, 'alpha')[0]?.[0],
  ]);
}

const all = (plane: number) => PEERS.flatMap(() => [plane, plane]);

describe.each(MODES)('a link is drained for maintenance: %s', (_mode, options) => {
  test('nothing is lost at the drain, while the card is out, when it is back, and at the undrain', () => {
    for (let offset = 0; offset < interval; offset += 5) {
      const cluster = Cluster.started({ ...options, seed: 1 + offset });
      cluster.run(offset);
      const undrain = fail(cluster, 'drain', 'alpha', 0);
      cluster.run(retry + SLACK);
      expect(planes(cluster)).toEqual(all(1));
      cluster.run(TIME_TO_LEAVE);
      const back = fail(cluster, 'pull', 'alpha', 0);
      cluster.run(500);
      back();
      cluster.run(3 * hold);
      expect(planes(cluster)).toEqual(all(1));
      undrain();
      expect(PEERS.map((peer) => planeChosen(cluster, 'alpha', peer))).toEqual([0, 0]);
      cluster.run(4 * hold);
      expect(planes(cluster)).toEqual(all(0));
      expect(cluster.lost).toBe(0);
    }
  });

  test.each([10, 5000])('an agent that is away for %d ms meanwhile changes nothing', (pause) => {
    const cluster = Cluster.started(options);
    const undrain = fail(cluster, 'drain', 'alpha', 0);
    cluster.run(TIME_TO_LEAVE);
    const start = fail(cluster, 'kill', 'alpha');
    for (let time = 0; time < pause; time += 10) {
      cluster.run(10);
      expect(planes(cluster)).toEqual(all(1));
    }
    start();
    for (let time = 0; time < 3 * hold; time += 10) {
      cluster.run(10);
      expect(planes(cluster)).toEqual(all(1));
    }
    undrain();
    cluster.run(4 * hold);
    expect(planes(cluster)).toEqual(all(0));
    expect(cluster.lost).toBe(0);
  });

  test('no link is drained that alone reaches a peer', () => {
    const cluster = Cluster.started(options);
    fail(cluster, 'silence', 'beta', 1);
    cluster.run(1000);
    cluster.forget();
    fail(cluster, 'drain', 'alpha', 0);
    cluster.run(1000);
    expect(cluster.told('alpha', 'drained')).toEqual([]);
    expect(cluster.lost).toBe(0);
  });

  test.each([
    ['pull', 0],
    ['pull', 1],
    ['silence', 0],
    ['silence', 1],
  ] as const)('the other link fails meanwhile (%s), and plane %d is used until it is back', (kind, plane) => {
    const cluster = Cluster.started(options);
    fail(cluster, 'drain', 'alpha', plane);
    cluster.run(TIME_TO_LEAVE);
    const back = fail(cluster, kind, 'alpha', 1 - plane);
    cluster.run(500);
    // Noticed here, and told; the far ends may have to notice first by themselves, and ask on the drained link until they are answered.
    for (const { longestGap } of cluster.streams) expect(longestGap).toBeLessThanOrEqual(TIME_TO_LEAVE);
    expect(cluster.told('alpha', 'drain-overridden')).toHaveLength(1);
    expect(pathsTo(cluster, 'alpha', 'beta')[plane]).toMatchObject({ state: 'drained', beneath: 'up' });
    expect(planes(cluster)).toEqual(all(plane));
    cluster.forget();
    back();
    cluster.run(4 * hold);
    expect(cluster.told('alpha', 'drain-resumed')).toHaveLength(1);
    expect(planes(cluster)).toEqual(all(1 - plane));
    expect(cluster.lost).toBe(0);
  });
});
