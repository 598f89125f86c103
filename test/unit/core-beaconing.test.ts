import { Beaconing } from '../../agent/core/beaconing';

const INTERVAL = 50;

/** Everything that is sent from `from` to before `to` ms, with its time. */
function sent(beaconing: Beaconing, from: number, to: number): [at: number, what: string][] {
  const all: [number, string][] = [];
  for (let now = Math.max(from, beaconing.wakeAt); now < to; now = beaconing.wakeAt) {
    const what = beaconing.tick(now);
    if (what !== undefined) all.push([now, what]);
  }
  return all;
}

function started(): Beaconing {
  const beaconing = new Beaconing();
  beaconing.start(INTERVAL, 0);
  sent(beaconing, 0, 1);
  return beaconing;
}

describe('Beaconing', () => {
  test('says nothing before it is started, and nothing after it is stopped', () => {
    const beaconing = new Beaconing();
    beaconing.withdraw(0);
    beaconing.urge(0);
    expect(beaconing.wakeAt).toBe(Number.POSITIVE_INFINITY);
    beaconing.start(INTERVAL, 0);
    beaconing.withdraw(1);
    beaconing.stop();
    expect([beaconing.wakeAt, beaconing.tick(100)]).toEqual([Number.POSITIVE_INFINITY, undefined]);
  });

  test('begins with an urgent one, and goes on each interval', () => {
    const beaconing = new Beaconing();
    beaconing.start(INTERVAL, 10);
    expect(sent(beaconing, 10, 170)).toEqual([
      [10, 'urgent'],
      [60, 'regular'],
      [110, 'regular'],
      [160, 'regular'],
    ]);
  });

  test('keeps the beat when it is woken late, and makes up for nothing', () => {
    const beaconing = started();
    expect(beaconing.tick(57)).toBe('regular');
    expect(beaconing.wakeAt).toBe(100);
    expect(beaconing.tick(333)).toBe('regular');
    expect(beaconing.wakeAt).toBe(350);
  });

  test('what was to be said long ago is no fresh news', () => {
    const beaconing = started();
    beaconing.urge(10);
    expect(beaconing.tick(16)).toBe('regular');
    beaconing.urge(30);
    expect(beaconing.tick(34)).toBe('urgent');
  });

  test('a withdrawal is sent at once and repeated twice within 5 ms; the beat goes on', () => {
    const beaconing = started();
    beaconing.withdraw(49);
    expect(sent(beaconing, 49, 101)).toEqual([
      [49, 'urgent'],
      [50, 'regular'],
      [51, 'urgent'],
      [53, 'urgent'],
      [100, 'regular'],
    ]);
  });

  test('a second withdrawal has its own three', () => {
    const beaconing = started();
    beaconing.withdraw(10);
    expect(beaconing.tick(10)).toBe('urgent');
    beaconing.withdraw(11);
    expect(sent(beaconing, 11, 50).map(([at]) => at)).toEqual([11, 13, 15]);
  });

  test('what changes all the time is told soon, after pauses that double up to an interval', () => {
    const beaconing = started();
    const times: number[] = [];
    for (let now = 5; now < 205; now += 5) {
      beaconing.urge(now);
      if (beaconing.tick(now) === 'urgent') times.push(now);
    }
    expect(times).toEqual([10, 25, 50, 100, 150, 200]);
  });

  test('takes anbeaconing interval', () => {
    const beaconing = started();
    beaconing.start(10, 20);
    expect(sent(beaconing, 20, 45)).toEqual([
      [30, 'regular'],
      [40, 'regular'],
    ]);
  });
});
