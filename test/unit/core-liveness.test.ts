import fc from 'fast-check';
import { Liveness, type LivenessStep, type PathState } from '../../agent/core/liveness';
import type { ProbeOptions } from '../../agent/core/topology';
import type { Mac } from '../../agent/wire/address';

const PROBE: ProbeOptions = { interval: 50, retry: 5, misses: 3, rise: 3, hold: 1000 };
const MAC = 0x02000000000b as Mac;
const OTHER = 0x02000000000c as Mac;
/** Waits are sums of fractions. */
const EPSILON = 1e-6;

/** What a request meets: the ms until its answer, or undefined for none. */
type FarEnd = (sentAt: number) => number | undefined;

/** A liveness and its far end on a clock. */
class Bench {
  now = 0;
  readonly liveness: Liveness;
  readonly requests: { readonly at: number; readonly kind: 'unicast' | 'broadcast' }[] = [];
  readonly states: { readonly at: number; readonly state: PathState }[] = [];
  private readonly answers: number[] = [];

  constructor(
    readonly options: ProbeOptions = PROBE,
    private farEnd: FarEnd = () => 0.2,
    phase = 0,
  ) {
    this.liveness = new Liveness(options, 0, phase);
  }

  /** The far end is another from now on. */
  become(farEnd: FarEnd): void {
    this.farEnd = farEnd;
  }

  take(step: LivenessStep): void {
    if (step.from !== undefined) this.states.push({ at: this.now, state: this.liveness.state });
    if (step.probe === undefined) return;
    this.requests.push({ at: this.now, kind: step.probe });
    const delay = this.farEnd(this.now);
    if (delay !== undefined) this.answers.push(this.now + delay);
    this.liveness.sent(this.now);
  }

  run(until: number): void {
    for (;;) {
      this.answers.sort((a, b) => a - b);
      const answerAt = this.answers[0] ?? Number.POSITIVE_INFINITY;
      const next = Math.min(answerAt, this.liveness.wakeAt);
      if (next > until) break;
      this.now = Math.max(this.now, next);
      if (answerAt === next) {
        this.answers.shift();
        if (this.liveness.waits) this.take(this.liveness.answer(MAC, this.now, this.now));
      } else this.take(this.liveness.tick(this.now));
    }
    this.now = until;
  }

  /** A path that is up, at a time at which no request waits. */
  static up(options = PROBE, farEnd?: FarEnd): Bench {
    const bench = new Bench(options, farEnd);
    bench.run(500.5);
    expect(bench.liveness.state).toBe('up');
    return bench;
  }

  static down(options = PROBE): Bench {
    const bench = Bench.up(options);
    bench.become(() => undefined);
    bench.run(bench.now + 500);
    expect(bench.liveness.state).toBe('down');
    return bench;
  }

  requestsSince(time: number): number[] {
    return this.requests.filter(({ at }) => at >= time).map(({ at }) => at);
  }

  entered(state: PathState, since: number): number {
    return this.states.find((change) => change.at >= since && change.state === state)!.at;
  }
}

const silent: FarEnd = () => undefined;

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
      retry: fc.integer({ min: 1, max: 50 }),
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
    liveness.sent(asked + 3);
    expect(liveness.wakeAt).toBeCloseTo(asked + 3 + PROBE.retry);
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
    bench.run(from + PROBE.interval + PROBE.retry + EPSILON);
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
