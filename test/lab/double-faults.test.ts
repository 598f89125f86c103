import { randomSource } from '../bench/statistics';
import { casesOf, sampleOf } from '../drills/double/cases';
import { tryDrill } from '../drills/double/drill';
import { type Case, describeCase, type Shape } from '../drills/double/fault';
import { Stage } from '../drills/double/stage';

/**
 * Two faults at once: where a working path is left, traffic takes it; where none is, sessions resume once there is one. The pairs of
 * faults that tell most, and some more by a fixed seed; `make drill-double` goes through all.
 */
jest.setTimeout(120_000);

const SEED = 2611;
/** As {@link describeCase} names them. */
const TELLING: readonly string[] = [
  'card alpha/a, card beta/b',
  'card alpha/a, card beta/a',
  'switch a, switch b',
  'switch a, port alpha/b',
  'from-host alpha/a, to-host beta/b',
  'from-host alpha/a, to-host alpha/b',
  'port alpha/a, killed alpha',
  'killed alpha, card alpha/a',
  'ended alpha, to-host alpha/a',
  'paused alpha, port beta/a',
];

function tellingOf(shape: Shape): Case[] {
  const byName = new Map(casesOf(shape).map((each) => [describeCase(each), each]));
  return TELLING.map((name) => byName.get(name)!);
}

async function expectNoProblems(shape: Shape, beacons: boolean, cases: readonly Case[]): Promise<void> {
  const stage = await Stage.create(shape, beacons);
  try {
    for (const each of cases) {
      const { problems, steps } = await tryDrill(stage, each);
      if (problems.length > 0) process.stderr.write(`${stage.describe()}\n`);
      expect([describeCase(each), problems]).toEqual([describeCase(each), []]);
      expect(steps).toHaveLength(4);
    }
  } finally {
    await stage.destroy();
  }
}

test('two planes, by ARP alone', () => {
  const shape = { hosts: 3, planes: 2 };
  const sample = sampleOf(casesOf(shape), 8, randomSource(SEED));
  return expectNoProblems(shape, false, [...tellingOf(shape), ...sample]);
});

test('two planes, with beacons', () => {
  const shape = { hosts: 3, planes: 2 };
  const sample = sampleOf(casesOf(shape), 4, randomSource(SEED + 1));
  return expectNoProblems(shape, true, [...tellingOf(shape), ...sample]);
});

test('three planes, with beacons', () => {
  const shape = { hosts: 3, planes: 3 };
  return expectNoProblems(shape, true, sampleOf(casesOf(shape), 6, randomSource(SEED + 2)));
});
