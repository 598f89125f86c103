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

const CLIENTS = 4;
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

/** Each byte is an act of a client, of the daemon, or of time; some take the byte that follows as their measure. */
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

function act(scene: Scene, bytes: Uint8Array, at: number): number {
  const act = bytes[at]!;
  const measure = bytes[at + 1] ?? 0;
  const client = scene.clients[(act >> 4) % Math.max(1, scene.clients.length)];
  let next = at + 2;
  switch (act & 15) {
    case 0:
      if (scene.clients.length < 40) scene.connect();
      next = at + 1;
      break;
    case 1:
      client?.send(bytes.subarray(at + 2, at + 2 + measure));
      next += measure;
      break;
    case 2:
      client?.send(Buffer.from(`{"command":"${REQUESTS[measure % REQUESTS.length]}","target":"a"}\n`));
      break;
    case 3:
      client?.send(Buffer.from('{"command":"events","last":3,"follow":true}\n'));
      next = at + 1;
      break;
    case 4:
      client?.send(Buffer.alloc(measure * 64, measure & 1 ? 32 : 120));
      break;
    case 5:
      client?.endSending();
      next = at + 1;
      break;
    case 6:
      client?.destroy(measure & 1 ? new Error('ECONNRESET') : undefined);
      break;
    case 7:
      client?.readAll();
      next = at + 1;
      break;
    case 8:
      scene.timers.advance(measure * 100);
      break;
    case 9:
      scene.publish(Math.min(measure * 16, EVENT_TEXT));
      break;
    case 10:
      scene.settle((measure & 1) === 1);
      break;
    default:
      scene.turn();
      next = at + 1;
  }
  scene.judge();
  return next;
}
