import { type CaptureOptions, capture, type Machine } from '../../agent/cli/capture';
import { formatFrame, recordOf } from '../../agent/cli/capture-format';
import type { CommandError, Context } from '../../agent/cli/context';
import { parseIpv4, parseMac } from '../../agent/wire/address';
import { arpAnnouncement, arpReply, arpRequest, encodeArp } from '../../agent/wire/arp';
import type { CapturedFrame, CaptureEnd, CaptureHandlers } from '../../native-bindings/capture';
import { Scene, statusReport } from './cli-harness';

const MAC = parseMac('02:00:00:00:00:01')!;
const OTHER = parseMac('02:00:00:00:00:02')!;
const ip = (text: string) => parseIpv4(text)!;
const request = arpRequest(MAC, ip('10.78.0.1'), ip('10.78.0.2'));
const captured = (bytes: Uint8Array, link = 'eth0'): CapturedFrame => ({
  at: '2026-01-02T03:04:05.678Z',
  interface: link,
  length: bytes.length,
  bytes,
});

describe('a frame in a line', () => {
  const forged = encodeArp(request);
  forged[27] = 9;
  test.each([
    [
      'a request',
      encodeArp(request),
      '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, request who-has 10.78.0.2 tell 10.78.0.1, length 60',
    ],
    [
      'a reply',
      encodeArp(arpReply(request, OTHER)),
      '02:00:00:00:00:02 > 02:00:00:00:00:01, reply 10.78.0.2 is-at 02:00:00:00:00:02, length 60',
    ],
    [
      'an announcement',
      encodeArp(arpAnnouncement(MAC, ip('10.78.0.1'))),
      '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, announcement 10.78.0.1 is-at 02:00:00:00:00:01 (request), length 60',
    ],
    [
      'an address probe',
      encodeArp(arpRequest(MAC, ip('0.0.0.0'), ip('10.78.0.2'), OTHER)),
      '02:00:00:00:00:01 > 02:00:00:00:00:02, probe who-has 10.78.0.2, length 60',
    ],
    [
      'a forged one',
      forged,
      `dropped (sender-mac-mismatch), length 60: ${Buffer.from(forged.subarray(0, 42)).toString('hex')}`,
    ],
    ['a short one', new Uint8Array(20), `dropped (truncated), length 20: ${'00'.repeat(20)}`],
  ])('%s', (_name, bytes, line) => {
    expect(formatFrame(captured(bytes))).toBe(`03:04:05.678 eth0 ${line}`);
  });

  test('as JSON', () => {
    expect(recordOf(captured(encodeArp(request)))).toEqual({
      time: '2026-01-02T03:04:05.678Z',
      link: 'eth0',
      length: 60,
      destination: 'ff:ff:ff:ff:ff:ff',
      source: '02:00:00:00:00:01',
      operation: 'request',
      announcement: false,
      senderMac: '02:00:00:00:00:01',
      senderIp: '10.78.0.1',
      targetMac: '00:00:00:00:00:00',
      targetIp: '10.78.0.2',
    });
    expect(recordOf(captured(forged))).toMatchObject({
      dropped: 'sender-mac-mismatch',
      bytes: Buffer.from(forged).toString('hex'),
    });
  });
});

/** A machine whose interfaces and capturing processes the test plays. */
class FakeMachine implements Machine {
  readonly retry = 1;
  readonly present = new Set(['eth0', 'eth1']);
  readonly running = new Map<string, CaptureHandlers>();
  readonly starts: string[] = [];

  constructor(private readonly onStart: (link: string, machine: FakeMachine) => void) {}

  ethernetLinks() {
    return [...this.present];
  }

  exists(link: string) {
    return this.present.has(link);
  }

  start(link: string, handlers: CaptureHandlers) {
    this.starts.push(link);
    this.running.set(link, handlers);
    setImmediate(() => {
      if (!this.running.has(link)) return;
      handlers.ready();
      this.onStart(link, this);
    });
    return { stop: () => this.end(link, { code: 0, signal: null, message: '' }) };
  }

  frame(link: string) {
    this.running.get(link)?.frame(captured(encodeArp(request), link));
  }

  /** The process on this link ends. */
  end(link: string, end: Partial<CaptureEnd>) {
    const handlers = this.running.get(link);
    this.running.delete(link);
    handlers?.end({ code: null, signal: null, message: '', ...end });
  }
}

describe('the command', () => {
  const scene = new Scene();
  afterEach(() => scene.end());
  afterAll(() => scene.remove());

  async function run(
    machine: Machine,
    links: string[],
    options: CaptureOptions,
    more: Partial<Context> = {},
  ) {
    const out: string[] = [];
    const err: string[] = [];
    const context: Context = {
      socket: scene.socket,
      json: false,
      colour: false,
      signal: new AbortController().signal,
      out: (line) => out.push(line),
      err: (line) => err.push(line),
      now: Date.now,
      ...more,
    };
    return { status: await capture(context, links, options, machine), out, err };
  }

  test('ends after the count, and leaves no process', async () => {
    const machine = new FakeMachine((link, self) => {
      for (let n = 0; n < 5; n++) self.frame(link);
    });
    const { status, out, err } = await run(machine, ['eth0'], { count: 3 });
    expect([status, out.length, err]).toEqual([0, 3, ['eth0: capturing']]);
    expect(machine.running.size).toBe(0);
  });

  test('captures on the links of the daemon where one runs, else on every Ethernet interface', async () => {
    const started = async () => {
      const machine = new FakeMachine(
        (_link, self) => self.running.size === self.starts.length && self.frame('eth0'),
      );
      await run(machine, [], { count: 1 });
      return machine.starts;
    };
    await scene.daemon({ status: () => statusReport({ links: statusReport().links.slice(0, 1) }) });
    expect(await started()).toEqual(['eth0']);
    await scene.end();
    expect(await started()).toEqual(['eth0', 'eth1']);
  });

  test('ends cleanly when it is interrupted', async () => {
    const stop = new AbortController();
    const machine = new FakeMachine(() => stop.abort());
    expect(await run(machine, ['eth0', 'eth1'], {}, { signal: stop.signal })).toMatchObject({
      status: 0,
      out: [],
    });
    expect(machine.running.size).toBe(0);
  });

  test('waits for an interface that is gone and goes on when it is back, saying each once', async () => {
    let looks = 0;
    const machine = new FakeMachine((link, self) => {
      if (self.starts.length > 1) return self.frame(link);
      self.present.delete(link);
      self.end(link, { signal: 'SIGABRT', message: 'Error: recv: The interface disappeared' });
    });
    const exists = machine.exists.bind(machine);
    machine.exists = (link) => {
      looks += 1;
      if (looks === 6) machine.present.add(link);
      return exists(link);
    };
    const { status, out, err } = await run(machine, ['eth0'], { count: 1 });
    expect([status, out.length, machine.starts]).toEqual([0, 1, ['eth0', 'eth0']]);
    expect(err).toEqual([
      'eth0: capturing',
      'eth0: the interface is gone; waiting for it',
      'eth0: capturing',
    ]);
  });

  test('waits for an interface that does not exist yet', async () => {
    const machine = new FakeMachine((link, self) => self.frame(link));
    machine.present.delete('eth0');
    const err: string[] = [];
    const say = (line: string) => {
      err.push(line);
      machine.present.add('eth0');
    };
    expect(await run(machine, ['eth0'], { count: 1 }, { err: say })).toMatchObject({ status: 0 });
    expect(err).toEqual(['eth0: the interface does not exist; waiting for it', 'eth0: capturing']);
  });

  test('ends with 77 on all links where permission is missing', async () => {
    const message =
      "capture on eth0: You don't have permission to capture on that device (socket: Operation not permitted)";
    const machine = new FakeMachine((link, self) => link === 'eth0' && self.end(link, { code: 69, message }));
    const error: unknown = await run(machine, ['eth0', 'eth1'], {}).catch((thrown: unknown) => thrown);
    expect(error as CommandError).toMatchObject({ exitStatus: 77, message: `${message}; run this as root` });
    expect(machine.running.size).toBe(0);
  });

  test.each<[Partial<CaptureEnd>, string]>([
    [{ signal: 'SIGABRT', message: 'terminate called' }, 'the interface is down'],
    [{ signal: 'SIGKILL' }, 'the capturing process ended by SIGKILL'],
    [{ code: 3 }, 'the capturing process ended by status 3'],
    [{ code: 69, message: 'capture on eth0: syntax error' }, 'capture on eth0: syntax error'],
  ])('says what ended the process: %j', async (end, said) => {
    const machine = new FakeMachine((link, self) =>
      self.starts.length > 1 ? self.frame(link) : self.end(link, end),
    );
    const { err } = await run(machine, ['eth0'], { count: 1 });
    expect(err[1]).toBe(`eth0: ${said}; waiting for it`);
  });

  test('prints a record a line as JSON', async () => {
    const machine = new FakeMachine((link, self) => self.frame(link));
    const { out } = await run(machine, ['eth0'], { count: 1 }, { json: true });
    expect(JSON.parse(out[0]!)).toMatchObject({ link: 'eth0', operation: 'request' });
  });
});
