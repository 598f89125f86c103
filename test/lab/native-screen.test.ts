import type { PacketSocket, PacketSocketOptions } from '../../native-bindings/packet-socket';
import { ARP, BEACON, BROADCAST, frameOf, freshVeth, numbered, numberIn, openSocket } from './native-network';

const veth = freshVeth();

/** A frame with this number, from this hardware address. */
function frameFrom(sender: number, number: number, etherType = BEACON): Uint8Array {
  const frame = frameOf(BROADCAST, etherType, numbered(number));
  Buffer.from(frame.buffer).writeUIntBE(sender, 6, 6);
  return frame;
}

/** Of the frames from these addresses, the numbers of those that are let in. */
function letIn(near: PacketSocket, senders: readonly number[]): number[] {
  openSocket(veth.far, [ARP]).send(senders.map((sender, number) => frameFrom(sender, number)));
  return near.receive().map(numberIn);
}

/** Addresses of which neighbors in order are near each other and far from each other, both ends of the range among them. */
const MANY = Array.from(
  { length: 1000 },
  (_, index) => 0x020000000000 + ((index * 2654435761) % 2 ** 32),
).concat([0x020000000000, 0x0200ffffffff, 0x02007fffffff, 0x020080000000]);
const OUTSIDE = MANY.map((sender) => (sender % 2 ** 32 === 2 ** 32 - 1 ? sender - 1 : sender + 1)).filter(
  (sender) => !MANY.includes(sender),
);

describe.each<[string, Partial<PacketSocketOptions>]>([
  ['a socket', {}],
  ['a socket with a ring', { ring: 2048 }],
  ['a socket with a match', { match: { offset: 0, mask: 1, value: 1 } }],
])('%s', (_, options) => {
  test.each([0, 1, 2, 4, 5, 6, 9, 33, 500, MANY.length])('lets in %i senders, and nobody else', (count) => {
    const near = openSocket(veth.near, [BEACON], {}, options);
    const senders = MANY.slice(0, count);
    expect(near.screen(senders)).toBe(true);
    expect(letIn(near, senders)).toEqual(senders.map((_, number) => number));
    expect(letIn(near, OUTSIDE)).toEqual([]);
    expect(near.screen(undefined)).toBe(true);
    expect(letIn(near, [1, 2, 3])).toEqual([0, 1, 2]);
  });
});

test('what waited when the screen came stays', () => {
  const near = openSocket(veth.near, [BEACON]);
  openSocket(veth.far, [ARP]).send([frameFrom(1, 1), frameFrom(2, 2)]);
  near.screen([2]);
  openSocket(veth.far, [ARP]).send([frameFrom(1, 3), frameFrom(2, 4)]);
  expect(near.receive().map(numberIn)).toEqual([1, 2, 4]);
});

test('more senders than a filter takes are refused, and what was let in before still is', () => {
  const near = openSocket(veth.near, [BEACON]);
  expect(near.screen(Array.from({ length: 4000 }, (_, index) => index))).toBe(false);
  expect(letIn(near, [5000])).toEqual([0]);
});

test('other EtherTypes are refused as before, and a closed socket says that nothing was taken', () => {
  const near = openSocket(veth.near, [BEACON]);
  near.screen([1]);
  openSocket(veth.far, [ARP]).send([frameFrom(1, 1, ARP), frameFrom(1, 2)]);
  expect(near.receive().map(numberIn)).toEqual([2]);
  near.close();
  expect(near.screen([1])).toBe(false);
});
