import fc from 'fast-check';
import { Agenda, type Entry } from '../../agent/core/agenda';

class Sleeper implements Entry {
  agenda: number | undefined;

  constructor(public wakeAt: number) {}
}

const time = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant(Number.POSITIVE_INFINITY));

describe('Agenda', () => {
  test('tells the earliest time, whatever moves', () => {
    const moves = fc.array(fc.tuple(fc.nat({ max: 19 }), time), { maxLength: 200 });
    fc.assert(
      fc.property(fc.array(time, { minLength: 1, maxLength: 20 }), moves, (times, changes) => {
        const sleepers = times.map((at) => new Sleeper(at));
        const agenda = new Agenda<Sleeper>();
        agenda.reset(sleepers);
        for (const [index, at] of changes) {
          const sleeper = sleepers[index % sleepers.length]!;
          sleeper.wakeAt = at;
          agenda.update(sleeper);
          expect(agenda.wakeAt).toBe(Math.min(...sleepers.map(({ wakeAt }) => wakeAt)));
        }
      }),
    );
  });

  test('names all that are due, and nobody else', () => {
    fc.assert(
      fc.property(fc.array(time, { maxLength: 40 }), fc.integer({ min: 0, max: 50 }), (times, now) => {
        const sleepers = times.map((at) => new Sleeper(at));
        const agenda = new Agenda<Sleeper>();
        agenda.reset(sleepers);
        const due = sleepers.filter(({ wakeAt }) => wakeAt <= now);
        expect(new Set(agenda.due(now))).toEqual(new Set(due));
      }),
    );
  });

  test('an empty one never wakes, and one that starts anew has forgotten the former entries', () => {
    const agenda = new Agenda<Sleeper>();
    expect(agenda.wakeAt).toBe(Number.POSITIVE_INFINITY);
    const [former, later] = [new Sleeper(1), new Sleeper(2)];
    agenda.reset([former]);
    agenda.reset([later]);
    expect([agenda.wakeAt, former.agenda]).toEqual([2, undefined]);
  });
});
