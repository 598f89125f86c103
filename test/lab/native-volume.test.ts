import {
  ARP,
  BROADCAST,
  closeAll,
  collectGarbage,
  frameOf,
  makeVeth,
  numbered,
  numberIn,
  openSocket,
  type Veth,
} from './native-network';

const ETHERNET_HEADER = 14;
const BATCH = 100;
const WARM_UP = 100_000;
const FRAMES = 1_000_000;
const SHORT = frameOf(BROADCAST, ARP);
/** As long as a beacon is. */
const LONG = frameOf(BROADCAST, ARP, new Array(126).fill(0));
const MEBIBYTE = 1 << 20;
/** A leak of 32 bytes a frame, outside V8's heap or in it, would be twice this. */
const BOUND = 16 * MEBIBYTE;

let veth: Veth;

beforeAll(() => {
  veth = makeVeth();
});

afterAll(() => {
  closeAll();
  veth.remove();
});

function measure(): { heap: number; external: number; resident: number } {
  collectGarbage();
  const usage = process.memoryUsage();
  return { heap: usage.heapUsed, external: usage.external, resident: usage.rss };
}

function frameWith(number: number): Uint8Array {
  const frame = (number % 2 === 0 ? SHORT : LONG).slice();
  frame.set(numbered(number), ETHERNET_HEADER);
  return frame;
}

test('a million frames, short and long, through a veth pair arrive, in order, and leave no memory behind', () => {
  const near = openSocket(veth.near, [ARP]);
  const far = openSocket(veth.far, [ARP]);
  let next = 0;
  const pass = (frames: number): void => {
    for (let done = 0; done < frames; done += BATCH) {
      const batch = Array.from({ length: BATCH }, (_, index) => frameWith(next + index));
      if (far.send(batch).sent !== BATCH) throw new Error('a frame was not sent');
      for (const frame of near.receive()) {
        if (numberIn(frame) !== next++)
          throw new Error(`frame ${numberIn(frame)} came instead of ${next - 1}`);
      }
    }
  };
  pass(WARM_UP);
  const before = measure();
  pass(FRAMES);
  const after = measure();
  expect(next).toBe(WARM_UP + FRAMES);
  expect(near.statistics()).toEqual({ packets: WARM_UP + FRAMES, drops: 0 });
  expect(after.heap - before.heap).toBeLessThan(BOUND);
  expect(after.external - before.external).toBeLessThan(BOUND);
  expect(after.resident - before.resident).toBeLessThan(2 * BOUND);
}, 120_000);
