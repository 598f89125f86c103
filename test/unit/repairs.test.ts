import { Repairs } from '../../agent/repairs';

let ran: number[];
/** What a repair takes of a CPU, in ms. */
let length: number;
let repairs: Repairs;

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
  [ran, length] = [[], 0];
  let used = 0;
  const clock = { now: () => Date.now(), wall: () => 0 };
  const repair = (): void => {
    ran.push(Date.now());
    used += length;
  };
  repairs = new Repairs(clock, repair, () => used);
});
afterEach(() => jest.useRealTimers());

/** Asks each ms. */
function askFor(ms: number, pause: number): void {
  for (let count = 0; count < ms; count++) {
    repairs.ask(pause);
    jest.advanceTimersByTime(1);
  }
}

test('the first is made at once, and the next ones no sooner than the pause that is named', () => {
  askFor(90, 20);
  expect(ran.map((at) => at - ran[0]!)).toEqual([0, 20, 40, 60, 80]);
});

test('of what is asked for with several pauses the earliest counts', () => {
  repairs.run();
  repairs.ask(1000);
  repairs.ask(20);
  jest.advanceTimersByTime(20);
  expect(ran).toEqual([0, 20]);
  jest.advanceTimersByTime(2000);
  expect(ran).toHaveLength(2);
});

test('long ones are followed by a rest: they take a fifth of a CPU at most', () => {
  length = 10;
  askFor(1000, 5);
  const apart = ran.slice(1).map((at, index) => at - ran[index]!);
  expect(Math.min(...apart)).toBeGreaterThanOrEqual(4 * length);
  expect(ran.length).toBeGreaterThan(15);
});
