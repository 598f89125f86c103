import { readdirSync, readlinkSync } from 'node:fs';
import { PacketSocket } from '../../native-bindings/packet-socket';
import { SystemError } from '../../native-bindings/system-error';
import {
  ARP,
  BEACON,
  BROADCAST,
  frameOf,
  freshVeth,
  ip,
  type Listener,
  listen,
  numbered,
  numberIn,
  openSocket,
  PATIENCE,
  type Port,
  port,
  untilFrames,
  waitUntil,
} from './native-network';

const veth = freshVeth();

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function untilErrors(listener: Listener, count: number): Promise<unknown> {
  return waitUntil(() => listener.errors.length >= count, PATIENCE, `${count} errors`);
}

/**
 * Sends a number from `from` until it has reached `to`. Once is not enough when the carrier has only just returned: a frame
 * sent before linkwatch activates the queue (dev_activate) is accepted and lost.
 */
async function untilReached(from: Port, to: Listener, number: number): Promise<void> {
  const sender = openSocket(from, [ARP]);
  await waitUntil(
    () => {
      sender.send([frameOf(BROADCAST, ARP, numbered(number))]);
      return to.frames.some((frame) => numberIn(frame) === number);
    },
    PATIENCE,
    `frame ${number}`,
  );
  sender.close();
}

/** The share of one processor that this process uses in a second in which nothing happens. */
async function idleShare(): Promise<number> {
  const before = process.cpuUsage();
  await pause(1000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** A loop that spins takes all of a processor; an idle jest takes about a hundredth. */
const IDLE = 0.2;

describe.each([
  ['bound to its EtherType', [ARP]],
  ['with several EtherTypes', [ARP, BEACON]],
])('a socket %s', (_, types) => {
  test('reports an interface that goes down once, idles, and receives again when it is up', async () => {
    const near = listen(veth.near, types);
    const down = `ENETDOWN ${veth.near.name}`;
    for (const round of [1, 2, 3]) {
      ip(`link set ${veth.near.name} down`);
      await untilErrors(near, round);
      if (round === 1) expect(await idleShare()).toBeLessThan(IDLE);
      ip(`link set ${veth.near.name} up`);
      await untilReached(veth.far, near, round);
      expect(near.errors).toEqual(new Array(round).fill(down));
    }
    expect([...new Set(near.frames.map(numberIn))]).toEqual([1, 2, 3]);
  });

  test('reports an interface that is removed once, idles, and leaves the name to its successor', async () => {
    const near = listen(veth.near, types);
    const far = listen(veth.far, types);
    ip(`link del ${veth.near.name}`);
    await untilErrors(near, 1);
    await untilErrors(far, 1);
    expect(await idleShare()).toBeLessThan(IDLE);
    expect(near.socket.send([frameOf(BROADCAST, ARP)])).toMatchObject({ sent: 0, error: { code: 'ENXIO' } });
    expect(near.socket.receive()).toEqual([]);
    ip(`link add ${veth.near.name} type veth peer name ${veth.far.name}`);
    ip(`link set ${veth.near.name} up`);
    ip(`link set ${veth.far.name} up`);
    // The card that takes the name has another index: the agent opens a socket on it, and the old one stays silent.
    const successor = listen(port(veth.near.name), types);
    await untilReached(port(veth.far.name), successor, 9);
    expect(near.frames).toEqual([]);
    expect([near.errors, far.errors].flat()).toEqual([
      `ENETDOWN ${veth.near.name}`,
      `ENETDOWN ${veth.far.name}`,
    ]);
  });
});

test('frames that came before the interface went down are still delivered', async () => {
  const near = listen(veth.near, [ARP]);
  openSocket(veth.far, [ARP]).send([
    frameOf(BROADCAST, ARP, numbered(1)),
    frameOf(BROADCAST, ARP, numbered(2)),
  ]);
  ip(`link set ${veth.near.name} down`);
  expect((await untilFrames(near, 2)).map(numberIn)).toEqual([1, 2]);
  await untilErrors(near, 1);
  expect(near.errors).toHaveLength(1);
});

test('a receive that finds the error first reads the frames behind it, and the handler is told', async () => {
  const near = listen(veth.near, [ARP]);
  openSocket(veth.far, [ARP]).send([frameOf(BROADCAST, ARP, numbered(1))]);
  ip(`link set ${veth.near.name} down`);
  expect(near.socket.receive().map(numberIn)).toEqual([1]);
  // Not from within the call.
  expect(near.errors).toEqual([]);
  await untilErrors(near, 1);
  await pause(50);
  expect(near.errors).toEqual([`ENETDOWN ${veth.near.name}`]);
});

test('a send that finds the note of an earlier down sends all the same, and the handler is told', async () => {
  const near = listen(veth.near, [ARP]);
  ip(`link set ${veth.near.name} down`);
  ip(`link set ${veth.near.name} up`);
  expect(near.socket.send([frameOf(BROADCAST, ARP, numbered(1))])).toEqual({ sent: 1, error: undefined });
  await untilErrors(near, 1);
  await pause(50);
  expect(near.errors).toEqual([`ENETDOWN ${veth.near.name}`]);
});

test('a send on an interface that is down fails, and the handler is told once', async () => {
  const near = listen(veth.near, [ARP]);
  ip(`link set ${veth.near.name} down`);
  const result = near.socket.send([frameOf(BROADCAST, ARP)]);
  expect(result).toMatchObject({ sent: 0, error: { code: 'ENETDOWN', interface: veth.near.name } });
  await untilErrors(near, 1);
  expect(near.socket.send([frameOf(BROADCAST, ARP)]).error?.code).toBe('ENETDOWN');
  await pause(50);
  expect(near.errors).toHaveLength(1);
});

test('an interface that is down when the socket is opened is reported, and served once it is up', async () => {
  ip(`link set ${veth.near.name} down`);
  const near = listen(veth.near, [ARP]);
  await untilErrors(near, 1);
  expect(near.errors).toEqual([`ENETDOWN ${veth.near.name}`]);
  ip(`link set ${veth.near.name} up`);
  await untilReached(veth.far, near, 3);
});

test('a renamed interface goes on', async () => {
  const near = listen(veth.near, [ARP]);
  const renamed = `r${veth.near.name}`;
  ip(`link set ${veth.near.name} name ${renamed}`);
  openSocket(veth.far, [ARP]).send([frameOf(BROADCAST, ARP, numbered(4))]);
  expect((await untilFrames(near, 1)).map(numberIn)).toEqual([4]);
  expect(near.errors).toEqual([]);
  ip(`link set ${renamed} name ${veth.near.name}`);
});

test('an interface that does not exist is refused with its name', () => {
  const open = (): unknown =>
    PacketSocket.open(
      { interface: 'eth9', ifindex: 999_999, etherTypes: [ARP] },
      { readable: () => undefined, error: () => undefined },
    );
  expect(open).toThrow(SystemError);
  expect(open).toThrow(
    expect.objectContaining({ code: 'ENODEV', errno: 19, syscall: 'bind', interface: 'eth9' }),
  );
});

describe('after close', () => {
  const sockets = (): string[] =>
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        const target = readlinkSync(`/proc/self/fd/${fd}`);
        return target.startsWith('socket:') ? [target] : [];
      } catch {
        return [];
      }
    });

  test('no handler is called, calls are harmless, and the descriptor is given back', async () => {
    const before = sockets();
    const near = listen(veth.near, [ARP]);
    const far = openSocket(veth.far, [ARP]);
    const ours = sockets().filter((socket) => !before.includes(socket));
    expect(ours).toHaveLength(2);
    far.send([frameOf(BROADCAST, ARP)]);
    ip(`link set ${veth.near.name} down`);
    near.socket.close();
    near.socket.close();
    expect(near.socket.receive()).toEqual([]);
    expect(near.socket.send([frameOf(BROADCAST, ARP)])).toMatchObject({ sent: 0, error: { code: 'EBADF' } });
    expect(near.socket.statistics()).toEqual({ packets: 1, drops: 0 });
    far.close();
    const closed = (): boolean => !sockets().some((socket) => ours.includes(socket));
    await waitUntil(closed, PATIENCE, 'both descriptors closed');
    expect([near.frames, near.errors]).toEqual([[], []]);
  });

  test('in a handler, nothing more comes', async () => {
    let calls = 0;
    const near = openSocket(veth.near, [ARP], {
      readable: () => {
        calls++;
        near.close();
      },
    });
    openSocket(veth.far, [ARP]).send([frameOf(BROADCAST, ARP), frameOf(BROADCAST, ARP)]);
    await waitUntil(() => calls > 0, PATIENCE, 'the handler is called');
    await pause(50);
    expect(calls).toBe(1);
  });

  test('a report on its way is not delivered', async () => {
    const near = listen(veth.near, [ARP]);
    ip(`link set ${veth.near.name} down`);
    near.socket.receive();
    near.socket.close();
    await pause(50);
    expect(near.errors).toEqual([]);
  });
});
