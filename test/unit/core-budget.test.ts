import fc from 'fast-check';
import { Budget } from '../../agent/core/budget';

describe('Budget', () => {
  test('in no second is more spent than is allowed', () => {
    const pauses = fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 10, maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 6, max: 100 }), pauses, (perSecond, waits) => {
        const budget = new Budget(perSecond, 0);
        const spent: number[] = [];
        let now = 0;
        for (const wait of waits) {
          now += wait;
          while (budget.allows(3, now)) {
            budget.spend(3);
            spent.push(now);
          }
        }
        for (const at of spent) {
          const within = spent.filter((other) => other >= at && other < at + 1000).length;
          expect(3 * within).toBeLessThanOrEqual(perSecond);
        }
      }),
    );
  });

  test('half of it can be spent at once, and what it gains is as much a second', () => {
    const budget = new Budget(60, 0);
    const spend = (now: number): number => {
      let count = 0;
      for (; budget.allows(3, now); count++) budget.spend(3);
      return count;
    };
    expect([spend(0), spend(0), spend(1000), spend(60_000), spend(60_100)]).toEqual([10, 0, 10, 10, 1]);
  });

  test('what costs more than it ever holds is allowed when it is full', () => {
    const budget = new Budget(4, 0);
    expect(budget.allows(100, 0)).toBe(true);
    budget.spend(100);
    expect([budget.allows(1, 1000), budget.allows(100, 60_000)]).toEqual([false, true]);
  });
});
