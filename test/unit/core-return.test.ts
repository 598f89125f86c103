import fc from 'fast-check';
import { Bench, EPSILON, MAC, OTHER, PROBE, silent } from './core-liveness-bench';

describe('coming back', () => {
  test('needs rise answers and hold', () => {
    const bench = Bench.down();
    bench.become(() => 0.2);
    const from = bench.now;
    bench.run(from + 3 * PROBE.hold);
    const held = bench.entered('held', from);
    expect(held - from).toBeLessThanOrEqual(PROBE.interval + 0.2 + EPSILON);
    expect(bench.entered('up', from) - held).toBeGreaterThanOrEqual(PROBE.hold);
    expect(bench.liveness).toMatchObject({ state: 'up', cause: 'steady' });
  });

  test('at once where the options ask for no more than an answer', () => {
    const bench = Bench.down({ ...PROBE, rise: 1, hold: 0 });
    bench.become(() => 0.2);
    const from = bench.now;
    bench.run(from + 100);
    expect(bench.states.at(-1)).toMatchObject({ state: 'up' });
    expect(bench.states.some(({ at, state }) => at >= from && state === 'held')).toBe(false);
  });

  test('a single miss ends the trial', () => {
    const bench = Bench.down();
    bench.become(() => 0.2);
    bench.run(bench.now + 500);
    expect(bench.liveness.state).toBe('held');
    bench.become(silent);
    const from = bench.now;
    bench.run(bench.liveness.wakeAt);
    expect(bench.requestsSince(from)).toHaveLength(1);
    bench.run(bench.now + PROBE.retry + EPSILON);
    expect(bench.liveness.state).toBe('down');
  });

  test('is faster after a restart of ours than a trial: what was adopted as down is held at its first answer', () => {
    const bench = new Bench();
    bench.liveness.distrust(0, 'adopted');
    bench.run(100);
    expect(bench.liveness.state).toBe('held');
    bench.run(2 * PROBE.hold);
    expect(bench.liveness.state).toBe('up');
    // Its first coming is no return: it may fall without being taken for flapping.
    bench.become(silent);
    bench.run(bench.now + 500);
    expect(bench.liveness.hold).toBe(PROBE.hold);
  });

  test('takes twice as long each time for a path that flaps, up to 64 times', () => {
    const bench = Bench.down({ ...PROBE, hold: 100 });
    const holds: number[] = [];
    for (let fall = 0; fall < 9; fall += 1) {
      holds.push(bench.liveness.hold);
      bench.become(() => 0.2);
      bench.run(bench.now + bench.liveness.hold + 300);
      expect(bench.liveness.state).toBe('up');
      bench.become(silent);
      bench.run(bench.now + 300);
    }
    expect(holds).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 6400, 6400]);
    bench.become(() => 0.2);
    bench.run(bench.now + 6400 * 7);
    bench.become(silent);
    bench.run(bench.now + 300);
    expect(bench.liveness.hold).toBe(100);
  });
});

describe('a path that is down', () => {
  test('is asked once an interval, and everybody once a second', () => {
    const bench = Bench.down();
    const from = bench.now;
    bench.run(from + 10_000);
    const requests = bench.requests.filter(({ at }) => at >= from);
    expect(requests.length).toBeLessThanOrEqual(10_000 / PROBE.interval + 1);
    const broadcasts = requests.filter(({ kind }) => kind === 'broadcast').length;
    expect(broadcasts).toBeGreaterThanOrEqual(9);
    expect(broadcasts).toBeLessThanOrEqual(11);
  });

  test('of which no address is known asks everybody, once a second', () => {
    const bench = new Bench(PROBE, silent);
    bench.run(1000);
    const from = bench.now;
    bench.run(from + 10_000);
    expect(bench.requestsSince(from).length).toBeLessThanOrEqual(11);
    expect(bench.requests.every(({ kind }) => kind === 'broadcast')).toBe(true);
  });

  test('takes another address only where everybody was asked', () => {
    const { liveness } = Bench.down();
    liveness.revive(10_000);
    expect(liveness.tick(10_000)).toEqual({ probe: 'broadcast' });
    expect(liveness.expects).toBeUndefined();
    liveness.revive(10_100);
    expect(liveness.tick(10_100)).toEqual({ probe: 'unicast' });
    expect(liveness.expects).toBe(MAC);
    liveness.revive(11_200);
    liveness.tick(11_200);
    liveness.answer(OTHER, 11_200.2, 11_200.2);
    expect(liveness).toMatchObject({ state: 'held', mac: OTHER, expects: OTHER });
  });
});

describe('a link that does not work', () => {
  test('takes the path down without asking, and up again only by answers', () => {
    const bench = Bench.up();
    expect(bench.liveness.fail(bench.now, 'carrier-lost')).toEqual({ from: 'up' });
    expect(bench.liveness).toMatchObject({ state: 'down', cause: 'carrier-lost', waits: false });
    expect(bench.liveness.fail(bench.now, 'link-down')).toEqual({});
    bench.liveness.revive(bench.now);
    bench.run(bench.now + 100);
    expect(bench.liveness.state).toBe('held');
  });
});

test('new options apply to what comes next', () => {
  const bench = Bench.up({ ...PROBE, interval: 10_000 });
  bench.liveness.retime(PROBE, bench.now);
  expect(bench.liveness.wakeAt).toBeLessThanOrEqual(bench.now + PROBE.interval);
});

describe('whatever comes, in whatever order', () => {
  const events = fc.array(
    fc.record({
      pause: fc.double({ min: 0, max: 200, noNaN: true }),
      act: fc.constantFrom('silence', 'answers', 'slow', 'hint', 'fail', 'revive', 'retime'),
    }),
    { maxLength: 60 },
  );

  test('it never spins, never trusts a path that fell without a trial, and always wants to be woken', () => {
    fc.assert(
      fc.property(events, (list) => {
        const bench = new Bench();
        for (const { pause, act } of list) {
          bench.run(bench.now + pause);
          if (act === 'silence') bench.become(silent);
          if (act === 'answers') bench.become(() => 0.2);
          if (act === 'slow') bench.become(() => 30);
          if (act === 'hint') bench.take(bench.liveness.verify(bench.now));
          if (act === 'fail') bench.take(bench.liveness.fail(bench.now, 'carrier-lost'));
          if (act === 'revive') bench.liveness.revive(bench.now);
          if (act === 'retime') bench.liveness.retime(PROBE, bench.now);
          expect(Number.isFinite(bench.liveness.wakeAt)).toBe(true);
        }
        bench.states.forEach(({ state }, index) => {
          const before = bench.states[index - 1]?.state ?? 'unknown';
          if (before === 'down') expect(state).toBe('held');
          if (state === 'held') expect(before).toBe('down');
        });
        const acts = list.length;
        const limit =
          (2 * PROBE.misses * (bench.now + PROBE.interval)) / PROBE.interval + PROBE.misses * acts + 10;
        expect(bench.requests.length).toBeLessThanOrEqual(limit);
      }),
    );
  });
});
