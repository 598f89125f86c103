import { Beat } from '../bench/beat';

test('everybody has a turn each period, evenly spread', () => {
  const beat = new Beat(4, 100, 1000);
  expect(beat.wakeAt).toBe(1000);
  expect(beat.due(1000)).toEqual([0]);
  expect(beat.wakeAt).toBe(1025);
  expect(beat.due(1024.9)).toEqual([]);
  expect(beat.due(1075)).toEqual([1, 2, 3]);
  expect(beat.due(1100)).toEqual([0]);
});

test('nobody has more than one turn to make up for', () => {
  const beat = new Beat(4, 100, 1000);
  expect(beat.due(1000)).toEqual([0]);
  expect(beat.due(1260)).toEqual([3, 0, 1, 2]);
  expect(beat.wakeAt).toBe(1275);
});

test('without anybody there is nothing to wake for', () => {
  const beat = new Beat(0, 0, 1000);
  expect(beat.due(5000)).toEqual([]);
  expect(beat.wakeAt).toBe(Number.POSITIVE_INFINITY);
});
