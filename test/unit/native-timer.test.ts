import { monotonic, waitUntil } from '../../deploy/lab/wait';
import { Timer } from '../../native-bindings/timer';

const PATIENCE = 10_000;
const timers: Timer[] = [];

afterEach(() => {
  for (const timer of timers.splice(0)) timer.close();
});

interface Watched {
  readonly timer: Timer;
  /** when it woke us, in ms of CLOCK_MONOTONIC */
  readonly wakes: number[];
}

function watched(): Watched {
  const wakes: number[] = [];
  const timer = new Timer(
    () => wakes.push(monotonic()),
    (error) => {
      throw error;
    },
  );
  timers.push(timer);
  return { timer, wakes };
}

const untilWakes = ({ wakes }: Watched, count: number): Promise<unknown> =>
  waitUntil(() => wakes.length >= count, PATIENCE, `${count} wake-ups`);

/** Long enough for a timer that should not fire to do so. */
const silence = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test('wakes once, and not before its moment', async () => {
  const clock = watched();
  const at = monotonic() + 20.25;
  clock.timer.set(at);
  await untilWakes(clock, 1);
  await silence();
  expect(clock.wakes).toHaveLength(1);
  expect(clock.wakes[0]).toBeGreaterThanOrEqual(at);
});

test.each([0, -5, 1, 1000.5])('wakes at once for a moment that has passed, such as %d', async (at) => {
  const clock = watched();
  clock.timer.set(at);
  await untilWakes(clock, 1);
});

test('the last wish counts', async () => {
  const clock = watched();
  const at = monotonic() + 30;
  clock.timer.set(monotonic() + 5);
  clock.timer.set(at);
  await untilWakes(clock, 1);
  await silence();
  expect(clock.wakes).toHaveLength(1);
  expect(clock.wakes[0]).toBeGreaterThanOrEqual(at);
});

test('can be set again from within, and stopped', async () => {
  const wakes: number[] = [];
  const timer: Timer = new Timer(
    () => {
      wakes.push(monotonic());
      if (wakes.length < 3) timer.set(monotonic() + 2);
    },
    (error) => {
      throw error;
    },
  );
  timers.push(timer);
  timer.set(monotonic() + 2);
  await waitUntil(() => wakes.length === 3, PATIENCE, 'three wake-ups');
  timer.set(monotonic() + 5);
  timer.stop();
  await silence();
  expect(wakes).toHaveLength(3);
});

test('is silent after close, and harmless', async () => {
  const clock = watched();
  clock.timer.set(monotonic() + 5);
  clock.timer.close();
  clock.timer.close();
  clock.timer.set(monotonic());
  clock.timer.stop();
  await silence();
  expect(clock.wakes).toEqual([]);
});
