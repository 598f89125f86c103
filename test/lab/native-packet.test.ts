import { SystemError } from '../../native-bindings/system-error';
import {
  ARP,
  BEACON,
  BROADCAST,
  FOREIGN,
  frameOf,
  freshVeth,
  IPV4,
  ip,
  listen,
  monotonic,
  numbered,
  numberIn,
  openSocket,
  tagged,
  untilFrames,
} from './native-network';

const veth = freshVeth();

describe('what comes in', () => {
  test('is whole, and says to whom it was addressed', async () => {
    const near = listen(veth.near, [ARP]);
    const far = openSocket(veth.far, [ARP]);
    const destinations = [veth.near.mac, BROADCAST, '01:00:5e:00:00:01', FOREIGN];
    const frames = destinations.map((destination, index) => frameOf(destination, ARP, [index, 1, 2, 3]));
    expect(far.send(frames)).toEqual({ sent: 4, error: undefined });
    const received = await untilFrames(near, 4);
    expect(received.map((frame) => frame.kind)).toEqual(['host', 'broadcast', 'multicast', 'otherhost']);
    expect(received.map((frame) => Buffer.from(frame.bytes))).toEqual(
      frames.map((frame) => Buffer.from(frame)),
    );
    expect(received.map((frame) => frame.length)).toEqual([60, 60, 60, 60]);
  });

  test('bears the time at which the kernel received it, however late it is read', async () => {
    const socket = openSocket(veth.near, [ARP]);
    const far = openSocket(veth.far, [ARP]);
    const sent: [before: number, after: number][] = [];
    for (let index = 0; index < 5; index++) {
      const before = monotonic();
      far.send([frameOf(BROADCAST, ARP, numbered(index))]);
      sent.push([before, monotonic()]);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const frames = socket.receive();
    expect(frames.map(numberIn)).toEqual([0, 1, 2, 3, 4]);
    // The first may have come before the kernel began to stamp, and is then stamped when it is read.
    for (const [index, frame] of frames.entries()) {
      const [before, after] = sent[index]!;
      if (index > 0) expect(frame.at).toBeGreaterThanOrEqual(before - 0.1);
      if (index > 0) expect(frame.at).toBeLessThanOrEqual(after + 0.1);
      expect(frame.at).toBeLessThanOrEqual(monotonic());
    }
  });

  test('is not older than the moment at which nothing waited', async () => {
    const socket = openSocket(veth.near, [ARP]);
    const far = openSocket(veth.far, [ARP]);
    for (let index = 0; index < 50; index++) {
      const empty = monotonic();
      expect(socket.receive()).toEqual([]);
      far.send([frameOf(BROADCAST, ARP)]);
      const [frame] = socket.receive();
      expect(frame!.at).toBeGreaterThanOrEqual(empty);
      expect(frame!.at).toBeLessThanOrEqual(monotonic());
    }
  });

  test('is cut at 10 KiB, and says how long it was', async () => {
    for (const { name } of [veth.near, veth.far]) ip(`link set ${name} mtu 20000`);
    const near = listen(veth.near, [BEACON]);
    const far = openSocket(veth.far, [BEACON]);
    far.send([
      frameOf(BROADCAST, BEACON, new Array(9200).fill(7)),
      frameOf(BROADCAST, BEACON, new Array(15000).fill(9)),
    ]);
    const [whole, cut] = await untilFrames(near, 2);
    expect([whole!.length, whole!.bytes.length]).toEqual([9214, 9214]);
    expect([cut!.length, cut!.bytes.length]).toEqual([15014, 10240]);
    expect(cut!.bytes.at(-1)).toBe(9);
  });

  test('belongs to the caller: a later frame does not overwrite it', () => {
    const socket = openSocket(veth.near, [ARP]);
    const far = openSocket(veth.far, [ARP]);
    far.send([frameOf(BROADCAST, ARP, numbered(1))]);
    const [first] = socket.receive();
    far.send([frameOf(BROADCAST, ARP, numbered(2))]);
    const [second] = socket.receive();
    expect([numberIn(first!), numberIn(second!)]).toEqual([1, 2]);
  });

  test('waits while fewer frames are asked for, and stays readable', async () => {
    const near = openSocket(veth.near, [ARP]);
    const far = openSocket(veth.far, [ARP]);
    far.send(Array.from({ length: 100 }, (_, index) => frameOf(BROADCAST, ARP, numbered(index))));
    expect(near.receive(0)).toEqual([]);
    expect(near.receive(3).map(numberIn)).toEqual([0, 1, 2]);
    expect(near.receive(40).map(numberIn)).toEqual(Array.from({ length: 40 }, (_, index) => index + 3));
    expect(near.receive().map(numberIn)).toEqual(Array.from({ length: 57 }, (_, index) => index + 43));
    expect(near.receive()).toEqual([]);
  });

  test('calls the handler again until it is read', async () => {
    const calls: number[] = [];
    let done: () => void = () => undefined;
    const drained = new Promise<void>((resolve) => {
      done = resolve;
    });
    const near = openSocket(veth.near, [ARP], {
      readable: () => {
        calls.push(near.receive(1).length);
        if (calls.length === 5) done();
      },
    });
    const far = openSocket(veth.far, [ARP]);
    far.send(Array.from({ length: 5 }, () => frameOf(BROADCAST, ARP)));
    await drained;
    expect(calls).toEqual([1, 1, 1, 1, 1]);
  });
});

describe('the filter in the kernel', () => {
  const foreign = (): Uint8Array[] => [IPV4, 0x86dd, 0x88cc, 0x0805].map((type) => frameOf(BROADCAST, type));

  test.each([[[ARP]], [[ARP, BEACON]], [[ARP, BEACON, 0x88b6, 0x8999]]])(
    'lets in %j and nothing else',
    async (types) => {
      const near = listen(veth.near, types);
      const far = openSocket(veth.far, [ARP]);
      const wanted = types.map((type) => frameOf(BROADCAST, type));
      // An EtherType inside the payload, and a frame that ends before its EtherType would, are no reason either.
      const decoy = frameOf(BROADCAST, IPV4, [ARP >>> 8, ARP & 0xff]);
      far.send([...foreign(), decoy, ...wanted, ...foreign(), frameOf(BROADCAST, ARP, numbered(0xe0d))]);
      const frames = await untilFrames(near, types.length + 1);
      expect(frames.map((frame) => (frame.bytes[12]! << 8) | frame.bytes[13]!)).toEqual([...types, ARP]);
      // The kernel counted no others either: nothing foreign reached the socket's queue.
      expect(near.socket.statistics()).toEqual({ packets: types.length + 1, drops: 0 });
    },
  );

  test.each([[[ARP]], [[ARP, BEACON]]])('keeps away what this host sends itself, with %j', async (types) => {
    const near = listen(veth.near, types);
    const other = openSocket(veth.near, types);
    const far = openSocket(veth.far, types);
    near.socket.send(types.map((type) => frameOf(BROADCAST, type)));
    other.send(types.map((type) => frameOf(BROADCAST, type)));
    far.send([frameOf(BROADCAST, ARP, numbered(7))]);
    const frames = await untilFrames(near, 1);
    expect(frames.map(numberIn)).toEqual([7]);
    expect(near.socket.statistics().packets).toBe(1);
  });

  test.each([[[ARP]], [[ARP, BEACON]]])('marks frames of a foreign VLAN, with %j', async (types) => {
    const near = listen(veth.near, types);
    const far = openSocket(veth.far, [ARP]);
    const plain = frameOf(BROADCAST, ARP);
    // Id 0 bears a priority only: the frame belongs to the interface's own network.
    far.send([plain, tagged(plain, 0), tagged(plain, 5), tagged(plain, 4094)]);
    const frames = await untilFrames(near, 4);
    expect(frames.map((frame) => frame.vlan)).toEqual([false, false, true, true]);
  });

  test('never makes the interface promiscuous', async () => {
    const near = listen(veth.near, [ARP, BEACON]);
    const far = openSocket(veth.far, [ARP]);
    far.send([frameOf(FOREIGN, ARP, numbered(1)), frameOf(veth.near.mac, ARP, numbered(2))]);
    const frames = await untilFrames(near, 2);
    expect(frames.filter((frame) => frame.kind === 'host').map(numberIn)).toEqual([2]);
    const [link] = JSON.parse(ip(`-j -d link show dev ${veth.near.name}`)) as {
      promiscuity: number;
      flags: string[];
    }[];
    expect(link!.promiscuity).toBe(0);
    expect(link!.flags).not.toContain('PROMISC');
  });
});

describe('sending', () => {
  test('keeps the order over several batches', async () => {
    const near = listen(veth.near, [BEACON]);
    const far = openSocket(veth.far, [ARP]);
    const count = 250;
    const payload = new Array(1000).fill(1);
    const frames = Array.from({ length: count }, (_, index) =>
      frameOf(BROADCAST, BEACON, [...numbered(index), ...payload]),
    );
    expect(far.send(frames)).toEqual({ sent: count, error: undefined });
    const received = await untilFrames(near, count);
    expect(received.map(numberIn)).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(received.every((frame) => frame.length === 1018)).toBe(true);
  });

  test('of nothing is nothing', () => {
    expect(openSocket(veth.far, [ARP]).send([])).toEqual({ sent: 0, error: undefined });
  });

  test.each([
    ['than the MTU', 2000],
    ['than any frame', 70000],
  ])('stops at the first frame that is longer %s, and says why', async (_, length) => {
    const near = listen(veth.near, [ARP]);
    const far = openSocket(veth.far, [ARP]);
    const good = (value: number): Uint8Array => frameOf(BROADCAST, ARP, numbered(value));
    const { sent, error } = far.send([
      good(1),
      good(2),
      frameOf(BROADCAST, ARP, new Array(length).fill(0)),
      good(3),
    ]);
    expect(sent).toBe(2);
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({
      code: 'EMSGSIZE',
      errno: 90,
      syscall: 'sendmmsg',
      interface: veth.far.name,
    });
    far.send([good(4)]);
    expect((await untilFrames(near, 3)).map(numberIn)).toEqual([1, 2, 4]);
  });

  test('refuses what is no Ethernet frame', () => {
    const { sent, error } = openSocket(veth.far, [ARP]).send([new Uint8Array(5)]);
    expect([sent, error?.code]).toEqual([0, 'EINVAL']);
  });
});

test('drops are counted while nobody reads, and all that was let in', () => {
  const near = openSocket(veth.near, [ARP], {}, { receiveBuffer: 8192 });
  const far = openSocket(veth.far, [ARP]);
  const flood = Array.from({ length: 500 }, () => frameOf(BROADCAST, ARP));
  far.send(flood);
  const first = near.statistics();
  expect(first.packets).toBe(500);
  expect(first.drops).toBeGreaterThan(400);
  const kept = near.receive().length;
  expect(kept + first.drops).toBe(500);
  far.send(flood);
  const second = near.statistics();
  expect(second.packets).toBe(1000);
  expect(second.drops).toBeGreaterThan(first.drops);
  near.close();
  expect(near.statistics()).toEqual(second);
});
