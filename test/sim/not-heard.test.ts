import { Cluster } from './cluster';
import { fail } from './fault';
import { counter, pathsTo } from './inspect';
import { DEFAULT_BEACONS, DEFAULT_PROBE } from './topology';

const beacons = DEFAULT_BEACONS;
const { interval: beat } = beacons.options;
const { hold } = DEFAULT_PROBE;

/** Paths that are down by the word of the far end. */
const followed = (cluster: Cluster) =>
  cluster.notes.filter(({ event, fields }) => event === 'path-down' && fields.cause === 'not-heard');

describe('who is not heard any more', () => {
  test.each(['deaf', 'mute'] as const)('%s: follows the other end at once, at every moment', (kind) => {
    for (let offset = 0; offset < beat; offset += 2.5) {
      const cluster = Cluster.started({ beacons, hosts: 2 });
      cluster.run(offset);
      fail(cluster, kind, 'alpha');
      cluster.run(500);
      const downs = cluster.notes.filter(({ event }) => event === 'path-down');
      expect(downs.map(({ host }) => host).sort()).toEqual(['alpha', 'beta']);
      expect(downs[1]!.fields.cause).toBe('not-heard');
      expect(downs[1]!.at - downs[0]!.at).toBeLessThan(1);
    }
  });
});

describe('nobody is taken for not heard', () => {
  test('that its peer started anew, or itself, however long that took', () => {
    for (const victims of [['alpha'], ['beta'], ['alpha', 'beta'], ['alpha', 'beta', 'gamma']]) {
      for (let away = 0.5; away < 4 * beat; away += 7) {
        const cluster = Cluster.started({ beacons });
        const starts = victims.map((host) => fail(cluster, 'kill', host));
        for (const start of starts) {
          cluster.run(away);
          start();
        }
        cluster.run(500);
        expect(cluster.notes.filter(({ event }) => event === 'path-down')).toEqual([]);
        expect(cluster.lost).toBe(0);
      }
    }
  });

  test('because its own link was away for a moment while its agent stood still (seed 215)', () => {
    for (let offset = 0; offset < beat; offset += 2.5) {
      const cluster = Cluster.started({ beacons });
      cluster.run(offset);
      // So shortly that the peers still count on its beacons.
      const resume = fail(cluster, 'pause', 'alpha');
      const mend = fail(cluster, 'pull', 'alpha', 1);
      cluster.run(2);
      mend();
      cluster.run(2);
      resume();
      cluster.run(500);
      for (const peer of ['beta', 'gamma']) expect(cluster.told(peer, 'path-down')).toEqual([]);
    }
  });

  test('because it stood still as a whole, and nobody could hear it', () => {
    for (const away of [30, 60, 300, 5000]) {
      const cluster = Cluster.started({ beacons });
      const mends = [0, 1].map((plane) => fail(cluster, 'silence', 'alpha', plane));
      const resume = fail(cluster, 'pause', 'alpha');
      cluster.run(away);
      for (const mend of mends) mend();
      resume();
      cluster.run(2 * hold);
      expect(cluster.told('alpha', 'path-down')).toEqual([]);
      for (const peer of ['beta', 'gamma'])
        for (const path of pathsTo(cluster, 'alpha', peer))
          expect([path.state, path.hearing.mutual]).toEqual(['up', true]);
    }
  });

  test('because beacons are lost now and then', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const cluster = Cluster.started({ seed, beacons });
      cluster.wire.conditions = { ...cluster.wire.conditions, loss: 0.02 };
      cluster.run(2000);
      expect(followed(cluster)).toEqual([]);
      expect(counter(cluster, 'alpha', 'requests')).toBeGreaterThan(0);
    }
  });
});
