import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { LIMITS } from '../../../../agent/control/connection';
import type { EventRecord } from '../../../../agent/control/protocol';
import { ControlError, ControlServer, type Handlers } from '../../../../agent/control/server';
import { VirtualTimers } from '../timers';

/** The server without its listener: the sockets of clients come from here. */
const Server = ControlServer as unknown as new (
  handlers: Handlers,
  onError: (error: unknown) => void,
  limits: typeof LIMITS,
) => Pick<ControlServer, 'publish'> & { accept(socket: Socket): void; readonly connections: Set<unknown> };

/** Clients that the server lets in here, and those of one run. */
const CLIENTS = 4;
const MOST_CLIENTS = 40;
const LIMITS_HERE = { ...LIMITS, clients: CLIENTS, backlog: 4096, patience: 0 };
/** Longest text of an event here, in characters. */
const EVENT_TEXT = 2048;
const REQUESTS = ['status', 'routes', 'events', 'wait', 'drain', 'undrain', 'reload', 'teardown'];

/** A client's end and the server's in one: what it sends is pushed, what the server writes waits until it is read. */
class Client extends Duplex {
  received = '';
  halfClosed = false;
  private unread: (() => void)[] = [];

  constructor() {
    super({ allowHalfOpen: true, autoDestroy: true });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.unread.push(() => {
      this.received += String(chunk);
      done();
    });
  }

  send(bytes: Uint8Array): void {
    if (!this.destroyed && !this.halfClosed) this.push(Buffer.from(bytes));
  }

  endSending(): void {
    this.halfClosed = true;
    if (!this.destroyed) this.push(null);
  }

  readAll(): void {
    for (let next = this.unread.shift(); next !== undefined; next = this.unread.shift()) next();
  }
}

/** One run: some clients, the daemon's handlers, and time, all driven by the bytes of the input. */
class Scene {
  readonly timers = new VirtualTimers();
  readonly clients: Client[] = [];
  private readonly pending: ((error?: Error) => void)[] = [];
  private readonly errors: unknown[] = [];
  private published = 0;
  calls = 0;
  private readonly server = new Server(
    {
      status: () => this.call() as never,
      routes: () => this.later() as never,
      wait: (_peer, signal) => this.later(signal) as never,
      drain: (_wanted, signal) => this.later(signal) as never,
      undrain: () => this.fail(new ControlError('unknown-link', 'none')),
      reload: () => this.fail(new Error('broken')),
      teardown: () => this.later() as never,
    },
    (error) => this.errors.push(error),
    LIMITS_HERE,
  );

  private call(): object {
    this.calls += 1;
    return { calls: this.calls };
  }

  private fail(error: Error): never {
    this.calls += 1;
    throw error;
  }

  private later(signal?: AbortSignal): Promise<unknown> {
    this.calls += 1;
    assert.ok(signal?.aborted !== true, 'told of its end before it began');
    return new Promise((resolve, reject) => {
      this.pending.push((error) => (error === undefined ? resolve(null) : reject(error)));
    });
  }

  connect(): void {
    const client = new Client();
    client.on('error', () => undefined);
    this.clients.push(client);
    this.server.accept(client as unknown as Socket);
  }

  publish(length: number): void {
    const event: EventRecord = {
      time: '',
      level: 'info',
      event: 'x',
      n: this.published++,
      text: 'x'.repeat(length),
    };
    this.server.publish(event);
  }

  settle(fails: boolean): void {
    this.pending.shift()?.(fails ? new Error('late') : undefined);
  }

  /** What must be true at any time. */
  judge(): void {
    for (const client of this.clients) judgeReceived(client.received);
    const unread = LIMITS_HERE.backlog + EVENT_TEXT + 200;
    for (const client of this.clients)
      assert.ok(client.destroyed || client.writableLength <= unread + 1000 * EVENT_TEXT);
    assert.ok(
      this.errors.every((error) => String(error) === 'Error: broken' || String(error) === 'Error: late'),
    );
    assert.ok(this.calls <= this.clients.length, 'one request for each connection');
  }

  /** When all clients have gone, nothing of them is left. */
  end(): void {
    this.turn();
    while (this.pending.length > 0) {
      this.settle(false);
      this.turn();
    }
    this.timers.advance(60_000);
    this.turn();
    for (const client of this.clients) {
      client.readAll();
      // Who asked for nothing, or has its answer, is gone by then; who follows stays.
      const follows = client.received.startsWith('{"ok":true,"result":[') && !client.halfClosed;
      assert.ok(client.destroyed || follows, 'it stays for ever');
      client.destroy();
    }
    this.turn();
    assert.equal(this.server.connections.size, 0);
    assert.equal(this.timers.count, 0);
    this.judge();
  }

  /** Lets everything happen that is due without the time going on. */
  turn(): void {
    const { _tickCallback: tick } = process as unknown as { _tickCallback(): void };
    do tick();
    while (this.timers.turn());
    assert.ok(this.server.connections.size <= CLIENTS);
  }
}

/** One answer at most, and behind that of a follower events without a gap. */
function judgeReceived(received: string): void {
  const lines = received.split('\n').slice(0, -1);
  if (lines.length === 0) return;
  const [answer, ...events] = lines.map((line) => JSON.parse(line));
  assert.equal(typeof answer.ok, 'boolean');
  const numbers = [...(Array.isArray(answer.result) ? answer.result : []), ...events].map(({ n }) => n);
  assert.ok(events.length === 0 || Array.isArray(answer.result), 'a second answer');
  assert.ok(numbers.every((n, index) => index === 0 || n === numbers[index - 1] + 1));
}

/** The input is a list of acts: of clients, of the daemon, and of time. */
export function target(bytes: Uint8Array): void {
  const scene = new Scene();
  const restore = scene.timers.install();
  try {
    for (let at = 0; at < bytes.length; ) at = act(scene, bytes, at);
    scene.end();
  } finally {
    restore();
  }
}

/** What happens, to whom, by which measure, and with the bytes that follow; returns how many of these it took. */
type Act = (scene: Scene, client: Client | undefined, measure: number, following: Uint8Array) => unknown;

const text = (line: string) => Buffer.from(`${line}\n`);

const ACTS: readonly Act[] = [
  (scene) => {
    if (scene.clients.length < MOST_CLIENTS) scene.connect();
  },
  (_scene, client, measure, following) => {
    client?.send(following.subarray(0, measure));
    return measure;
  },
  (_scene, client, measure) =>
    client?.send(text(`{"command":"${REQUESTS[measure % REQUESTS.length]}","target":"a"}`)),
  (_scene, client) => client?.send(text('{"command":"events","last":3,"follow":true}')),
  (_scene, client, measure) => client?.send(Buffer.alloc(measure * 64, measure & 1 ? ' ' : 'x')),
  (_scene, client) => client?.endSending(),
  (_scene, client, measure) => void client?.destroy(measure & 1 ? new Error('ECONNRESET') : undefined),
  (_scene, client) => client?.readAll(),
  (scene, _client, measure) => scene.timers.advance(measure * 100),
  (scene, _client, measure) => scene.publish(Math.min(measure * 16, EVENT_TEXT)),
  (scene, _client, measure) => scene.settle((measure & 1) === 1),
  (scene) => scene.turn(),
];

/** Each byte is an act and whose it is, the next one its measure; returns where the next act begins. */
function act(scene: Scene, bytes: Uint8Array, at: number): number {
  const what = bytes[at]!;
  const client = scene.clients[(what >> 4) % Math.max(1, scene.clients.length)];
  const carryOut = ACTS[(what & 15) % ACTS.length]!;
  const taken = carryOut(scene, client, bytes[at + 1] ?? 0, bytes.subarray(at + 2));
  scene.judge();
  return at + 2 + (typeof taken === 'number' ? taken : 0);
}
