import type { Note } from '../../agent/core/event';
import { repairNote } from '../../agent/core/repair';
import type { KernelStep, Route } from '../../agent/core/routing';
import { RepairLog } from '../../agent/repair-log';
import { TimeWatch } from '../../agent/time-watch';
import { Troubles } from '../../agent/troubles';
import { type Mac, parseIpv4 } from '../../agent/wire/address';

const address = parseIpv4('10.78.0.1')!;
const ALIAS: KernelStep = { operation: 'add-alias', address };
const FILTER: KernelStep = { operation: 'change-setting', link: 'eth0', setting: 'rp_filter', value: 2 };
const nameOf = (ifindex: number) => `eth${ifindex - 2}`;
const noteOf = (...steps: KernelStep[]) => repairNote(steps, nameOf);
const route = (device: number, of: Partial<Route> = {}): KernelStep => ({
  operation: 'add-route',
  route: {
    destination: { address: parseIpv4('10.78.0.2')!, length: 32 },
    type: 'unicast',
    device,
    gateway: undefined,
    source: address,
    metric: 100,
    table: 254,
    protocol: 77,
    ...of,
  },
  beside: false,
});

let told: Note[];
beforeEach(() => {
  told = [];
  jest.useFakeTimers();
});
afterEach(() => jest.useRealTimers());

describe('repairs', () => {
  const log = () => new RepairLog((note) => told.push(note));

  test('one names what was put back', () => {
    log().take(noteOf(ALIAS, ALIAS, FILTER));
    const fields = { steps: 3, kinds: ['alias', 'setting'], of: ['alias 10.78.0.1', 'eth0 rp_filter'] };
    expect(told).toEqual([{ event: 'repaired', level: 'warn', fields }]);
  });

  test.each<[string, KernelStep]>([
    ['alias 10.78.0.1', { operation: 'remove-alias', address }],
    ['10.78.0.2/32 dev eth1', route(3)],
    ['10.78.0.2/32 via 10.78.0.1 dev eth0', route(2, { gateway: address })],
    ['unreachable 10.78.0.2/32', route(0, { type: 'unreachable' })],
    [
      'neighbor 10.78.0.1 dev eth1',
      { operation: 'set-neighbor', neighbor: { device: 3, address, mac: 2 as Mac } },
    ],
    ['eth0 rp_filter', FILTER],
  ])('names %s', (name, step) => {
    expect(noteOf(step).fields.of).toEqual([name]);
  });

  test('the first four things are named, and the others counted', () => {
    const steps = Array.from({ length: 50 }, (_, index) => route(2 + index));
    const of = [0, 1, 2, 3].map((link) => `10.78.0.2/32 dev eth${link}`);
    expect(noteOf(ALIAS, ...steps).fields).toEqual({
      steps: 51,
      kinds: ['alias', 'route'],
      of: ['alias 10.78.0.1', ...of.slice(0, 3)],
    });
    const repairs = log();
    for (let count = 0; count < 10; count++) repairs.take(noteOf(ALIAS));
    for (const step of steps) repairs.take(noteOf(step));
    repairs.close();
    expect(told[10]?.fields).toEqual({ steps: 50, kinds: ['route'], of, times: 50 });
  });

  test('a hundred a second for a minute are told one by one ten times and then in sums, and none is forgotten', () => {
    const repairs = log();
    for (let count = 0; count < 6000; count++) {
      repairs.take(noteOf(ALIAS));
      jest.advanceTimersByTime(10);
    }
    repairs.close();
    const steps = told.map(({ fields }) => Number(fields.steps));
    expect(steps).toEqual([...Array(10).fill(1), 990, 1000, 1000, 1000, 1000, 1000]);
    expect(told[10]?.fields).toEqual({ steps: 990, kinds: ['alias'], of: ['alias 10.78.0.1'], times: 990 });
  });

  test('a sum has each kind, and after quiet times the next ones are told one by one again', () => {
    const repairs = log();
    for (let count = 0; count < 10; count++) repairs.take(noteOf(ALIAS));
    repairs.take(noteOf(FILTER));
    repairs.take(noteOf(ALIAS));
    jest.advanceTimersByTime(10_000);
    expect(told[10]?.fields).toEqual({
      steps: 2,
      kinds: ['alias', 'setting'],
      of: ['eth0 rp_filter', 'alias 10.78.0.1'],
      times: 2,
    });
    jest.advanceTimersByTime(100_000);
    expect(jest.getTimerCount()).toBe(0);
    for (let count = 0; count < 10; count++) repairs.take(noteOf(ALIAS));
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
