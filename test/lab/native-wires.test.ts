import type { Mac } from '../../agent/wire/address';
import { Wires } from '../../agent/wires';
import {
  ARP,
  BEACON,
  BROADCAST,
  closeAll,
  frameOf,
  ip,
  makeVeth,
  numbered,
  numberIn,
  openSocket,
  PATIENCE,
  port,
  type Veth,
  waitUntil,
} from './native-network';

const URGENT = 0x01;
const OTHER = 0x88b6;

let veth: Veth;
let wires: Wires;
let wakes: number;
let errors: string[];

beforeEach(() => {
  veth = makeVeth();
  wakes = 0;
  errors = [];
  wires = new Wires({
    readable: () => wakes++,
    error: (link, error) => errors.push(`${link} ${error.code}`),
  });
});

afterEach(() => {
  wires.closeAll();
  closeAll();
  veth.remove();
});

/** The beginning of a beacon as far as a wire looks at it; the number is its source's last byte. */
function beacon(number: number, flags = 0, etherType = BEACON): Uint8Array {
  const frame = frameOf(BROADCAST, etherType, [1, flags, ...new Array(124).fill(0)]);
  frame[11] = number;
  return frame;
}

function arp(number: number): Uint8Array {
  return frameOf(BROADCAST, ARP, numbered(number));
}

function arrive(...frames: Uint8Array[]): void {
  const { sent } = openSocket(veth.far, [ARP]).send(frames);
  expect(sent).toBe(frames.length);
}

/** What is received, as the numbers of ARP frames (under 100) and of beacons (from 100 on), by link. */
function receive(): [string, number[]][] {
  return [...wires.receive()]
    .flat()
    .map(([link, frames]) => [
      link,
      frames.map((frame) => (frame.bytes[12] === 0x08 ? numberIn(frame) : frame.bytes[11]!)),
    ]);
}

test('urgent beacons come before ARP, and that before steady beacons, each in its order', () => {
  wires.match('a', veth.near.ifindex);
  wires.use(BEACON);
  arrive(beacon(100), arp(1), beacon(101, URGENT), beacon(102), arp(2), beacon(103, URGENT));
  expect(receive()).toEqual([
    ['a', [101, 103]],
    ['a', [1, 2]],
    ['a', [100, 102]],
  ]);
  expect(receive()).toEqual([]);
});

test('the urgent beacons of all links are taken before anything else is read', () => {
  const other = makeVeth();
  try {
    wires.use(BEACON);
    wires.match('a', veth.near.ifindex);
    wires.match('b', other.near.ifindex);
    arrive(arp(1), beacon(100));
    openSocket(other.far, [ARP]).send([beacon(101, URGENT)]);
    const reading = wires.receive();
    expect(reading.next().value).toMatchObject([['b', [{ kind: 'broadcast' }]]]);
    // Not yet read, so that it comes with what is there already.
    arrive(arp(2));
    expect(reading.next().value).toMatchObject([['a', [{ length: 60 }, { length: 60 }]]]);
    expect(reading.next().value).toMatchObject([['a', [{ length: 140 }]]]);
    expect(reading.next().done).toBe(true);
  } finally {
    other.remove();
  }
});

test.each([
  ['an urgent beacon', beacon(101, URGENT)],
  ['an ARP frame', arp(1)],
])('steady beacons wait for %s to wake the agent', async (_, waking) => {
  wires.use(BEACON);
  wires.match('a', veth.near.ifindex);
  arrive(beacon(100), beacon(102));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(wakes).toBe(0);
  arrive(waking);
  await waitUntil(() => wakes > 0, PATIENCE, 'to be woken');
  expect(receive().at(-1)).toEqual(['a', [100, 102]]);
});

test('beacons are received as long as they are on, with the EtherType that is set', () => {
  const all = [arp(1), beacon(100), beacon(101, URGENT), beacon(102, 0, OTHER), beacon(103, URGENT, OTHER)];
  const numbers = (): number[] => {
    arrive(...all);
    return receive().flatMap(([, frames]) => frames);
  };
  wires.match('a', veth.near.ifindex);
  expect(numbers()).toEqual([1]);
  wires.use(BEACON);
  expect(numbers()).toEqual([101, 1, 100]);
  wires.use(OTHER);
  expect(numbers()).toEqual([103, 1, 102]);
  wires.use(undefined);
  expect(numbers()).toEqual([1]);
});

test('what waits in sockets that stay is not lost by another use', () => {
  wires.use(BEACON);
  wires.match('a', veth.near.ifindex);
  arrive(arp(1), beacon(100), beacon(101, URGENT));
  wires.use(BEACON);
  wires.match('a', veth.near.ifindex);
  expect(receive().flatMap(([, frames]) => frames)).toEqual([101, 1, 100]);
});

test('frames of any EtherType are sent, in their order', () => {
  wires.match('a', veth.near.ifindex);
  const far = openSocket(veth.far, [ARP, BEACON]);
  const refused: string[] = [];
  const frames = [arp(1), beacon(100), arp(2)];
  wires.send(
    frames.map((frame) => ({ link: 'a', frame })),
    (link, error) => refused.push(`${link} ${error.code}`),
  );
  expect(far.receive().map((frame) => Buffer.from(frame.bytes))).toEqual(
    frames.map((frame) => Buffer.from(frame)),
  );
  expect(refused).toEqual([]);
});

test('the card that takes a name gets sockets of its own', async () => {
  wires.use(BEACON);
  wires.match('a', veth.near.ifindex);
  ip(`link del ${veth.near.name}`);
  await waitUntil(() => errors.length > 0, PATIENCE, 'the report');
  expect(new Set(errors)).toEqual(new Set(['a ENETDOWN']));
  ip(`link add ${veth.near.name} type veth peer name ${veth.far.name}`);
  for (const name of [veth.near.name, veth.far.name]) ip(`link set ${name} addrgenmode none up`);
  wires.match('a', undefined);
  wires.match('a', port(veth.near.name).ifindex);
  const far = openSocket(port(veth.far.name), [ARP]);
  // Right after the carrier came, the kernel takes frames and loses them.
  await waitUntil(
    () => {
      far.send([beacon(100)]);
      return receive().length > 0;
    },
    PATIENCE,
    'a beacon',
  );
});

test('what the machine refuses is told, and asked for again by the next call', () => {
  wires.use(BEACON);
  wires.match('a', 999_999);
  wires.match('a', 999_999);
  expect(errors).toEqual(['a ENODEV', 'a ENODEV']);
  expect(receive()).toEqual([]);
  wires.match('a', veth.near.ifindex);
  arrive(beacon(100));
  expect(receive()).toEqual([['a', [100]]]);
});

test('a thousand peers may beacon twice before one is lost, and what is lost is counted for good', () => {
  wires.use(BEACON);
  wires.match('a', veth.near.ifindex);
  const burst = Array.from({ length: 1000 }, () => beacon(100));
  const beaconed = (rounds: number): number => {
    for (let round = 0; round < rounds; round++) arrive(...burst);
    return receive().reduce((sum, [, frames]) => sum + frames.length, 0);
  };
  expect(beaconed(2)).toBe(2000);
  expect(wires.dropped).toBe(0);
  const lost = 3000 - beaconed(3);
  expect(lost).toBeGreaterThan(0);
  expect(wires.dropped).toBe(lost);
  wires.use(undefined);
  expect(wires.dropped).toBe(lost);
  wires.close('a');
  expect(wires.dropped).toBe(lost);
});

test('ARP to us alone wakes the agent where it answers, and else waits for something that does', async () => {
  const directed = (number: number): Uint8Array => frameOf(veth.near.mac, ARP, numbered(number));
  wires.match('a', veth.near.ifindex);
  arrive(directed(1));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(wakes).toBe(0);
  wires.answers = true;
  await waitUntil(() => wakes > 0, PATIENCE, 'to be woken by what waited');
  expect(receive()).toEqual([['a', [1]]]);
  wires.answers = false;
  wakes = 0;
  arrive(directed(2));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(wakes).toBe(0);
  arrive(arp(3));
  await waitUntil(() => wakes > 0, PATIENCE, 'to be woken by ARP to everybody');
  expect(receive()).toEqual([
    ['a', [2]],
    ['a', [3]],
  ]);
});

test('a screen lets in the frames of some senders, for one voice of one link', () => {
  const [sender, other] = [0x020000000001, 0x020000000002] as Mac[];
  wires.use(BEACON);
  wires.match('a', veth.near.ifindex);
  const all = [arp(1), beacon(100), beacon(101, URGENT)];
  const numbers = (): number[] => {
    arrive(...all.map((frame) => frame.map((byte, at) => (at === 11 ? 1 : byte))));
    return receive().map(([, frames]) => frames.length);
  };
  wires.screen('a', 'beacons', [other!]);
  expect(numbers()).toEqual([1]);
  wires.screen('a', 'beacons', [other!, sender!]);
  wires.screen('a', 'broadcast', [other!]);
  expect(numbers()).toEqual([1, 1]);
  wires.screen('a', 'broadcast', undefined);
  wires.screen('unknown', 'directed', undefined);
  expect(numbers()).toEqual([1, 1, 1]);
});

test('where peers are too many for a screen, no frame wakes anybody while it is wanted', async () => {
  wires.match('a', veth.near.ifindex);
  wires.screen(
    'a',
    'broadcast',
    Array.from({ length: 4000 }, (_, index) => index as Mac),
  );
  arrive(arp(1));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(wakes).toBe(0);
  wires.screen('a', 'broadcast', undefined);
  await waitUntil(() => wakes > 0, PATIENCE, 'to be woken by what waited');
  expect(receive()).toEqual([['a', [1]]]);
});
