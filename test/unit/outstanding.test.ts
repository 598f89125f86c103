import { Outstanding } from '../../agent/outstanding';
import { parseIpv4 } from '../../agent/wire/address';

const GATE = parseIpv4('10.0.0.1')!;
const OTHER = parseIpv4('10.0.0.2')!;

test('an answer counts once, to a request that went out to whom it is from', () => {
  const outstanding = new Outstanding();
  outstanding.sent(GATE, 7);
  outstanding.sent(GATE, 9);
  expect(outstanding.numbers).toEqual([7, 9]);
  expect(outstanding.answered(GATE, 8)).toBe(false);
  expect(outstanding.answered(OTHER, 7)).toBe(false);
  expect(outstanding.answered(GATE, 7)).toBe(true);
  expect(outstanding.answered(GATE, 7)).toBe(false);
  expect(outstanding.numbers).toEqual([9]);
  expect(outstanding.answered(GATE, 9)).toBe(true);
  expect(outstanding.numbers).toEqual([]);
});

test('of two requests with one number the later one waits', () => {
  const outstanding = new Outstanding();
  outstanding.sent(GATE, 7);
  outstanding.sent(OTHER, 7);
  expect(outstanding.numbers).toEqual([7]);
  expect(outstanding.answered(GATE, 7)).toBe(false);
  expect(outstanding.answered(OTHER, 7)).toBe(true);
});

test('as many of the last requests are remembered as a filter has room for, however many stay unanswered', () => {
  const outstanding = new Outstanding();
  for (let number = 0; number < 1000; number++) outstanding.sent(GATE, number);
  // Sent once more, it is among the last.
  outstanding.sent(GATE, 745);
  outstanding.sent(GATE, 1000);
  expect(outstanding.numbers).toEqual([...Array.from({ length: 253 }, (_, index) => 747 + index), 745, 1000]);
});
