import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { PacketSocket } from '../../native-bindings/packet-socket';
import {
  ARP,
  BEACON,
  BROADCAST,
  frameOf,
  freshVeth,
  ip,
  numbered,
  numberIn,
  openSocket,
  PATIENCE,
  waitUntil,
} from './native-network';

const veth = freshVeth();

/** How often the event loop goes round in the time of one that would spin thousands of times. */
async function rounds(): Promise<number> {
  const before = performance.nodeTiming.uvMetricsInfo.loopCount;
  await new Promise((resolve) => setTimeout(resolve, 100));
  return performance.nodeTiming.uvMetricsInfo.loopCount - before;
}

/** A handful is for the test's own timers. */
const IDLE = 50;

/**
 * Waits until the event loop has come to rest. A socket that wakes it does so again and again as long as frames wait on it, and it never
 * rests. Others wake it for a while: V8 marks garbage in tasks that follow each other at once, a thousand rounds and more until it is done.
 */
async function untilIdle(): Promise<void> {
  await waitUntil(async () => (await rounds()) < IDLE, PATIENCE, 'the event loop to rest');
}

function send(...numbers: number[]): void {
  openSocket(veth.far, [BEACON]).send(numbers.map((number) => frameOf(BROADCAST, BEACON, numbered(number))));
}

describe.each([
  ['in a receive buffer', {}],
  ['in a ring', { ring: 32 }],
])('%s', (_, options) => {
  test('frames wait without waking the event loop', async () => {
    const near = openSocket(veth.near, [BEACON], {}, options);
    send(1, 2, 3);
    await untilIdle();
    expect(near.receive().map(numberIn)).toEqual([1, 2, 3]);
    send(4);
    expect(near.receive().map(numberIn)).toEqual([4]);
    expect(near.receive()).toEqual([]);
  });

  test('an interface that goes down is reported once each time, and what came before it is still there', async () => {
    const errors: string[] = [];
    const near = openSocket(
      veth.near,
      [BEACON],
      { error: (error) => errors.push(`${error.code} ${error.interface}`) },
      options,
    );
    const down = `ENETDOWN ${veth.near.name}`;
    send(1);
    for (const round of [1, 2]) {
      ip(`link set ${veth.near.name} down`);
      await waitUntil(() => errors.length >= round, PATIENCE, 'the report');
      ip(`link set ${veth.near.name} up`);
      // Still not polled after it: what waits wakes nobody.
      await waitUntil(() => sent(near), PATIENCE, 'the carrier');
      await untilIdle();
      expect(errors).toEqual(new Array(round).fill(down));
    }
    expect(numberIn(near.receive()[0]!)).toBe(1);
  });

  test('after close, calls are harmless, and the socket ends', async () => {
    const near = openSocket(veth.near, [BEACON], {}, options);
    expect(bound()).toBe(1);
    send(1);
    near.close();
    near.close();
    expect(near.receive()).toEqual([]);
    expect(near.send([frameOf(BROADCAST, ARP)])).toMatchObject({ sent: 0, error: { code: 'EBADF' } });
    expect(near.statistics()).toEqual({ packets: 1, drops: 0 });
    await waitUntil(() => bound() === 0, PATIENCE, 'the end of the socket');
  });
});

/** How many packet sockets are bound to the near interface. */
function bound(): number {
  const lines = readFileSync('/proc/self/net/packet', 'utf8').trimEnd().split('\n').slice(1);
  return lines.filter((line) => line.trim().split(/\s+/)[4] === String(veth.near.ifindex)).length;
}

/** Whether a frame that is sent now arrives: right after the carrier returned, the kernel takes frames and loses them. */
function sent(to: PacketSocket): boolean {
  const before = to.statistics().packets;
  send(2);
  return to.statistics().packets > before;
}

test('a receive that finds the error first reads the frames behind it, and the handler is told', async () => {
  const errors: string[] = [];
  const near = openSocket(veth.near, [BEACON], { error: (error) => errors.push(error.code) });
  send(1);
  ip(`link set ${veth.near.name} down`);
  expect(near.receive().map(numberIn)).toEqual([1]);
  expect(errors).toEqual([]);
  await waitUntil(() => errors.length > 0, PATIENCE, 'the report');
  expect(errors).toEqual(['ENETDOWN']);
});
