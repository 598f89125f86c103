import { chartOf, placeOf } from '../bench/compare/chart';
import type { Cell, Comparison } from '../bench/compare/comparison';
import { FAILURE_KINDS, NAMES, titleOf } from '../bench/compare/kinds';
import { roundsOf } from '../bench/compare/run';
import { comparisonJson, entriesOf, formatEntry, MEASURES, ratioOf } from '../bench/compare/summary';
import { CONTENDERS } from '../bench/compare/systems';
import { formatComparison } from '../bench/compare/table';
import type { Cost } from '../bench/compare/traffic';
import { Turnstile } from '../bench/compare/turnstile';

const NEVER = Number.POSITIVE_INFINITY;
const OURS = 'multihomed-beacons';
const cell = (kind: string, system: string, ...costs: readonly Cost[]): Cell => ({ kind, system, costs });
const system = (name: string, title: string) => ({ name, title, against: OURS });

const COMPARISON: Comparison = {
  drills: 3,
  systems: [
    system(OURS, 'ours'),
    system('frr-bfd-10x3', 'FRR <8>'),
    system('mptcp', 'MPTCP'),
    system('static', 'routes'),
  ],
  skipped: [{ system: 'bonding', reason: 'not in this kernel' }],
  cells: [
    cell(
      'card',
      OURS,
      { toward: 0, from: 0, stall: 4 },
      { toward: 0, from: 2, stall: 6.25 },
      { toward: 0, from: 0, stall: 5 },
    ),
    cell('card', 'frr-bfd-10x3', { toward: 12, from: 10, stall: 40 }),
    cell('card', 'mptcp', { toward: undefined, from: undefined, stall: 200 }),
    cell('card', 'static', { toward: 0, from: NEVER, stall: NEVER }),
    cell('return', 'static', { toward: 0, from: 0, stall: undefined }),
  ],
  troubles: [{ system: 'frr-bfd-10x3', kind: 'card', message: 'it did not converge' }],
};
const measure = (name: string) => MEASURES.find((each) => each.name === name)!;

test('a ratio is of times of a packet at least, and two that never end are equal', () => {
  expect(ratioOf(12, 4)).toBe(3);
  expect(ratioOf(12, 0)).toBe(12);
  expect(ratioOf(0, 0.5)).toBe(1);
  expect(ratioOf(0, 4)).toBe(0.25);
  expect(ratioOf(NEVER, 4)).toBe(NEVER);
  expect(ratioOf(4, NEVER)).toBe(0);
  expect(ratioOf(NEVER, NEVER)).toBe(1);
});

test('entries are summed up in relation to the median of the system that theirs is set against', () => {
  const outage = entriesOf(COMPARISON, measure('outage')).filter(({ kind }) => kind === 'card');
  expect(outage.map(({ system, median, p95, ratio }) => [system, median, p95, ratio])).toEqual([
    [OURS, 0, 2, undefined],
    ['frr-bfd-10x3', 12, 12, 12],
    ['static', NEVER, NEVER, NEVER],
  ]);
  const stall = entriesOf(COMPARISON, measure('stall'));
  expect(stall.map(({ system, ratio }) => [system, ratio])).toEqual([
    [OURS, undefined],
    ['frr-bfd-10x3', 8],
    ['mptcp', 40],
    ['static', NEVER],
  ]);
});

test('without ours there is no ratio', () => {
  const others = { ...COMPARISON, cells: COMPARISON.cells.filter(({ system }) => system !== OURS) };
  expect(entriesOf(others, measure('stall')).map(({ ratio }) => ratio)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('a cell tells the median and the 95th percentile, and what never ended', () => {
  expect(formatEntry({ median: 4, p95: 6.25, maximum: 7 })).toBe('4 (6.3)');
  expect(formatEntry({ median: 12.4, p95: NEVER, maximum: NEVER })).toBe('12 (never)');
  expect(formatEntry({ median: NEVER, p95: NEVER, maximum: NEVER })).toBe('never');
});

test('a table has a row for each kind and a column for each system', () => {
  const lines = formatComparison(COMPARISON, 100).split('\n');
  const head = lines.findIndex((line) => line.startsWith('UDP packets lost at 1000 a second, the worse'));
  expect(lines.slice(head + 1, head + 7)).toEqual([
    '                            multihomed         frr       mptcp      static',
    '                               beacons         bfd',
    '                                              10x3',
    'local card pulled                0 (2)     12 (12)    TCP only       never',
    '                                               12x',
    'local card back again                -           -           -       0 (0)',
  ]);
  const text = lines.join('\n');
  expect(text).toMatch(/bonding +skipped: not in this kernel\n/);
  expect(text).toContain('frr-bfd-10x3, local card pulled: it did not converge\n');
  expect(text).toContain('frr-bfd-10x3, local card pulled: 1 of 3 drills\n');
});

test('in a narrow terminal the systems share several tables, with ours in each', () => {
  const text = formatComparison(COMPARISON, 62);
  const tables = text.split('\n').filter((line) => /^ {20,}multihomed/.test(line));
  expect(tables.slice(0, 2)).toEqual([
    '                            multihomed         frr       mptcp',
    '                            multihomed      static',
  ]);
  const table = text.slice(text.indexOf('UDP'), text.indexOf('Not all'));
  expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(62);
});

test('the JSON has every sample, and a word for what never ended', () => {
  const json = JSON.parse(JSON.stringify(comparisonJson(COMPARISON)));
  expect(json.cells[3].costs).toEqual([{ toward: 0, from: 'never', stall: 'never' }]);
  expect(json.cells[2].costs).toEqual([{ stall: 200 }]);
  expect(json.summaries.outage[1]).toMatchObject({
    system: 'frr-bfd-10x3',
    median: 12,
    samples: 1,
    ratio: 12,
  });
});

test('a longer time lies further to the right, nothing at the left end and never at the right one', () => {
  const times = [0, 0.5, 1, 2, 10, 100, 1000, NEVER];
  const places = times.map(placeOf);
  expect(places).toEqual([...places].sort((one, other) => one - other));
  expect(new Set(places).size).toBe(times.length);
  expect(placeOf(10) - placeOf(1)).toBeCloseTo(placeOf(1000) - placeOf(100));
  expect(placeOf(60_000)).toBeLessThan(placeOf(NEVER));
});

test('the chart has a plot of every kind, a row for every system, and nothing that breaks the page', () => {
  const page = chartOf(COMPARISON, ['a <machine>']);
  expect(page).toContain('FRR &lt;8&gt;');
  expect(page).toContain('a &lt;machine&gt;');
  expect(page).toContain('>carries TCP only<');
  expect(page).toContain('>not measured<');
  expect(page).toContain(`${OURS}: median 0 ms, 95 % 2 ms, maximum 2 ms, of 3`);
  expect(page.match(/<svg /g)).toHaveLength(2);
  expect(page).not.toMatch(/NaN|Infinity|undefined/);
  expect(page).not.toMatch(/(src|href)=|url\(/);
});

test('rounds have ten drills at most, and all that were asked for', () => {
  expect(roundsOf(20)).toEqual([10, 10]);
  expect(roundsOf(3)).toEqual([3]);
  expect(roundsOf(25)).toEqual([9, 8, 8]);
});

test('every kind of failure has a name and a title of its own, and a return where it is measured', () => {
  expect(NAMES.slice(0, 3)).toEqual(['card', 'return', 'far-card']);
  expect(new Set(NAMES.map(titleOf)).size).toBe(NAMES.length);
  expect(FAILURE_KINDS.map(({ name }) => name)).toEqual(NAMES.filter((name) => name !== 'return'));
});

test('every system is set against one of ours', () => {
  const names = CONTENDERS.map(({ system }) => system.name);
  expect(new Set(names).size).toBe(names.length);
  expect(CONTENDERS.filter(({ against }) => !names.includes(against))).toEqual([]);
  expect(names[0]).toBe(OURS);
});

test('a turnstile lets one pass at a time, in order, and goes on after a failure', async () => {
  const turnstile = new Turnstile();
  const told: string[] = [];
  const pass = (name: string, failure?: Error): Promise<void> =>
    turnstile.pass(async () => {
      told.push(`${name} in`);
      await new Promise(setImmediate);
      told.push(`${name} out`);
      if (failure !== undefined) throw failure;
    });
  const first = pass('first', new Error('failed'));
  const second = pass('second');
  await expect(first).rejects.toThrow('failed');
  await second;
  expect(told).toEqual(['first in', 'first out', 'second in', 'second out']);
});
