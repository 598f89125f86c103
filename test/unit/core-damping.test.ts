import { Damping } from '../../agent/core/damping';
import { randomSource } from '../bench/statistics';
import { mostReturns } from '../drills/flapping/scenario';

const HOLD = 1000;

/** When a path is trusted again that falls so many ms after each return, and answers at once; `stand` may ask for the present hold. */
function returnsOf(falls: number, stand: (hold: number) => number): number[] {
  const damping = new Damping();
  const returns: number[] = [];
  let now = 0;
  damping.rise(now);
  for (let fall = 0; fall < falls; fall++) {
    now += stand(damping.hold(HOLD));
    damping.fall(now, HOLD);
    now += damping.hold(HOLD);
    damping.rise(now);
    returns.push(now);
  }
  return returns;
}

const gaps = (times: readonly number[]) => times.slice(1).map((time, index) => time - times[index]!);

test('each return takes twice as long, up to 64 holds, and one hold again once it has stood', () => {
  expect(gaps(returnsOf(9, () => 0))).toEqual([2, 4, 8, 16, 32, 64, 64, 64].map((holds) => holds * HOLD));
  expect(gaps(returnsOf(4, (hold) => 5 * hold))).toEqual([6, 6, 6].map((holds) => holds * HOLD));
});

test('its first coming is no return', () => {
  expect(returnsOf(1, () => 0)).toEqual([HOLD]);
});

test('however it falls, in no time are there more returns than one in six holds and two', () => {
  const random = randomSource(5);
  let [over, most] = [0, 0];
  for (let run = 0; run < 300; run++) {
    // What gains most is to fall at once, or as soon as that is forgiven.
    const stand = (hold: number) =>
      [0, 5 * hold, 5 * hold - 1, random() * 8 * hold][Math.floor(random() * 4)]!;
    const returns = returnsOf(40, stand);
    for (let from = 0; from < returns.length; from++) {
      for (let to = from; to < returns.length; to++) {
        const count = to - from + 1;
        const bound = mostReturns(returns[to]! - returns[from]!, HOLD);
        if (count > bound) over += 1;
        if (count === bound) most = Math.max(most, count);
      }
    }
  }
  expect(over).toBe(0);
  // The bound is no larger than it must be.
  expect(most).toBeGreaterThan(3);
});
