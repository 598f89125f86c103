import { type CaptureOptions, capture, type Machine } from '../../agent/cli/capture';
import { formatFrame, recordOf } from '../../agent/cli/capture-format';
import type { CommandError, Context } from '../../agent/cli/context';
import { parseIpv4, parseMac } from '../../agent/wire/address';
import { arpAnnouncement, arpReply, arpRequest, encodeArp } from '../../agent/wire/arp';
import { type Beacon, encodeBeacon, heardFrom } from '../../agent/wire/beacon';
import type { CapturedFrame, CaptureEnd, CaptureHandlers } from '../../native-bindings/capture';
import { Scene, statusReport } from './cli-harness';
import { AT, BEACON, ETHERTYPE, FRAME, LINKS } from './wire-beacon-fixtures';

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

const beacon = (changes: Partial<Beacon>) => encodeBeacon({ ...BEACON, ...changes }, MAC, ETHERTYPE).bytes;
const changed = (bytes: Uint8Array, at: number, value: number) =>
  bytes.map((byte, index) => (index === at ? value : byte));
/** With an 802.1Q tag of priority 7. */
const tagged = (frame: Uint8Array, vlan: number) =>
  Uint8Array.from([
    ...frame.subarray(0, 12),
    0x81,
    0,
    0xe0 | (vlan >>> 8),
    vlan & 0xff,
    ...frame.subarray(12),
  ]);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

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
    ['one that ends in its header', new Uint8Array(13), `dropped (truncated), length 13: ${'00'.repeat(13)}`],
    [
      'one of a foreign VLAN',
      tagged(FRAME, 5),
      `dropped (vlan-tagged), length 120: ffffffffffff02000000000a8100e005${hex(FRAME.subarray(12, 38))}`,
    ],
    [
      'one that ends in its tag',
      tagged(FRAME, 0).subarray(0, 17),
      'dropped (truncated), length 17: ffffffffffff02000000000a8100e00088',
    ],
    [
      'one with a priority and no VLAN',
      tagged(encodeArp(request), 0),
      '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, request who-has 10.78.0.2 tell 10.78.0.1, length 64',
    ],
    [
      'a withdrawal',
      FRAME,
      '02:00:00:00:00:0a > ff:ff:ff:ff:ff:ff, urgent beacon 4711 of demo/alpha on a, withdraws b: a up, b down priority 200; hears 4, length 116',
    ],
    [
      'an urgent beacon that withdraws nothing',
      beacon({ links: LINKS.slice(0, 1), heard: heardFrom([]) }),
      '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, urgent beacon 4711 of demo/alpha on a: a up; hears 0, length 99',
    ],
    [
      'a steady beacon, which says of some hosts only whether it hears them',
      beacon({
        urgent: false,
        sentOn: 1,
        heard: { from: ip('10.78.0.1'), to: ip('10.78.0.9'), runs: [ip('10.78.0.3'), ip('10.78.0.5')] },
      }),
      '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, beacon 4711 of demo/alpha on b: a up, b down priority 200; hears 3 of 10.78.0.1 to 10.78.0.9, length 111',
    ],
    [
      'a beacon that is cut off',
      FRAME.subarray(0, 100),
      `dropped (beacon-truncated), length 100: ${hex(FRAME.subarray(0, 42))}`,
    ],
    [
      'a beacon of another version',
      changed(FRAME, AT.version, 2),
      `dropped (beacon-version), length 116: ${hex(changed(FRAME, AT.version, 2).subarray(0, 42))}`,
    ],
    [
      'a malformed beacon',
      changed(FRAME, AT.zero, 1),
      `dropped (beacon-malformed), length 116: ${hex(FRAME.subarray(0, 42))}`,
    ],
  ])('%s', (_name, bytes, line) => {
    expect(formatFrame(captured(bytes), ETHERTYPE)).toBe(`03:04:05.678 eth0 ${line}`);
  });

  test('a beacon of another EtherType is none', () => {
    expect(formatFrame(captured(FRAME), 0x88b6)).toContain('dropped (ethertype)');
  });

  test('a beacon as JSON', () => {
    const tag = Array.from({ length: 16 }, (_, index) => index + 1);
    const signed = Uint8Array.from([...FRAME.subarray(0, AT.tag), ...tag]);
    expect(recordOf(captured(signed), ETHERTYPE)).toEqual({
      time: '2026-01-02T03:04:05.678Z',
      link: 'eth0',
      length: 116,
      destination: 'ff:ff:ff:ff:ff:ff',
      source: '02:00:00:00:00:0a',
      beacon: {
        urgent: true,
        keyId: 'fedcba98',
        epoch: 1_795_254_000_000,
        sequence: 4711,
        interval: 50,
        cluster: 'demo',
        host: 'alpha',
        aliases: ['10.78.0.1', '192.0.2.1'],
        links: [
          { plane: 'a', priority: 0, state: 'up', mac: '02:00:00:00:00:0a' },
          { plane: 'b', priority: 200, state: 'down', mac: '02:00:00:00:01:0a' },
        ],
        sentOn: 'a',
        heard: {
          from: '0.0.0.0',
          to: '255.255.255.255',
          count: 4,
          runs: [
            ['10.78.0.2', '10.78.0.4'],
            ['10.78.0.6', '10.78.0.6'],
          ],
        },
        tag: '0102030405060708090a0b0c0d0e0f10',
      },
    });
    expect(recordOf(captured(changed(FRAME, AT.keyId, 0)), ETHERTYPE)).toMatchObject({
      beacon: { keyId: '00dcba98' },
    });
  });

  test('as JSON', () => {
    expect(recordOf(captured(encodeArp(request)), ETHERTYPE)).toEqual({
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
    expect(recordOf(captured(forged), ETHERTYPE)).toMatchObject({
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
  readonly filters: string[] = [];

  constructor(private readonly onStart: (link: string, machine: FakeMachine) => void) {}

  ethernetLinks() {
    return [...this.present];
  }

  exists(link: string) {
    return this.present.has(link);
  }

  start(link: string, filter: string, handlers: CaptureHandlers) {
    this.starts.push(link);
    this.filters.push(filter);
    this.running.set(link, handlers);
    setImmediate(() => {
      if (!this.running.has(link)) return;
      handlers.ready();
      this.onStart(link, this);
    });
    return { stop: () => this.end(link, { code: 0, signal: null, message: '' }) };
  }

  frame(link: string, bytes = encodeArp(request)) {
    this.running.get(link)?.frame(captured(bytes, link));
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

  const ANOTHER = { etherType: 0x88b6, interval: 50, epoch: 1 };
  test.each<[string, CaptureOptions, typeof ANOTHER | null, string]>([
    ['ARP and beacons', {}, null, 'arp or ether proto 0x88b5'],
    ['those of the EtherType that the daemon has', {}, ANOTHER, 'arp or ether proto 0x88b6'],
    ['those of the EtherType that is asked for', { ethertype: 0x1234 }, ANOTHER, 'arp or ether proto 0x1234'],
    ['ARP alone', { only: 'arp' }, null, 'arp'],
    ['beacons alone', { only: 'beacons' }, null, 'ether proto 0x88b5'],
    ['urgent beacons alone', { only: 'urgent' }, null, 'ether proto 0x88b5 and ether[15] & 1 != 0'],
  ])('captures %s', async (_name, options, beacon, filter) => {
    await scene.daemon({ status: () => statusReport({ beacon }) });
    const machine = new FakeMachine((link, self) => self.frame(link));
    await run(machine, ['eth0'], { ...options, count: 1 });
    expect(machine.filters).toEqual([filter]);
  });

  test('takes for beacons what has the EtherType that is asked for', async () => {
    const machine = new FakeMachine((link, self) => self.frame(link, changed(FRAME, 13, 0xb6)));
    const { out } = await run(machine, ['eth0'], { count: 1, ethertype: 0x88b6 });
    expect(out).toEqual([expect.stringContaining('urgent beacon 4711 of demo/alpha')]);
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
