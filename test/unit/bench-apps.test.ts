import { cellsOf, formatTable } from '../bench/apps/table';
import { type Arrival, longestPause, throughputAround } from '../bench/apps/transfer';

/** 6250 bytes each ms: 50 MBit/s. */
const RATE = 6250;

/** What arrives from 0 to 3000 ms, looked at each 5 ms, with nothing at all in the given pauses. */
function arrivals(...pauses: readonly (readonly [from: number, to: number])[]): Arrival[] {
  const silent = (at: number): boolean => pauses.some(([from, to]) => at > from && at <= to);
  let bytes = 0;
  return Array.from({ length: 600 }, (_, index) => {
    const at = index * 5;
    if (!silent(at)) bytes += 5 * RATE;
    return { at, bytes };
  });
}

describe('a transfer around a fault', () => {
  test('that does nothing is at its rate from the beginning', () => {
    const { back, missing, slices } = throughputAround(arrivals(), 2000, 2010);
    expect(back).toBe(0);
    expect(missing).toBeCloseTo(0);
    expect(slices).toHaveLength(30);
    expect(new Set(slices)).toEqual(new Set([50]));
  });

  test('is back when 50 ms bring nine tenths of the rate', () => {
    const { back, missing, slices } = throughputAround(arrivals([2000, 2080]), 2000, 2010);
    expect(missing).toBeCloseTo(80);
    // 45 of 50 ms.
    expect(back).toBe(75);
    expect(slices.slice(4, 10)).toEqual([50, 0, 0, 0, 0, 50]);
  });

  test('that never comes back is told so', () => {
    expect(throughputAround(arrivals([2000, 3000]), 2000, 2010).back).toBe(Number.POSITIVE_INFINITY);
  });

  test('that falls long after the traffic has moved does so for another reason', () => {
    const { back, missing } = throughputAround(arrivals([2300, 2380]), 2000, 2010);
    expect(back).toBe(0);
    expect(missing).toBeCloseTo(80);
  });

  test('stands still between two full frames', () => {
    expect(longestPause(arrivals([2000, 2080]), 1500)).toBe(85);
    expect(longestPause(arrivals([2900, 3000]), 1500)).toBeGreaterThanOrEqual(95);
    const small = arrivals([2000, 2080]).map(({ at, bytes }) => ({ at, bytes: bytes + at / 5 }));
    expect(longestPause(small, 1500)).toBe(85);
  });
});

test('a cell sums up the drills of an event, and the table shows what was lost', () => {
  const outcome = { event: 'card pulled', held: true, stall: 14, losses: [], reroute: 10, mistakes: 1 };
  const throughput = { back: 25, missing: 20, slices: [] };
  const cells = cellsOf([
    { ...outcome, throughput },
    {
      ...outcome,
      held: false,
      stall: 900,
      losses: ['beta: nodedown'],
      throughput: { back: Number.POSITIVE_INFINITY, missing: 500, slices: [] },
    },
    { ...outcome, stall: 16, throughput },
  ]);
  expect(cells).toMatchObject([
    {
      event: 'card pulled',
      drills: 3,
      held: 2,
      losses: ['beta: nodedown'],
    },
  ]);
  expect(cells[0]?.measures).toMatchObject({
    'longest stall': { median: 16, maximum: 900 },
    'of it past reroute': { median: 15 },
  });
  const table = formatTable('Erlang', cells);
  expect(table).toMatch(/card pulled +2 of 3 +1 +3 +16 +900/);
  expect(table).toContain('card pulled: beta: nodedown');
});
