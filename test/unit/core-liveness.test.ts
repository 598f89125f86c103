import fc from 'fast-check';
import { Liveness } from '../../agent/core/liveness';
import { Pace } from '../../agent/core/pace';
import type { Mac } from '../../agent/wire/address';
import { Bench, EPSILON, MAC, PROBE, silent } from './core-liveness-bench';

describe('a path that works', () => {
  test('is asked at once, everybody first, and then its verified address once an interval', () => {
    const bench = new Bench();
    bench.run(1000);
    expect(bench.requests[0]).toEqual({ at: 0, kind: 'broadcast' });
    expect(bench.requests.slice(1).every(({ kind }) => kind === 'unicast')).toBe(true);
    expect(bench.requests).toHaveLength(1 + 1000 / PROBE.interval);
    expect(bench.liveness.mac).toBe(MAC);
    expect(bench.states).toEqual([{ at: 0.2, state: 'up' }]);
  });

  test('the requests of many paths spread over the interval', () => {
    const bench = new Bench(PROBE, () => 0, 0.3);
    bench.run(100);
    expect(bench.requestsSince(1)[0]).toBeCloseTo(0.3 * PROBE.interval);
  });

  test('the time that sending takes does not lengthen the interval', () => {
    const liveness = new Liveness(PROBE, 0, 0);
    const asked: number[] = [];
    for (let now = 0; asked.length < 10; now = liveness.wakeAt) {
      if (liveness.tick(now).probe !== undefined) asked.push(now);
      liveness.sent(now + 4, now + 4);
      liveness.answer(MAC, now + 4.1, now + 4.2);
    }
    const steady = asked.slice(1);
    const pauses = steady.slice(1).map((time, index) => time - steady[index]!);
    for (const pause of pauses) expect(pause).toBeCloseTo(PROBE.interval);
  });

  test('has the round trip of its answers', () => {
    const bench = Bench.up(PROBE, () => 2);
    expect(bench.liveness.rtt).toBeCloseTo(2);
    bench.become(() => 4);
    bench.run(10_000);
    expect(bench.liveness.rtt).toBeCloseTo(4, 1);
  });

  test('stays up where the round trip is longer than retry, and varies', () => {
    const bench = Bench.up(PROBE, (at) => 20 + 15 * Math.abs(Math.sin(at)));
    const before = bench.states.length;
    bench.run(20_000);
    expect(bench.states.slice(before).filter(({ state }) => state === 'down')).toEqual([]);
  });
});

describe('silence', () => {
  test('one miss makes it suspect, and misses in a row make it down, retry apart', () => {
    const bench = Bench.up();
    bench.become(silent);
    const from = bench.now;
    bench.run(from + 200);
    const [first, second, third] = bench.requestsSince(from);
    expect(second! - first!).toBeCloseTo(PROBE.retry);
    expect(third! - second!).toBeCloseTo(PROBE.retry);
    expect(bench.entered('suspect', from)).toBeCloseTo(second!);
    expect(bench.entered('down', from)).toBeCloseTo(third! + PROBE.retry);
    expect(bench.liveness).toMatchObject({ state: 'down', cause: 'silence', trouble: first });
  });

  test('one answer to any of them ends the suspicion', () => {
    const bench = Bench.up();
    const from = bench.now;
    let asked = 0;
    bench.become(() => (++asked % PROBE.misses === 0 ? 0.2 : undefined));
    bench.run(from + 5000);
    expect(bench.states.filter(({ state }) => state === 'down')).toEqual([]);
    expect(bench.liveness.state).not.toBe('down');
  });

  test('is found within interval + misses × retry, whenever it begins and however the options stand', () => {
    const options = fc.record({
      interval: fc.integer({ min: 5, max: 1000 }),
      // With less, the least that is added to the round trip makes the wait longer than retry.
      retry: fc.integer({ min: 2, max: 50 }),
      misses: fc.integer({ min: 1, max: 10 }),
      rise: fc.constant(3),
      hold: fc.constant(100),
    });
    fc.assert(
      fc.property(options, fc.double({ min: 0, max: 1, noNaN: true }), (probe, share) => {
        // Longer than the time-out of the answers would be another rule's business.
        const bench = new Bench(probe, () => probe.retry / 10);
        bench.run(20 * probe.interval + share * probe.interval);
        bench.become(silent);
        const from = bench.now;
        const bound = probe.interval + probe.misses * probe.retry;
        bench.run(from + bound + EPSILON);
        expect(bench.liveness.state).toBe('down');
      }),
    );
  });

  test('waits as long as the answers took lately (RFC 6298), not longer', () => {
    const bench = Bench.up(PROBE, () => 20);
    bench.run(20_000);
    bench.become(silent);
    const from = bench.now;
    bench.run(from + 2000);
    const [first, second, third] = bench.requestsSince(from);
    expect(second! - first!).toBeGreaterThan(20);
    expect(second! - first!).toBeLessThan(30);
    expect(third! - second!).toBeCloseTo(PROBE.retry);
    expect(bench.entered('down', from) - third!).toBeGreaterThan(20);
  });

  test('an answer to a repeated request is no measurement (Karn)', () => {
    const bench = Bench.up();
    const before = bench.liveness.rtt;
    const from = bench.now;
    bench.become(() => 8);
    bench.run(from + 60);
    expect(bench.liveness.state).toBe('up');
    expect(bench.liveness.rtt).toBe(before);
  });
});

describe('time in which we did not run', () => {
  test('gives the waiting request one more wait, and no second', () => {
    const { liveness } = Bench.up();
    liveness.tick(liveness.wakeAt);
    const late = liveness.wakeAt + 10_000;
    expect(liveness.tick(late)).toEqual({});
    expect(liveness.state).toBe('up');
    expect(liveness.wakeAt).toBeCloseTo(late + PROBE.retry);
    expect(liveness.tick(liveness.wakeAt + 10_000)).toMatchObject({ from: 'up' });
    expect(liveness.state).toBe('suspect');
  });

  test('before the request left the machine is no part of the wait', () => {
    const { liveness } = Bench.up();
    const asked = liveness.wakeAt;
    liveness.tick(asked);
    liveness.sent(asked + 3, asked + 3);
    expect(liveness.wakeAt).toBeCloseTo(asked + 3 + PROBE.retry);
  });

  test('before the request left the machine is no part of the round trip', () => {
    const liveness = new Liveness(PROBE, 0, 0);
    liveness.tick(0);
    liveness.sent(31, 31.1);
    liveness.answer(MAC, 31.5, 33);
    expect(liveness.rtt).toBeCloseTo(0.5);
  });

  test('nor is a pause of ours while it was being sent', () => {
    const liveness = new Liveness(PROBE, 0, 0);
    liveness.tick(0);
    liveness.sent(1, 41);
    liveness.answer(MAC, 40.8, 42);
    expect(liveness.rtt).toBe(0);
  });
});

describe('a hint', () => {
  test('has all requests sent within one retry, and the path down after it', () => {
    const bench = Bench.up();
    bench.become(silent);
    const from = bench.now;
    bench.take(bench.liveness.verify(from));
    bench.run(from + PROBE.retry + EPSILON);
    expect(bench.requestsSince(from).slice(0, PROBE.misses)).toEqual([
      from,
      expect.closeTo(from + PROBE.retry / 3),
      expect.closeTo(from + (2 * PROBE.retry) / 3),
    ]);
    expect(bench.liveness).toMatchObject({ state: 'down', cause: 'hint', trouble: from });
  });

  test('costs one request where the path works, and no state', () => {
    const bench = Bench.up();
    const from = bench.now;
    const before = bench.states.length;
    bench.take(bench.liveness.verify(from));
    bench.run(from + PROBE.interval - 1);
    expect(bench.requestsSince(from)).toEqual([from]);
    expect(bench.states).toHaveLength(before);
  });

  test('is followed at most once an interval', () => {
    const bench = Bench.up();
    const from = bench.now;
    for (let time = 0; time < 1000; time += 1) {
      bench.run(from + time);
      bench.take(bench.liveness.verify(bench.now));
    }
    // No more than the regular requests and as many verifications.
    expect(bench.requestsSince(from).length).toBeLessThanOrEqual(2 * (1000 / PROBE.interval) + 1);
    expect(bench.liveness.state).toBe('up');
  });

  test('says nothing about a path that is being looked into already', () => {
    const bench = new Bench(PROBE, silent);
    bench.run(1);
    expect(bench.liveness.state).toBe('unknown');
    expect(bench.liveness.verify(1)).toEqual({});
  });

  test('has a path that is down asked at once', () => {
    const bench = Bench.down();
    expect(bench.liveness.verify(bench.now).probe).toBeDefined();
    expect(bench.liveness.state).toBe('down');
  });
});

test('what everybody was asked may still be answered by another card, though a hint has it asked again at once', () => {
  const liveness = new Liveness(PROBE, 0, 0);
  liveness.tick(0);
  liveness.answer(MAC, 0.2, 0.2);
  liveness.fail(5000, 'link-gone');
  liveness.revive(5000);
  expect(liveness.tick(5000)).toEqual({ probe: 'broadcast' });
  expect(liveness.verify(5000)).toEqual({ probe: 'unicast' });
  expect(liveness.expects).toBeUndefined();
  // Asked in vain, it is the known card's turn alone.
  expect(liveness.tick(liveness.wakeAt)).toEqual({ probe: 'unicast' });
  expect(liveness.expects).toBe(MAC);
});

test('whoever was up since everybody was asked, and is silent now, has everybody asked again at once, and then once a second', () => {
  const bench = new Bench();
  bench.run(100);
  bench.become(() => undefined);
  bench.run(5000);
  const downAt = bench.states.find(({ state }) => state === 'down')!.at;
  expect(downAt).toBeLessThan(200);
  const broadcasts = bench.requests.filter(({ at, kind }) => at > 0 && kind === 'broadcast');
  expect(broadcasts[0]!.at).toBe(downAt);
  expect(broadcasts).toHaveLength(5);
});

test('another address that is known by other means is asked at once, and nothing counts that the former one missed', () => {
  const liveness = new Liveness(PROBE, 0, 0);
  for (let now = 0; now < 2000; now = liveness.wakeAt) {
    liveness.tick(now);
    liveness.answer(MAC, now + 0.2, now + 0.2);
  }
  liveness.last = true;
  let asked = liveness.tick(liveness.wakeAt);
  while (asked.probe !== 'broadcast') asked = liveness.tick(liveness.wakeAt);
  const now = liveness.wakeAt - 1;
  expect(liveness.pin(0x02_00_00_00_ff_01 as Mac, now)).toBe(true);
  liveness.last = false;
  expect([liveness.wakeAt, liveness.tick(now)]).toEqual([now, { probe: 'unicast' }]);
  liveness.tick(liveness.wakeAt);
  expect(liveness.state).toBe('suspect');
});

describe('a round trip as long as nobody expects', () => {
  const up = { state: 'up', misses: 0, hurried: false, overdue: false, known: true } as const;
  const waitAfter = (...samples: readonly number[]): number => {
    const pace = new Pace(PROBE, 0);
    for (const sample of samples) pace.measure(sample);
    return pace.wait(up);
  };

  test('of a far end that stood still makes the next failure unseen for six intervals at most', () => {
    expect(waitAfter(10_000)).toBeLessThanOrEqual(6 * PROBE.interval);
    const soon = Array.from({ length: 20 }, () => 0.3);
    expect(waitAfter(10_000, ...soon)).toBeLessThan(2 * PROBE.interval);
  });

  test('is waited for where it is so each time', () => {
    for (const far of [100, 1000, 10_000]) {
      const samples = Array.from({ length: 20 }, () => far);
      expect(waitAfter(...samples)).toBeGreaterThan(far);
    }
  });
});
