import { type ChildProcess, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { Capture, type CapturedFrame, type CaptureEnd } from '../../native-bindings/capture';
import {
  ARP,
  BROADCAST,
  closeAll,
  FOREIGN,
  frameOf,
  IPV4,
  ip,
  makeVeth,
  openSocket,
  PATIENCE,
  type Veth,
  waitUntil,
} from './native-network';

let veth: Veth;
const captures: Capture[] = [];

beforeEach(() => {
  veth = makeVeth();
});

afterEach(() => {
  for (const capture of captures.splice(0)) capture.stop();
  closeAll();
  veth.remove();
});

interface Witness {
  readonly capture: Capture;
  readonly frames: CapturedFrame[];
  readonly ends: CaptureEnd[];
}

/** A capture that is ready, or has ended already. */
async function witness(name: string, filter: string, command?: readonly string[]): Promise<Witness> {
  const frames: CapturedFrame[] = [];
  const ends: CaptureEnd[] = [];
  let ready = false;
  const capture = Capture.start(
    { interface: name, filter, ...(command === undefined ? {} : { command }) },
    { ready: () => (ready = true), frame: (frame) => frames.push(frame), end: (end) => ends.push(end) },
  );
  captures.push(capture);
  await waitUntil(() => ready || ends.length > 0, PATIENCE, 'the capture is ready');
  return { capture, frames, ends };
}

test('every frame that the filter names is seen, in both directions, whole and with its time', async () => {
  const { frames } = await witness(veth.near.name, 'arp');
  const near = openSocket(veth.near, [ARP]);
  const far = openSocket(veth.far, [ARP]);
  const before = Date.now();
  const sent = [frameOf(BROADCAST, ARP, [1]), frameOf(veth.near.mac, ARP, [2]), frameOf(FOREIGN, ARP, [3])];
  far.send([sent[0]!, frameOf(BROADCAST, IPV4), sent[1]!, sent[2]!]);
  near.send([frameOf(BROADCAST, ARP, [4])]);
  await waitUntil(() => frames.length === 4, PATIENCE, 'four frames');
  expect(frames.slice(0, 3).map(({ bytes }) => Buffer.from(bytes))).toEqual(
    sent.map((frame) => Buffer.from(frame)),
  );
  expect(frames.map(({ bytes }) => bytes[14])).toEqual([1, 2, 3, 4]);
  for (const frame of frames) {
    expect(frame).toMatchObject({ interface: veth.near.name, length: 60 });
    expect(Date.parse(frame.at)).toBeGreaterThanOrEqual(before - 1);
    expect(Date.parse(frame.at)).toBeLessThanOrEqual(Date.now() + 1);
  }
});

test('an empty filter lets everything in', async () => {
  const { frames } = await witness(veth.near.name, '');
  openSocket(veth.far, [ARP]).send([ARP, IPV4, 0x88b5].map((type) => frameOf(BROADCAST, type)));
  await waitUntil(() => frames.length === 3, PATIENCE, 'three frames');
});

test('stop delivers what was captured, and ends once', async () => {
  const { capture, frames, ends } = await witness(veth.near.name, 'arp');
  openSocket(veth.far, [ARP]).send(Array.from({ length: 300 }, () => frameOf(BROADCAST, ARP)));
  capture.stop();
  capture.stop();
  await waitUntil(() => ends.length > 0, PATIENCE, 'the end');
  expect(frames).toHaveLength(300);
  expect(ends).toEqual([{ code: 0, signal: null, message: '' }]);
});

test('dies with its interface, and we do not', async () => {
  const { frames, ends } = await witness(veth.near.name, 'arp');
  openSocket(veth.far, [ARP]).send([frameOf(BROADCAST, ARP)]);
  await waitUntil(() => frames.length === 1, PATIENCE, 'the frame');
  ip(`link set ${veth.near.name} down`);
  await waitUntil(() => ends.length === 1, PATIENCE, 'the end');
  expect(ends[0]).toMatchObject({ code: null, signal: 'SIGABRT' });
  expect(ends[0]!.message).not.toBe('');
});

test.each([
  ['an unknown interface', 'eth9', 'arp', 'capture on eth9: '],
  ['a filter that means nothing', '', 'arp or', 'capture on '],
])('%s ends it at once, with a reason', async (_, name, filter, reason) => {
  const { ends } = await witness(name || veth.near.name, filter);
  expect(ends).toEqual([{ code: 69, signal: null, message: expect.stringContaining(reason) }]);
});

test('a command that does not exist is an end with a reason', async () => {
  const { ends } = await witness(veth.near.name, 'arp', ['/nonexistent/nsenter']);
  expect(ends).toEqual([{ code: 127, signal: null, message: expect.stringContaining('nsenter') }]);
});

test('runs elsewhere by a command', async () => {
  const elsewhere: ChildProcess = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
  try {
    const pid = elsewhere.pid!;
    const left = (): boolean => readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net');
    await waitUntil(left, PATIENCE, 'the namespace');
    ip(`link set ${veth.far.name} netns ${pid}`);
    const nsenter = ['nsenter', '-t', String(pid), '-n'];
    const up = spawn(nsenter[0]!, [...nsenter.slice(1), 'ip', 'link', 'set', veth.far.name, 'up'], {
      stdio: 'ignore',
    });
    await new Promise((resolve) => up.once('close', resolve));
    const { capture, frames, ends } = await witness(veth.far.name, 'arp', nsenter);
    openSocket(veth.near, [ARP]).send([frameOf(BROADCAST, ARP, [5])]);
    await waitUntil(() => frames.length === 1, PATIENCE, 'the frame');
    expect(frames[0]!.bytes[14]).toBe(5);
    capture.stop();
    await waitUntil(() => ends.length === 1, PATIENCE, 'the end');
    expect(ends[0]).toMatchObject({ code: 0, signal: null });
  } finally {
    elsewhere.kill('SIGKILL');
  }
});
