import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { ROOT } from '../../deploy/lab/host';
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

/** Sends frames one ms apart: MODULE DEVICE IFINDEX FRAME COUNT. */
const SENDER = `
  const [module, name, ifindex, frame, count] = process.argv.slice(1);
  const { PacketSocket } = require(module);
  const options = { interface: name, ifindex: Number(ifindex), etherTypes: [${BEACON}] };
  const socket = PacketSocket.open(options, { readable() {}, error() {} });
  let left = Number(count);
  const timer = setInterval(() => {
    socket.send([Buffer.from(frame, 'hex')]);
    left -= 1;
    if (left > 0) return;
    clearInterval(timer);
    socket.close();
  }, 1);
`;

test('a frame that comes while a ring is read bears the same time on every socket that has it', async () => {
  const COUNT = 1000;
  const sockets = [1, 2].map(() => openSocket(veth.near, [BEACON], {}, { ring: 1024 }));
  const times: number[][] = [[], []];
  const read = () => {
    for (const [index, socket] of sockets.entries())
      times[index]!.push(...socket.receive().map(({ at }) => at));
  };
  // On one processor, the sender interrupts the reader anywhere.
  const taskset = (...args: string[]) => execFileSync('taskset', args, { encoding: 'utf8' }).trim();
  const before = taskset('-pc', `${process.pid}`).split(' ').at(-1)!;
  const processor = before.split(/[,-]/)[0]!;
  const module = join(ROOT, 'dist', 'native-bindings', 'packet-socket.js');
  const frame = Buffer.from(frameOf(BROADCAST, BEACON)).toString('hex');
  const command = [
    process.execPath,
    '-e',
    SENDER,
    module,
    veth.far.name,
    `${veth.far.ifindex}`,
    frame,
    `${COUNT}`,
  ];
  taskset('-pc', processor, `${process.pid}`);
  try {
    const child = spawn('taskset', ['-c', processor, ...command], { stdio: 'inherit' });
    let ended = false;
    const end = once(child, 'exit').then(() => {
      ended = true;
    });
    while (!ended) {
      for (let round = 0; round < 1000; round++) read();
      await turn();
    }
    await end;
    read();
  } finally {
    taskset('-pc', before, `${process.pid}`);
  }
  expect(times.map(({ length }) => length)).toEqual([COUNT, COUNT]);
  const apart = times[0]!.filter((at, index) => Math.abs(at - times[1]![index]!) > 0.01);
  // The clocks of the wall and of the machine can't be read at one moment, so a few may be.
  expect(apart.length).toBeLessThanOrEqual(COUNT / 200);
});
