import {
  ARP,
  BEACON,
  BROADCAST,
  frameOf,
  freshVeth,
  IPV4,
  listen,
  numberIn,
  openSocket,
  tagged,
  untilFrames,
} from './native-network';

/** Of the frame; the number in its payload ends before it. */
const OFFSET = 18;

const veth = freshVeth();

/** A frame with a number in its payload, and the byte at {@link OFFSET}. */
function frameWith(number: number, byte: number, etherType = BEACON): Uint8Array {
  return frameOf(BROADCAST, etherType, [0, 0, 0, number, byte]);
}

describe.each([
  ['bound to its EtherType', [BEACON]],
  ['with several EtherTypes', [0x88b6, BEACON]],
])('a socket %s', (_, types) => {
  test.each([
    ['a bit that is set', { mask: 0x01, value: 0x01 }, [1, 3, 5]],
    ['a bit that is not set', { mask: 0x01, value: 0 }, [0, 2, 4]],
    ['several bits', { mask: 0x81, value: 0x80 }, [4]],
    ['the whole byte', { mask: 0xff, value: 0x02 }, [2]],
  ])('lets in what has %s, and nothing else', async (_, bits, expected) => {
    const near = listen(veth.near, types, { match: { offset: OFFSET, ...bits } });
    const all = listen(veth.near, types);
    const bytes = [0x00, 0x01, 0x02, 0x03, 0x80, 0x81];
    const far = openSocket(veth.far, [ARP]);
    far.send(bytes.map((byte, index) => frameWith(index, byte)));
    // Another EtherType is no reason to look at the byte.
    far.send(bytes.map((byte, index) => frameWith(index, byte, IPV4)));
    expect((await untilFrames(all, bytes.length)).map(numberIn)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(near.socket.receive().concat(near.frames).map(numberIn)).toEqual(expected);
    expect(near.socket.statistics()).toEqual({ packets: expected.length, drops: 0 });
  });

  test('counts the offset without an 802.1Q tag', async () => {
    const near = listen(veth.near, types, { match: { offset: OFFSET, mask: 0xff, value: 0x55 } });
    const far = openSocket(veth.far, [ARP]);
    far.send([tagged(frameWith(1, 0x55), 0), tagged(frameWith(2, 0x54), 0), frameWith(3, 0x55)]);
    expect((await untilFrames(near, 2)).map(numberIn)).toEqual([1, 3]);
  });

  test('refuses what is too short for it', async () => {
    const last = { offset: 59, mask: 0xff, value: 0 };
    const near = listen(veth.near, types, { match: last });
    const beyond = listen(veth.near, types, { match: { ...last, offset: 60 } });
    const far = openSocket(veth.far, [ARP]);
    far.send([frameWith(1, 0), frameOf(BROADCAST, BEACON, [0, 0, 0, 2, ...new Array(43).fill(0)])]);
    // Of 60 and of 61 bytes.
    expect((await untilFrames(near, 2)).map(numberIn)).toEqual([1, 2]);
    expect((await untilFrames(beyond, 1)).map(numberIn)).toEqual([2]);
  });
});
