import { Announcing } from '../../agent/core/announcing';
import { Conflict, DEFEND_INTERVAL } from '../../agent/core/conflict';
import type { ArpOptions } from '../../agent/core/topology';

const ARP: ArpOptions = { responder: 'auto', repeat: 3, spacing: 1100, refresh: 30_000 };
const RETRY = 5;

/** The times up to `end` at which something is announced. */
function times(announcing: Announcing, end: number): number[] {
  const found: number[] = [];
  while (announcing.wakeAt <= end) {
    const now = announcing.wakeAt;
    expect(announcing.tick(now)).toBe(true);
    expect(announcing.wakeAt).toBeGreaterThan(now);
    found.push(now);
  }
  return found;
}

function started(options = ARP): Announcing {
  const announcing = new Announcing(options, RETRY);
  announcing.start(0);
  return announcing;
}

describe('announcements', () => {
  test('repeat when the link comes up, and go on in the steady state', () => {
    expect(times(started(), 70_000)).toEqual([0, 1100, 2200, 32_200, 62_200]);
  });

  test('end with the repetitions where there is no refresh', () => {
    expect(times(started({ ...ARP, refresh: 0 }), 1e9)).toEqual([0, 1100, 2200]);
  });

  test('are made once where none is to be repeated', () => {
    expect(times(started({ ...ARP, repeat: 1, refresh: 0 }), 1e9)).toEqual([0]);
  });

  test('not before their time', () => {
    const announcing = started();
    announcing.tick(0);
    expect(announcing.tick(1099)).toBe(false);
  });

  test('stop with the link, hints included, and begin anew with it', () => {
    const announcing = started();
    times(announcing, 1000);
    announcing.hint(1000);
    announcing.stop();
    expect(announcing.idle).toBe(true);
    expect(times(announcing, 1e9)).toEqual([]);
    announcing.start(2e9);
    expect(times(announcing, 2e9 + 3000)).toEqual([2e9, 2e9 + 1100, 2e9 + 2200]);
  });

  test('a hint is given at once and once more, and moves no other announcement', () => {
    const announcing = started();
    times(announcing, 5000);
    announcing.hint(10_000);
    expect(times(announcing, 40_000)).toEqual([10_000, 10_000 + RETRY, 32_200]);
  });

  test('take new options from the next on', () => {
    const announcing = started();
    times(announcing, 5000);
    announcing.retime({ ...ARP, refresh: 1000 }, RETRY, 5000);
    expect(times(announcing, 34_500)).toEqual([32_200, 33_200, 34_200]);
  });

  test('begin again where there was no refresh and now is', () => {
    const announcing = started({ ...ARP, refresh: 0 });
    times(announcing, 5000);
    announcing.retime(ARP, RETRY, 5000);
    expect(times(announcing, 70_000)).toEqual([35_000, 65_000]);
  });

  test('do not begin on a link that does not work', () => {
    const announcing = new Announcing({ ...ARP, refresh: 0 }, RETRY);
    announcing.retime(ARP, RETRY, 0);
    expect(announcing.wakeAt).toBe(Number.POSITIVE_INFINITY);
  });
});

test('an alias is defended once in ten seconds (RFC 5227)', () => {
  const conflict = new Conflict();
  const defended = Array.from({ length: 3000 }, (_, index) => index * 10).filter((time) =>
    conflict.defend(time),
  );
  expect(defended).toEqual([0, DEFEND_INTERVAL, 2 * DEFEND_INTERVAL]);
});
