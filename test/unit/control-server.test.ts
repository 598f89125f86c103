import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AccessDenied,
  ConnectionLost,
  DaemonNotRunning,
  follow,
  NoAnswer,
  RequestRefused,
  request,
} from '../../agent/control/client';
import type { Limits } from '../../agent/control/connection';
import { SocketInUse } from '../../agent/control/listener';
import type { EventRecord, StatusReport } from '../../agent/control/protocol';
import { ControlError, ControlServer, type Handlers } from '../../agent/control/server';
import { nodeWithoutOverride } from './without-override';

const folder = mkdtempSync(join(tmpdir(), 'control-'));
const path = join(folder, 'run', 'control.sock');
const status = { cluster: 'demo', host: 'alpha', pid: process.pid } as StatusReport;
const event = (n: number, more: object = {}): EventRecord => ({
  time: '2026-01-01T00:00:00.000Z',
  level: 'info',
  event: 'test',
  n,
  ...more,
});

let server: ControlServer | undefined;
let errors: unknown[] = [];
let sockets: Socket[] = [];

async function start(handlers: Partial<Handlers> = {}, limits: Partial<Limits> = {}): Promise<ControlServer> {
  const all: Handlers = {
    status: () => status,
    routes: () => [],
    wait: () => Promise.resolve(),
    drain: () => Promise.reject(new Error('not expected')),
    undrain: () => ({ links: [] }),
    reload: () => ({ added: [], removed: [], changed: [] }),
    teardown: () => ({ removed: [] }),
    ...handlers,
  };
  server = await ControlServer.listen(path, all, (error) => errors.push(error), limits);
  return server;
}

/** A client that does just what the test says. */
function raw(): Socket {
  const socket = connect({ path, allowHalfOpen: true }).setEncoding('utf8');
  // What the server does to a bad client may be a reset; the tests look at what arrived before.
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

/** All that the server sends until it closes. */
async function everything(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  await once(socket, 'close');
  return text;
}

/** Resolves when the server has ended the connection, by whatever error. */
function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => resolve());
    socket.resume();
  });
}

/** What the server says to a client that writes `text` and closes its own half at the end. */
function said(text: string): Promise<string> {
  const socket = raw();
  socket.on('end', () => socket.end());
  socket.write(text);
  return everything(socket);
}

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server?.close();
  server = undefined;
  sockets = [];
  errors = [];
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a request', () => {
  test('is answered by its handler, and the connection ends', async () => {
    await start();
    expect(JSON.parse(await said('{"command":"status"}\n'))).toEqual({ ok: true, result: status });
  });

  test('may come in pieces, with fields of a later version', async () => {
    await start();
    const socket = raw();
    socket.on('end', () => socket.end());
    socket.write('{"command":"sta');
    setImmediate(() => socket.write('tus","colour":"blue"}\r\n'));
    expect(JSON.parse(await everything(socket))).toMatchObject({ ok: true });
  });

  test('is answered after the client has closed its sending half', async () => {
    await start({ status: () => new Promise((resolve) => setImmediate(() => resolve(status))) });
    const socket = raw();
    socket.end('{"command":"status"}\n');
    expect(JSON.parse(await everything(socket))).toMatchObject({ ok: true });
  });

  test.each([
    ['garbage', '\0\xff\xfe\n', 'bad-request', 'the line is not JSON'],
    ['another protocol', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'bad-request', 'the line is not JSON'],
    ['a number', '5\n', 'bad-request', 'the line is not a JSON object'],
    ['a list', '[]\n', 'bad-request', 'the line is not a JSON object'],
    ['null', 'null\n', 'bad-request', 'the line is not a JSON object'],
    ['no command', '{}\n', 'bad-request', "'command' is not a text"],
    [
      'an unknown command',
      '{"command":"format"}\n',
      'unknown-command',
      'this daemon does not know that command',
    ],
    [
      'an inherited name',
      '{"command":"constructor"}\n',
      'unknown-command',
      'this daemon does not know that command',
    ],
    ['a peer that is a number', '{"command":"wait","peer":5}\n', 'bad-request', "'peer' is not a text"],
    ['a drain of nothing', '{"command":"drain"}\n', 'bad-request', "'target' is not a text"],
    ['an undrain of nothing', '{"command":"undrain","target":5}\n', 'bad-request', "'target' is not a text"],
    [
      'a drain that is forced by a number',
      '{"command":"drain","target":"eth0","force":1}\n',
      'bad-request',
      "'force' is neither true nor false",
    ],
    ...['0', '-1', '"5s"', 'null', '1e99'].map((time): [string, string, string, string] => [
      `a drain for ${time}`,
      `{"command":"drain","target":"eth0","for":${time}}\n`,
      'bad-request',
      "'for' is not a number of ms above 0, up to 31536000000",
    ]),
    [
      'a negative count',
      '{"command":"events","last":-1}\n',
      'bad-request',
      "'last' is not a whole number from 0 on",
    ],
    [
      'half an event',
      '{"command":"events","last":0.5}\n',
      'bad-request',
      "'last' is not a whole number from 0 on",
    ],
    [
      'follow maybe',
      '{"command":"events","follow":"yes"}\n',
      'bad-request',
      "'follow' is neither true nor false",
    ],
  ])('that is %s is refused', async (_name, text, code, message) => {
    await start();
    expect(JSON.parse(await said(text))).toEqual({ ok: false, error: { code, message } });
    expect(errors).toEqual([]);
  });

  test('of 4 KiB is read, and one that is longer refused', async () => {
    await start();
    const longest = `{"command":"status","x":"${'x'.repeat(4096 - 27)}"}`;
    expect(longest).toHaveLength(4096);
    expect(JSON.parse(await said(`${longest}\n`))).toMatchObject({ ok: true });
    expect(JSON.parse(await said(`${longest} \n`))).toMatchObject({ error: { code: 'bad-request' } });
  });

  test('that never comes is refused after its time', async () => {
    await start({}, { requestTime: 20 });
    const socket = raw();
    socket.on('end', () => socket.end());
    socket.write('{"command":');
    expect(JSON.parse(await everything(socket))).toMatchObject({
      error: { message: 'no request came in time' },
    });
  });

  test('followed by a second one ends the connection while the first is carried out', async () => {
    await start({ wait: () => new Promise(() => undefined) });
    expect(await said('{"command":"wait"}\n{"command":"teardown"}\n')).toBe('');
  });
});

describe('a client that means harm', () => {
  test('and sends white space without end behind a request is cut off', async () => {
    await start({ wait: () => new Promise(() => undefined) });
    const socket = raw();
    socket.write('{"command":"wait"}\n');
    const timer = setInterval(() => socket.write(' '.repeat(1024)), 1);
    await gone(socket);
    clearInterval(timer);
  });

  test('and sends on behind the answer is read no further', async () => {
    await start();
    const socket = raw();
    const blank = ' '.repeat(64 * 1024);
    const more = () => {
      while (!socket.destroyed && socket.write(blank));
    };
    socket.on('drain', more);
    socket.write('?\n');
    more();
    // It hears of the end at once, and keeps its place for its penalty.
    await gone(socket);
    expect(socket.bytesWritten - socket.writableLength).toBeLessThan(4 * 1024 * 1024);
  });

  test('and sends its request byte by byte is understood', async () => {
    await start();
    const socket = raw();
    socket.on('end', () => socket.end());
    const answer = everything(socket);
    for (const byte of Buffer.from(`{"command":"status","x":"${'é'.repeat(200)}"}\n`)) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(JSON.parse(await answer)).toMatchObject({ ok: true });
  });

  test('leaves the daemon a turn between any two requests', async () => {
    const order: string[] = [];
    const turn = () => {
      order.push('turn');
      if (order.length < 20) setImmediate(turn);
    };
    await start({
      status: () => {
        if (order.length === 0) setImmediate(turn);
        order.push('status');
        return status;
      },
    });
    await Promise.all(Array.from({ length: 5 }, () => request(path, { command: 'status' })));
    const first = order.filter((what, index) => what === 'status' && order[index + 1] === 'status');
    expect(order.filter((what) => what === 'status')).toHaveLength(5);
    expect(first).toEqual([]);
  });
});

describe('an error of a handler', () => {
  test.each<[string, () => never, object]>([
    [
      'that has a code is told by it',
      () => {
        throw new ControlError('configuration', 'c.yaml:1:1: x');
      },
      { code: 'configuration', message: 'c.yaml:1:1: x' },
    ],
    [
      'of any other kind is told as failed, and to the daemon',
      () => {
        throw new Error('ENOBUFS');
      },
      { code: 'failed', message: 'ENOBUFS' },
    ],
  ])('%s', async (_name, reload, error) => {
    await start({ reload });
    expect(JSON.parse(await said('{"command":"reload"}\n'))).toEqual({ ok: false, error });
    expect(errors).toHaveLength(JSON.stringify(error).includes('failed') ? 1 : 0);
  });

  test('or a result that is no JSON does not reach the daemon as an exception', async () => {
    await start({ status: () => ({ ...status, pid: 1n }) as unknown as StatusReport });
    expect(JSON.parse(await said('{"command":"status"}\n'))).toMatchObject({ error: { code: 'failed' } });
    expect(errors).toEqual([expect.any(TypeError)]);
  });
});

describe('wait', () => {
  test.each([
    ['closes', (socket: Socket) => socket.destroy()],
    ['closes its sending half', (socket: Socket) => socket.end()],
  ])('is cancelled when the client %s', async (_name, leave) => {
    let peer: string | undefined;
    const cancelled = new Promise<void>((resolve, reject) => {
      const wait = (wanted: string | undefined, signal: AbortSignal) => {
        peer = wanted;
        signal.addEventListener('abort', () => resolve());
        return new Promise<void>(() => undefined);
      };
      start({ wait }).then(() => {
        const socket = raw();
        socket.write('{"command":"wait","peer":"beta"}\n', () => leave(socket));
      }, reject);
    });
    await cancelled;
    expect(peer).toBe('beta');
  });

  test('of clients that left does not take the places of others', async () => {
    const left: Promise<void>[] = [];
    const wait = (_peer: string | undefined, signal: AbortSignal) => {
      left.push(new Promise((resolve) => signal.addEventListener('abort', () => resolve())));
      return new Promise<void>(() => undefined);
    };
    await start({ wait }, { clients: 2, answerTime: 10 });
    for (let n = 0; n < 2; n++) {
      const socket = raw();
      socket.end('{"command":"wait"}\n');
      await once(socket, 'close');
    }
    await Promise.all(left);
    expect(left).toHaveLength(2);
    await expect(request(path, { command: 'status' })).resolves.toEqual(status);
  });
});

describe('events', () => {
  test('keeps the last 1000, and gives the last that are asked for', async () => {
    const control = await start();
    for (let n = 0; n < 1005; n++) control.publish(event(n));
    const all = await request(path, { command: 'events', last: 5000, follow: false });
    expect([all.length, all[0], all.at(-1)]).toEqual([1000, event(5), event(1004)]);
    await expect(request(path, { command: 'events', last: 2, follow: false })).resolves.toEqual([
      event(1003),
      event(1004),
    ]);
    await expect(request(path, { command: 'events', last: 0, follow: false })).resolves.toEqual([]);
  });

  test('follows without a gap between the old ones and the new ones', async () => {
    const control = await start();
    control.publish(event(1));
    control.publish(event(2));
    const seen: unknown[] = [];
    const stop = new AbortController();
    for await (const record of follow(path, 1, stop.signal)) {
      seen.push(record.n);
      if (seen.length < 4) control.publish(event(seen.length + 2));
      else stop.abort();
    }
    expect(seen).toEqual([2, 3, 4, 5]);
  });

  test('that are no JSON are told to the daemon and left out', async () => {
    const control = await start();
    control.publish(event(1, { big: 1n }));
    expect(errors).toEqual([expect.any(TypeError)]);
    await expect(request(path, { command: 'events', last: 9, follow: false })).resolves.toEqual([]);
  });

  test('cuts off a follower that does not read, and no other', async () => {
    const control = await start({}, { backlog: 64 * 1024 });
    const deaf = raw();
    deaf.write('{"command":"events","last":0,"follow":true}\n');
    await once(deaf, 'data');
    deaf.pause();
    const seen: unknown[] = [];
    const text = 'x'.repeat(1000);
    const stop = new AbortController();
    const heard = (async () => {
      for await (const record of follow(path, 0, stop.signal)) {
        seen.push(record.n);
        if (seen.length === 3000) stop.abort();
      }
    })();
    await request(path, { command: 'status' });
    for (let n = 0; n < 3000; n++) {
      control.publish(event(n, { text }));
      // The one that reads must get the chance to.
      if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await heard;
    expect(seen).toHaveLength(3000);
    deaf.resume();
    // What was sent before is still read; then the connection is over.
    await once(deaf, 'end');
    deaf.destroy();
  });

  test('end with an error when the daemon does', async () => {
    const control = await start();
    const events = follow(path, 0);
    const next = events.next();
    await request(path, { command: 'status' });
    await control.close();
    server = undefined;
    await expect(next).rejects.toBeInstanceOf(ConnectionLost);
  });
});

describe('the socket', () => {
  test('has mode 0660, in a directory of mode 0755 that is made where it is missing', async () => {
    rmSync(join(folder, 'run'), { recursive: true, force: true });
    const mask = process.umask();
    await start();
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(statSync(join(folder, 'run')).mode & 0o777).toBe(0o755 & ~mask);
    expect(process.umask()).toBe(mask);
  });

  test('is removed in the end, after the answers have left', async () => {
    const control = await start({
      teardown: () => {
        setImmediate(() => void control.close());
        return { removed: ['alias 10.78.0.1'] };
      },
    });
    await expect(request(path, { command: 'teardown' })).resolves.toEqual({ removed: ['alias 10.78.0.1'] });
    await control.close();
    expect(existsSync(path)).toBe(false);
  });

  test('of a daemon that runs is not taken from it, and the error has its pid', async () => {
    await start();
    const second = ControlServer.listen(path, {} as Handlers, () => undefined);
    await expect(second).rejects.toBeInstanceOf(SocketInUse);
    await expect(second).rejects.toMatchObject({ path, pid: process.pid });
    await expect(second).rejects.toThrow(
      `another daemon, pid ${process.pid}, already answers at the control socket ${path}`,
    );
    await expect(request(path, { command: 'status' })).resolves.toEqual(status);
  });

  test('of a daemon that does not answer is not taken from it', async () => {
    const silent = createServer().listen(path);
    await once(silent, 'listening');
    silent.on('connection', (socket) => socket.destroy());
    await expect(start()).rejects.toMatchObject({ name: 'SocketInUse', pid: undefined });
    silent.close();
    await once(silent, 'close');
  });

  test('that a killed daemon left is replaced', async () => {
    const { execFileSync } = await import('node:child_process');
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    expect(() => execFileSync(process.execPath, ['-e', script])).toThrow();
    expect(statSync(path).isSocket()).toBe(true);
    await start();
    await expect(request(path, { command: 'status' })).resolves.toEqual(status);
  });

  test('does not replace a file', async () => {
    writeFileSync(path, 'mine');
    await expect(start()).rejects.toMatchObject({ code: 'ENOTSOCK' });
    expect(statSync(path).size).toBe(4);
    rmSync(path);
  });

  test('takes no more clients than its limit: the oldest goes who has not asked', async () => {
    await start({}, { clients: 2, patience: 0 });
    const first = raw();
    await once(first, 'connect');
    const leaving = gone(first);
    const second = raw();
    await once(second, 'connect');
    await expect(request(path, { command: 'status' })).resolves.toEqual(status);
    await leaving;
    second.on('end', () => second.end());
    second.write('{"command":"status"}\n');
    expect(await everything(second)).toContain('"ok":true');
  });

  test('refuses a further client where all have come only now', async () => {
    await start({}, { clients: 2, patience: 60_000 });
    const [first, second] = [raw(), raw()];
    await Promise.all([once(first, 'connect'), once(second, 'connect')]);
    await expect(request(path, { command: 'status' })).rejects.toBeInstanceOf(ConnectionLost);
    first.on('end', () => first.end());
    first.write('{"command":"status"}\n');
    expect(await everything(first)).toContain('"ok":true');
  });

  test('lets those who wait go last, the oldest first', async () => {
    const waiting: string[] = [];
    const wait = (peer = '') => {
      waiting.push(peer);
      return new Promise<void>(() => undefined);
    };
    await start({ wait }, { clients: 2, patience: 0 });
    const left: string[] = [];
    const enter = async (peer: string) => {
      const socket = raw();
      void gone(socket).then(() => left.push(peer));
      socket.write(`${JSON.stringify({ command: 'wait', peer })}\n`);
      // It waits once the server has handled what came behind it.
      while (!waiting.includes(peer)) await new Promise((resolve) => setImmediate(resolve));
      return socket;
    };
    await enter('one');
    await expect(request(path, { command: 'status' })).resolves.toEqual(status);
    const two = await enter('two');
    expect(left).toEqual([]);
    await expect(request(path, { command: 'status' })).resolves.toEqual(status);
    expect(left).toEqual(['one']);
    two.destroy();
  });
});

describe('the client', () => {
  test('knows that there is no socket', async () => {
    const error = request(join(folder, 'none.sock'), { command: 'status' });
    await expect(error).rejects.toBeInstanceOf(DaemonNotRunning);
    await expect(error).rejects.toMatchObject({
      exitStatus: 69,
      message: expect.stringContaining('none.sock'),
    });
  });

  test('knows that permission is missing', async () => {
    await start();
    chmodSync(path, 0);
    const script = `
      const { request } = require(${JSON.stringify(join(__dirname, '..', '..', 'dist', 'agent', 'control', 'client.js'))});
      request(${JSON.stringify(path)}, { command: 'status' }).catch((error) => console.log(error.constructor.name));`;
    const { stdout } = await nodeWithoutOverride(['-e', script]);
    expect(stdout.trim()).toBe(AccessDenied.name);
  });

  test('gives up after its time', async () => {
    await start({ wait: () => new Promise(() => undefined) });
    const error = request(path, { command: 'wait' }, { timeout: 20 });
    await expect(error).rejects.toBeInstanceOf(NoAnswer);
    await expect(error).rejects.toMatchObject({ exitStatus: 69 });
  });

  test('can be told to stop', async () => {
    await start({ wait: () => new Promise(() => undefined) });
    const stop = new AbortController();
    setImmediate(() => stop.abort(new Error('enough')));
    await expect(request(path, { command: 'wait' }, { signal: stop.signal })).rejects.toThrow('enough');
  });

  test.each([
    ['unknown-peer', 65],
    ['configuration', 78],
    ['failed', 70],
  ] as const)('has an exit status for %s', async (code, exitStatus) => {
    await start({
      reload: () => {
        throw new ControlError(code, 'why');
      },
    });
    const error = request(path, { command: 'reload' });
    await expect(error).rejects.toBeInstanceOf(RequestRefused);
    await expect(error).rejects.toMatchObject({ code, exitStatus, message: 'why' });
  });
});
