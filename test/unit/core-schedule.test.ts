import { Schedule } from '../../agent/core/schedule';
import type { ArpOptions } from '../../agent/core/topology';

const ARP: ArpOptions = { responder: 'auto', repeat: 3, spacing: 1100, refresh: 30_000 };

/** Whether each announcement of a peer was to be expected. */
function expected(...times: readonly number[]): boolean[] {
  const schedule = new Schedule();
  return times.map((time) => schedule.take(time, ARP));
}

describe('which announcements of a peer are hints', () => {
  it('expects the series of a link that comes up, and its refreshes', () => {
    expect(expected(0, 1100, 2200, 32_200, 62_200)).toEqual([false, true, true, true, true]);
  });

  it('expects a refresh where only the end of the series was heard', () => {
    expect(expected(0, 30_000, 60_000)).toEqual([false, true, true]);
  });

  it.each([
    ['early', 1100 - 25, true],
    ['late', 1100 + 25, true],
    ['too early', 1100 - 26, false],
    ['too late', 1100 + 26, false],
  ])('takes one that comes %s', (_, time, wanted) => {
    expect(expected(0, time)).toEqual([false, wanted]);
  });

  it('takes an announcement at any other time for a hint', () => {
    expect(expected(0, 1100, 1700)).toEqual([false, true, false]);
  });

  it('expects no further one of a series that is over', () => {
    expect(expected(0, 1100, 2200, 3300)).toEqual([false, true, true, false]);
  });

  it('expects no series after a refresh', () => {
    expect(expected(0, 30_000, 31_100)).toEqual([false, true, false]);
  });

  it('understands a hint that falls on a scheduled time, since it is sent twice', () => {
    expect(expected(0, 1090, 1095)).toEqual([false, true, false]);
    expect(expected(0, 30_000, 30_005)).toEqual([false, true, false]);
  });

  it('tells a hint from the scheduled announcement just before it', () => {
    expect(expected(0, 1100, 1110)).toEqual([false, true, false]);
  });

  it('follows the series of each alias of a peer', () => {
    expect(expected(0, 0.1, 1100, 1100.1)).toEqual([false, true, true, true]);
  });

  it('takes a copy for no hint, and a hint just after a scheduled one for one', () => {
    expect(expected(0, 1100, 1100.3, 2200, 2200.4, 32_200)).toEqual([false, true, true, true, true, true]);
    expect(expected(0, 1100, 1100.3, 1102.3)).toEqual([false, true, true, false]);
  });
});
