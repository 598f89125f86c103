import { casesOf, sampleOf } from '../drills/double/cases';
import type { Outcome, PairOutcome } from '../drills/double/drill';
import { describeCase, type Fault, KINDS } from '../drills/double/fault';
import { World } from '../drills/double/model';
import { formatSummary, matrixOf, needingAgent, summaryOf } from '../drills/double/table';

const SHAPE = { hosts: 3, planes: 2 };

/** What is possible between hosts 0 and 1 once these faults have come. */
function verdictOf(...faults: readonly Fault[]): string {
  const world = new World(SHAPE);
  for (const fault of faults) world.break(fault);
  expect(world.verdict(1, 0)).toBe(world.verdict(0, 1));
  return world.verdict(0, 1);
}

describe('what is possible', () => {
  test.each<[string, Fault[], string]>([
    ['nothing failed', [], 'open'],
    ['one card of two', [{ kind: 'card', host: 0, plane: 0 }], 'open'],
    [
      'both cards of a host',
      [
        { kind: 'card', host: 0, plane: 0 },
        { kind: 'card', host: 0, plane: 1 },
      ],
      'cut',
    ],
    [
      'cards of different planes',
      [
        { kind: 'card', host: 0, plane: 0 },
        { kind: 'card', host: 1, plane: 1 },
      ],
      'cut',
    ],
    [
      'cards on one plane',
      [
        { kind: 'card', host: 0, plane: 0 },
        { kind: 'card', host: 1, plane: 0 },
      ],
      'open',
    ],
    [
      'a switch and a port of the other plane',
      [
        { kind: 'switch', plane: 0 },
        { kind: 'port', host: 1, plane: 1 },
      ],
      'cut',
    ],
    [
      'a way each, but on different planes: ARP finds neither',
      [
        { kind: 'from-host', host: 0, plane: 0 },
        { kind: 'to-host', host: 0, plane: 1 },
      ],
      'crossed',
    ],
    [
      'no way in one direction',
      [
        { kind: 'from-host', host: 0, plane: 0 },
        { kind: 'to-host', host: 1, plane: 1 },
      ],
      'cut',
    ],
  ])('%s', (_, faults, verdict) => expect(verdictOf(...faults)).toBe(verdict));

  test.each(['killed', 'ended', 'paused'] as const)('%s: the kernel alone sees its own carrier', (kind) => {
    const dead: Fault = { kind, host: 0 };
    expect(verdictOf(dead)).toBe('open');
    expect(verdictOf(dead, { kind: 'card', host: 0, plane: 0 })).toBe('open');
    expect(verdictOf(dead, { kind: 'switch', plane: 0 })).toBe('open');
  });

  test('nor does it see the far card, or what is dropped in silence', () => {
    const dead: Fault = { kind: 'killed', host: 0 };
    expect(verdictOf(dead, { kind: 'card', host: 1, plane: 0 })).toBe('agent');
    expect(verdictOf(dead, { kind: 'port', host: 0, plane: 0 })).toBe('agent');
    expect(verdictOf(dead, { kind: 'from-host', host: 0, plane: 0 })).toBe('agent');
    expect(verdictOf(dead, { kind: 'to-host', host: 1, plane: 0 })).toBe('agent');
  });

  test('what does not reach it is found by the other end, whose own kernel sends by the other plane', () => {
    const dead: Fault = { kind: 'killed', host: 0 };
    expect(verdictOf(dead, { kind: 'to-host', host: 0, plane: 0 })).toBe('open');
    expect(verdictOf(dead, { kind: 'from-host', host: 1, plane: 0 })).toBe('open');
  });

  test('an agent that fails after the fault leaves the routes that it chose', () => {
    const silent: Fault = { kind: 'port', host: 1, plane: 0 };
    const dead: Fault = { kind: 'killed', host: 0 };
    const world = new World(SHAPE);
    world.break(silent);
    world.break(dead);
    expect([world.verdict(0, 1), world.verdict(0, 2)]).toEqual(['open', 'open']);
    world.mend(silent);
    expect([world.verdict(0, 1), world.runs(0)]).toEqual(['open', false]);
    world.mend(dead);
    expect([world.verdict(0, 1), world.runs(0)]).toEqual(['open', true]);
  });

  test('a fault that nobody else shares leaves the others alone', () => {
    const world = new World(SHAPE);
    world.break({ kind: 'card', host: 0, plane: 0 });
    world.break({ kind: 'card', host: 0, plane: 1 });
    expect([world.verdict(0, 1), world.verdict(1, 2)]).toEqual(['cut', 'open']);
    expect([world.shared(1, 2), world.shared(0, 2)]).toEqual([[0, 1], []]);
  });
});

describe('the cases', () => {
  test('all ordered pairs of faults, up to the names of hosts', () => {
    const cases = casesOf(SHAPE);
    const all = everyPair();
    expect(new Set(cases.map((each) => JSON.stringify(each))).size).toBe(cases.length);
    expect(new Set(all.map(canonical))).toEqual(new Set(cases.map((each) => describeCase(each))));
  });

  test('a sample has each once, and the same seed gives the same', () => {
    const cases = casesOf(SHAPE);
    const source = () => {
      let value = 0;
      return () => {
        value = (value + 0.37) % 1;
        return value;
      };
    };
    const sample = sampleOf(cases, 20, source());
    expect(new Set(sample).size).toBe(20);
    expect(sampleOf(cases, 20, source())).toEqual(sample);
    expect(sampleOf(cases, 1000, source())).toHaveLength(cases.length);
  });
});

describe('the table', () => {
  const pair = (more: Partial<PairOutcome>): PairOutcome => ({
    one: 0,
    other: 1,
    before: 'open',
    verdict: 'open',
    flows: true,
    outage: 0,
    lost: 0,
    stall: 1,
    ...more,
  });
  const step = (...pairs: readonly PairOutcome[]) => ({ what: '', judged: 10, pairs });
  const outcome = (more: Partial<Outcome>): Outcome => ({
    case: { first: { kind: 'card', host: 0, plane: 0 }, second: { kind: 'killed', host: 1 } },
    steps: [],
    broken: 0,
    returned: true,
    problems: [],
    ...more,
  });
  const fine = outcome({
    steps: [
      step(pair({ lost: 2, outage: 12 }), pair({})),
      step(pair({ verdict: 'agent', flows: false }), pair({ lost: 4, outage: 40 })),
      step(pair({ before: 'agent', outage: 7 }), pair({})),
      step(pair({ lost: 1 }), pair({})),
    ],
  });
  const poor = outcome({
    steps: [
      step(pair({}), pair({})),
      step(pair({ verdict: 'cut', flows: false }), pair({ flows: false, lost: 99, outage: 900 })),
      step(pair({ before: 'cut', verdict: 'cut', flows: false }), pair({})),
      step(pair({ before: 'cut', flows: false, outage: 5000 }), pair({})),
    ],
    broken: 1,
    returned: false,
    problems: ['no traffic'],
  });

  test('counts pairs once both faults are there, and what became of each', () => {
    expect(summaryOf([fine, poor])).toMatchObject({
      cases: 2,
      pairs: 4,
      possible: 2,
      survived: 1,
      needsAgent: 1,
      cut: 1,
      crossed: 0,
      resumed: 0,
      broken: 1,
      returned: 1,
      problems: 1,
      outage: { count: 3, median: 40, maximum: 900 },
      resume: { count: 1, median: 5000 },
      restart: { count: 1, median: 7 },
      lostOnReturn: 1,
    });
    expect(needingAgent([fine, poor])).toEqual(['card alpha/a, killed beta: alpha-beta']);
  });

  test('a case that never came to its steps is a problem, and counts for nothing else', () => {
    const failed = outcome({ returned: false, problems: ['no lab'] });
    expect(summaryOf([failed])).toMatchObject({ cases: 1, pairs: 0, possible: 0, problems: 1, returned: 0 });
    const lines = formatSummary(SHAPE, { beacons: false, together: false }, [failed]);
    expect(lines.at(-1)).toBe('PROBLEM card alpha/a, killed beta: no lab');
  });

  test('has a row for the first fault and a column for the second', () => {
    const [head, ...rows] = matrixOf([fine, poor]).map((line) => line.split(/ {2,}/));
    expect(head).toEqual(['first, then', ...KINDS]);
    expect(rows.map(([kind]) => kind)).toEqual(KINDS);
    expect(rows[0]![1 + KINDS.indexOf('killed')]).toBe('1/2');
    expect(rows.flat().filter((cell) => cell.includes('/'))).toEqual(['1/2']);
  });
});

/** Every ordered pair of different faults on three hosts and two planes, but no two of one host's agent: written out anew. */
function everyPair(): [Fault, Fault][] {
  const faults: Fault[] = [0, 1].map((plane) => ({ kind: 'switch', plane }));
  for (const host of [0, 1, 2]) {
    for (const kind of ['card', 'port', 'from-host', 'to-host'] as const)
      for (const plane of [0, 1]) faults.push({ kind, host, plane });
    for (const kind of ['killed', 'ended', 'paused'] as const) faults.push({ kind, host });
  }
  const isAgents = (fault: Fault) => ['killed', 'ended', 'paused'].includes(fault.kind);
  const hostOf = (fault: Fault) => ('host' in fault ? fault.host : -1);
  return faults.flatMap((first) =>
    faults
      .filter((second) => second !== first)
      .filter((second) => !(isAgents(first) && isAgents(second) && hostOf(first) === hostOf(second)))
      .map((second): [Fault, Fault] => [first, second]),
  );
}

/** The same pair with its hosts numbered as they come. */
function canonical([first, second]: [Fault, Fault]): string {
  const numbers = new Map<number, number>();
  const renamed = [first, second].map((fault): Fault => {
    if (!('host' in fault)) return fault;
    if (!numbers.has(fault.host)) numbers.set(fault.host, numbers.size);
    return { ...fault, host: numbers.get(fault.host)! };
  });
  return describeCase({ first: renamed[0]!, second: renamed[1]! });
}
