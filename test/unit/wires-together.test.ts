import { readTogether } from '../../agent/wires';
import type { ReceivedFrame } from '../../native-bindings/packet-socket';

const frame = (at: number) => ({ at }) as ReceivedFrame;

/** A link on which these frames are found by one reading after the other. */
function reader(link: string, ...readings: readonly (readonly number[])[]) {
  const left = [...readings];
  return [link, () => (left.shift() ?? []).map(frame)] as const;
}

test('a frame that comes by both links between the readings of one and the other is seen on both', () => {
  const part = readTogether([reader('eth0', [], [5]), reader('eth1', [6])]);
  expect(part.map(([link, frames]) => [link, frames.map(({ at }) => at)])).toEqual([
    ['eth1', [6]],
    ['eth0', [5]],
  ]);
});

test('where nothing is there, and where there is one link alone, it is read once', () => {
  const silent = [reader('eth0', [], [1]), reader('eth1', [], [2])];
  expect(readTogether(silent)).toEqual([]);
  expect(readTogether([reader('eth0', [1], [2])])).toHaveLength(1);
});
