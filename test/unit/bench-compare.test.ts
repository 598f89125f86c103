import { chartOf } from '../bench/compare/chart';
import type { Cell, Comparison } from '../bench/compare/comparison';
import { comparisonJson, entriesOf, formatComparison, MEASURES } from '../bench/compare/report';
import type { Cost } from '../bench/compare/traffic';

const NEVER = Number.POSITIVE_INFINITY;
const cell = (system: string, costs: readonly Cost[], failure?: string): Cell => ({
  kind: 'card',
  system,
  costs,
  failure,
});

const COMPARISON: Comparison = {
  systems: [
    { name: 'multihomed-beacons', title: 'ours' },
    { name: 'frr-bfd-10x3', title: 'FRR <8>' },
    { name: 'mptcp', title: 'MPTCP' },
    { name: 'static', title: 'routes' },
  ],
  skipped: [{ system: 'bonding', reason: 'not in this kernel' }],
  cells: [
    cell('multihomed-beacons', [
      { toward: 0, from: 0, stall: 4 },
      { toward: 0, from: 2, stall: 6 },
      { toward: 0, from: 0, stall: 5 },
    ]),
    cell('frr-bfd-10x3', [{ toward: 12, from: 10, stall: 40 }], 'it died'),
    cell('mptcp', [{ toward: undefined, from: undefined, stall: 200 }]),
    cell('static', [{ toward: 0, from: NEVER, stall: NEVER }]),
  ],
};
const measure = (name: string) => MEASURES.find((each) => each.name === name)!;

test('ratios are of medians, and a packet is the least that counts on both sides', () => {
  const outage = entriesOf(COMPARISON, measure('outage'));
  expect(outage.map(({ system, median, ratio }) => [system, median, ratio])).toEqual([
    ['multihomed-beacons', 0, 1],
    ['frr-bfd-10x3', 12, 12],
    ['static', NEVER, NEVER],
  ]);
  const stall = entriesOf(COMPARISON, measure('stall'));
  expect(stall.map(({ ratio }) => ratio)).toEqual([1, 8, 40, NEVER]);
});

test('the tables name what never ended, what was not measured, what ended early and what was skipped', () => {
  const text = formatComparison(COMPARISON);
  expect(text).toMatch(/frr-bfd-10x3 +12 +12 +12 +12x {2}ended: it died/);
  expect(text).toMatch(/mptcp +-\n/);
  expect(text).toMatch(/static +never +never +never\n/);
  expect(text).toMatch(/bonding +skipped: not in this kernel/);
});

test('the JSON has every sample, and words for what no number tells', () => {
  const json = JSON.parse(JSON.stringify(comparisonJson(COMPARISON)));
  expect(json.cells[3].costs).toEqual([{ toward: 0, from: 'never', stall: 'never' }]);
  expect(json.cells[2].costs).toEqual([{ toward: null, from: null, stall: 200 }]);
  expect(json.summaries.outage[1]).toMatchObject({ system: 'frr-bfd-10x3', median: 12, ratio: 12 });
});

test('the chart has a row for every system in every kind, and nothing that breaks the page', () => {
  const page = chartOf(COMPARISON, ['a <machine>']);
  expect(page).toContain('FRR &lt;8&gt;');
  expect(page).toContain('a &lt;machine&gt;');
  expect(page).toContain('not measured');
  expect(page.match(/<svg /g)).toHaveLength(2);
  expect(page).not.toMatch(/NaN|Infinity|undefined/);
});
