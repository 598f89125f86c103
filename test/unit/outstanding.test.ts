import { Outstanding } from '../../agent/outstanding';

test('an answer counts once, to a request that went out to whom it is from', () => {
  const outstanding = new Outstanding();
  outstanding.sent('eth0 gate', 7);
  outstanding.sent('eth0 gate', 9);
  expect(outstanding.answered('eth0 gate', 8)).toBe(false);
  expect(outstanding.answered('eth1 gate', 7)).toBe(false);
  expect(outstanding.answered('eth0 gate', 7)).toBe(true);
  expect(outstanding.answered('eth0 gate', 7)).toBe(false);
  expect(outstanding.answered('eth0 gate', 9)).toBe(true);
});

test('the last requests are remembered, however many stay unanswered', () => {
  const outstanding = new Outstanding();
  for (let number = 0; number < 1000; number++) outstanding.sent('gate', number);
  const answered = Array.from({ length: 1000 }, (_, number) => outstanding.answered('gate', number));
  expect(answered.lastIndexOf(false)).toBe(967);
  expect(answered.filter(Boolean)).toHaveLength(32);
});
