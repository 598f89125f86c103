import { readOptions } from '../bench/options';

const NAMES = { kinds: ['card', 'silent'], systems: ['multihomed', 'static'], failures: ['card', 'switch'] };
const read = (...args: readonly string[]) => readOptions(args, NAMES);

test('without arguments everything is run, 20 times, with a seed of chance', () => {
  expect(read()).toEqual({
    drills: 20,
    seed: undefined,
    kinds: undefined,
    compare: true,
    systems: undefined,
    failures: undefined,
    json: undefined,
    chart: undefined,
    quiet: false,
  });
});

test('kinds that are named are run without the comparison, the comparison without them, or both', () => {
  expect(read('--only', 'card')).toMatchObject({ kinds: ['card'], compare: false });
  expect(read('--compare')).toMatchObject({ kinds: [], compare: true });
  expect(read('--compare', '--only', 'card,silent')).toMatchObject({
    kinds: ['card', 'silent'],
    compare: true,
  });
});

test('every option reaches the run', () => {
  const all = '--drills 3 --seed 4 --systems static --failures card,switch --json a --chart b --quiet'.split(
    ' ',
  );
  expect(read(...all)).toMatchObject({
    drills: 3,
    seed: 4,
    systems: ['static'],
    failures: ['card', 'switch'],
    json: 'a',
    chart: 'b',
    quiet: true,
  });
});

test.each([
  [['--drills', '0'], '--drills takes a whole number from 1, not 0'],
  [['--drills', '1.5'], '--drills takes a whole number from 1, not 1.5'],
  [['--drills', ''], '--drills takes a whole number from 1, not '],
  [['--seed', '4294967296'], '--seed takes a whole number from 0, not 4294967296'],
  [['--only', 'card,other'], 'there is no kind other'],
  [['--systems', 'other'], 'there is no system other'],
  [['--failures', 'silent'], 'there is no failure silent'],
])('refuses %j', (args, message) => {
  expect(() => read(...args)).toThrow(message);
});
