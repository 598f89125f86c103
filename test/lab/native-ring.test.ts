import {
  ARP,
  BEACON,
  BROADCAST,
  FOREIGN,
  frameOf,
  freshVeth,
  ip,
  monotonic,
  numbered,
  numberIn,
  openSocket,
  tagged,
} from './native-network';

const SLOTS = 64;

const veth = freshVeth();

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test.each([[[BEACON]], [[ARP, BEACON]]])('frames are told as they are without a ring, with %j', (types) => {
  const rings = openSocket(veth.near, types, {}, { ring: SLOTS });
  const queue = openSocket(veth.near, types);
  const far = openSocket(veth.far, [ARP]);
  const destinations = [veth.near.mac, BROADCAST, '01:00:5e:00:00:01', FOREIGN];
  const plain = destinations.map((destination, index) => frameOf(destination, BEACON, [index, 1, 2, 3]));
  const long = frameOf(BROADCAST, BEACON, numbered(0xe0d).concat(new Array(1400).fill(5)));
  far.send([
    ...plain,
    ...plain.map((frame) => tagged(frame, 0)),
    ...plain.map((frame) => tagged(frame, 7)),
    long,
  ]);
  const frames = rings.receive();
  const told = (received: typeof frames): unknown =>
    received.map(({ bytes, kind, length, vlan }) => ({ bytes: Buffer.from(bytes), kind, length, vlan }));
  expect(told(frames)).toEqual(told(queue.receive()));
  expect(frames).toHaveLength(13);
  expect(Buffer.from(frames[12]!.bytes)).toEqual(Buffer.from(long));
  expect(rings.statistics()).toEqual({ packets: 13, drops: 0 });
});

test('a frame bears the time at which the kernel received it, however late it is read', () => {
  const near = openSocket(veth.near, [BEACON], {}, { ring: SLOTS });
  const far = openSocket(veth.far, [ARP]);
  for (let round = 0; round < 20; round++) {
    const sent: [before: number, after: number][] = [];
    for (let index = 0; index < 3; index++) {
      const before = monotonic();
      far.send([frameOf(BROADCAST, BEACON, numbered(index))]);
      sent.push([before, monotonic()]);
    }
    const frames = near.receive();
    expect(frames.map(numberIn)).toEqual([0, 1, 2]);
    for (const [index, { at }] of frames.entries()) {
      expect(at).toBeGreaterThanOrEqual(sent[index]![0] - 0.1);
      expect(at).toBeLessThanOrEqual(sent[index]![1] + 0.1);
    }
    const empty = monotonic();
    expect(near.receive()).toEqual([]);
    far.send([frameOf(BROADCAST, BEACON)]);
    expect(near.receive()[0]!.at).toBeGreaterThanOrEqual(empty);
  }
});

test('frames come in order, round and round, as many at a time as are asked for', () => {
  const near = openSocket(veth.near, [BEACON], {}, { ring: SLOTS });
  const far = openSocket(veth.far, [ARP]);
  const numbers: number[] = [];
  for (let sent = 0; sent < 10 * 50; sent += 50) {
    far.send(upTo(50).map((index) => frameOf(BROADCAST, BEACON, numbered(sent + index))));
    numbers.push(...near.receive(7).map(numberIn));
    expect(near.receive(0)).toEqual([]);
    numbers.push(...near.receive().map(numberIn));
  }
  expect(numbers).toEqual(upTo(500));
  expect(near.statistics()).toEqual({ packets: 500, drops: 0 });
});

test('when all slots are taken the kernel drops what comes, and counts it', () => {
  const near = openSocket(veth.near, [BEACON], {}, { ring: SLOTS });
  const far = openSocket(veth.far, [ARP]);
  for (const round of [1, 2]) {
    far.send(upTo(100).map((index) => frameOf(BROADCAST, BEACON, numbered(index))));
    expect(near.receive().map(numberIn)).toEqual(upTo(SLOTS));
    expect(near.statistics()).toEqual({ packets: 100 * round, drops: (100 - SLOTS) * round });
  }
});

test('a frame is cut at 1982 bytes, and says how long it was', () => {
  for (const { name } of [veth.near, veth.far]) ip(`link set ${name} mtu 4000`);
  const near = openSocket(veth.near, [BEACON], {}, { ring: SLOTS });
  const far = openSocket(veth.far, [ARP]);
  far.send([1968, 1969].map((length) => frameOf(BROADCAST, BEACON, new Array(length).fill(9))));
  const frames = near.receive();
  expect(frames.map(({ length, bytes }) => [length, bytes.length])).toEqual([
    [1982, 1982],
    [1983, 1982],
  ]);
  expect(frames[1]!.bytes.at(-1)).toBe(9);
});

test('an interface that does not exist is refused, and its ring given back', () => {
  const open = (): unknown => openSocket({ ...veth.near, ifindex: 999_999 }, [BEACON], {}, { ring: SLOTS });
  expect(open).toThrow(expect.objectContaining({ code: 'ENODEV', syscall: 'bind' }));
  expect(openSocket(veth.near, [BEACON], {}, { ring: SLOTS }).receive()).toEqual([]);
});
