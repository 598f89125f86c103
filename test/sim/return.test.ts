import { Cluster } from './cluster';
import { fail } from './fault';
import { DEFAULT_PROBE } from './topology';

const { interval, rise, hold } = DEFAULT_PROBE;

/** When `host` told that its path to `peer` by plane a came into a state. */
function times(cluster: Cluster, host: string, peer: string, state: string): number[] {
  return cluster
    .told(host, `path-${state}`)
    .filter(({ fields }) => fields.peer === peer && fields.plane === 'a')
    .map(({ at }) => at);
}

describe('a path that works again', () => {
  test.each(['pull', 'silence', 'mute', 'deaf', 'switch-off', 'switch-hang', 'link-down'] as const)(
    '%s mended: trusted after rise answers and hold, and its return loses nothing',
    (kind) => {
      const cluster = Cluster.started();
      const mend = fail(cluster, kind, 'alpha');
      cluster.run(500);
      cluster.forget();
      const mendedAt = cluster.now;
      mend();
      cluster.run(2 * hold);
      expect(cluster.lost).toBe(0);
      for (const peer of ['beta', 'gamma']) {
        const [held] = times(cluster, peer, 'alpha', 'held');
        const [up] = times(cluster, peer, 'alpha', 'up');
        expect(held! - mendedAt).toBeLessThanOrEqual(2 * interval);
        expect(up! - held!).toBeGreaterThanOrEqual(hold);
        expect(up! - held!).toBeLessThanOrEqual(hold + 2 * interval);
        expect(cluster.host(peer).agent?.core.failover.activeOf(toAlpha(cluster, peer))?.plane).toBe(0);
      }
    },
  );

  test('with no hold it still needs rise answers in a row', () => {
    const cluster = Cluster.started({ probe: { ...DEFAULT_PROBE, hold: 0 } });
    const mend = fail(cluster, 'silence', 'alpha');
    cluster.run(500);
    cluster.forget();
    mend();
    cluster.run(500);
    const [held] = times(cluster, 'beta', 'alpha', 'held');
    const [up] = times(cluster, 'beta', 'alpha', 'up');
    expect(up! - held!).toBeGreaterThan((rise - 1.5) * interval);
    expect(cluster.lost).toBe(0);
  });

  test('one miss while it is held, and the trial begins anew', () => {
    const cluster = Cluster.started();
    const mend = fail(cluster, 'silence', 'alpha');
    cluster.run(500);
    mend();
    cluster.run(700);
    cluster.forget();
    const again = fail(cluster, 'silence', 'alpha');
    cluster.run(2 * interval);
    again();
    const mendedAt = cluster.now;
    cluster.run(2 * hold);
    expect(cluster.lost).toBe(0);
    const [up] = times(cluster, 'beta', 'alpha', 'up');
    expect(up! - mendedAt).toBeGreaterThanOrEqual(hold);
  });

  test('one that flaps waits twice as long each time, up to 64 times, and one that stood starts afresh', () => {
    const cluster = Cluster.started({ hosts: 2, probe: { ...DEFAULT_PROBE, interval: 10, hold: 40 } });
    const fallAndReturn = () => {
      cluster.forget();
      const mend = fail(cluster, 'silence', 'alpha');
      cluster.run(100);
      mend();
      // It falls again soon after it is trusted.
      while (times(cluster, 'beta', 'alpha', 'up').length === 0) cluster.run(10);
      const [held] = times(cluster, 'beta', 'alpha', 'held');
      const [up] = times(cluster, 'beta', 'alpha', 'up');
      return Math.floor((up! - held!) / 10) * 10;
    };
    const waits = Array.from({ length: 9 }, fallAndReturn);
    expect(waits).toEqual([40, 80, 160, 320, 640, 1280, 2560, 2560, 2560]);
    // Trusted for five times its hold: no flapping any more.
    cluster.run(6 * 2560);
    expect(fallAndReturn()).toBe(40);
  });

  test('packets keep to the steady path while the other flaps', () => {
    const cluster = Cluster.started();
    for (let flap = 0; flap < 20; flap += 1) {
      const mend = fail(cluster, 'silence', 'alpha');
      cluster.run(100);
      mend();
      cluster.run(100);
    }
    // Lost at the first fall alone: later ones found the path not trusted.
    for (const { gaps } of cluster.streams) expect(gaps.length).toBeLessThanOrEqual(1);
  });
});

function toAlpha(cluster: Cluster, host: string) {
  return cluster.host(host).agent!.topology.peers.find(({ name }) => name === 'alpha')!;
}
