import type { Note } from '../../agent/core/event';
import { repairNote } from '../../agent/core/repair';
import type { KernelStep } from '../../agent/core/routing';
import { RepairLog } from '../../agent/repair-log';
import { TimeWatch } from '../../agent/time-watch';
import { Troubles } from '../../agent/troubles';
import { parseIpv4 } from '../../agent/wire/address';

const address = parseIpv4('10.78.0.1')!;
const ALIAS: KernelStep = { operation: 'add-alias', address };
const SETTING: KernelStep = { operation: 'change-setting', link: 'eth0', setting: 'rp_filter', value: 2 };

let told: Note[];
beforeEach(() => {
  told = [];
  jest.useFakeTimers();
});
afterEach(() => jest.useRealTimers());

describe('repairs', () => {
  const log = () => new RepairLog((note) => told.push(note));

  test('one names what was put back', () => {
    log().take(repairNote([ALIAS, ALIAS, SETTING]));
    expect(told).toEqual([
      { event: 'repaired', level: 'warn', fields: { steps: 3, kinds: ['alias', 'setting'] } },
    ]);
  });

  test('a hundred a second for a minute are told one by one ten times and then in sums, and none is forgotten', () => {
    const repairs = log();
    for (let count = 0; count < 6000; count++) {
      repairs.take(repairNote([ALIAS]));
      jest.advanceTimersByTime(10);
    }
    repairs.close();
    const steps = told.map(({ fields }) => Number(fields.steps));
    expect(steps).toEqual([...Array(10).fill(1), 990, 1000, 1000, 1000, 1000, 1000]);
    expect(told[10]?.fields).toEqual({ steps: 990, kinds: ['alias'], times: 990 });
  });

  test('a sum has each kind, and after quiet times the next ones are told one by one again', () => {
    const repairs = log();
    for (let count = 0; count < 10; count++) repairs.take(repairNote([ALIAS]));
    repairs.take(repairNote([SETTING]));
    repairs.take(repairNote([ALIAS]));
    jest.advanceTimersByTime(10_000);
    expect(told[10]?.fields).toEqual({ steps: 2, kinds: ['alias', 'setting'], times: 2 });
    jest.advanceTimersByTime(100_000);
    expect(jest.getTimerCount()).toBe(0);
    for (let count = 0; count < 10; count++) repairs.take(repairNote([ALIAS]));
    expect(told).toHaveLength(21);
    repairs.close();
  });
});

describe('troubles', () => {
  let now: number;
  const open = () => new Troubles({ now: () => now, wall: () => 0 }, (note) => told.push(note));
  beforeEach(() => {
    now = 0;
  });

  test('one that persists is told once, another one as well', () => {
    const troubles = open();
    for (now = 0; now < 60_000; now += 1000) troubles.note('kernel-refused', { code: 'EEXIST' });
    troubles.note('kernel-refused', { code: 'ENODEV' });
    expect(told.map(({ fields }) => fields.code)).toEqual(['EEXIST', 'ENODEV']);
  });

  test('one that comes and goes is told each ten seconds at most', () => {
    const troubles = open();
    for (now = 0; now < 60_000; now += 10) {
      troubles.note('kernel-refused', { code: 'EEXIST' });
      troubles.clear();
    }
    expect(told).toHaveLength(6);
  });
});

describe('time', () => {
  let [now, wall] = [0, 0];
  let watch: TimeWatch;
  const pass = (ms: number, step = 0): void => {
    now += ms;
    wall += ms + step;
    watch.look();
  };
  beforeEach(() => {
    [now, wall] = [0, 1_700_000_000_000];
    watch = new TimeWatch({ now: () => now, wall: () => wall }, 1000, (note) => told.push(note));
  });

  test('that passes says nothing, and no more where the clock is adjusted or we are a little late', () => {
    for (let count = 0; count < 3600; count++) pass(1000 + (count % 20) * 100, 0.5);
    expect(told).toEqual([]);
  });

  test('in which we did not run is told', () => {
    pass(61_000);
    pass(1000);
    expect(told).toEqual([{ event: 'stalled', level: 'warn', fields: { for: 60_000 } }]);
  });

  test('that somebody sets is told, forward and back, but not all the time', () => {
    pass(1000, 3_600_000);
    for (let count = 0; count < 9; count++) pass(1000, count % 2 === 0 ? -3_600_000 : 3_600_000);
    pass(1000, -7_200_000);
    expect(told.map(({ event, fields }) => [event, fields.by])).toEqual([
      ['clock-stepped', 3_600_000],
      ['clock-stepped', -7_200_000],
    ]);
  });
});
