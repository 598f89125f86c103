import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Listener } from '../../agent/control/listener';
import { waitUntil } from '../../deploy/lab/wait';

const folder = mkdtempSync(join(tmpdir(), 'listener-'));
const path = join(folder, 'run', 'control.sock');
const PATIENCE = 5000;

let told: string[] = [];
let accepted = 0;
let listener: Listener;

beforeEach(async () => {
  [told, accepted] = [[], 0];
  const accept = (socket: { destroy(): unknown }): void => {
    accepted += 1;
    socket.destroy();
  };
  listener = await Listener.open(path, { accept, error: (error) => told.push(String(error)) }, 20);
});
afterEach(() => listener.close());
afterAll(() => rmSync(folder, { recursive: true }));

/** Whether somebody who connects is let in. */
async function letsIn(): Promise<boolean> {
  const before = accepted;
  const socket = connect(path);
  await once(socket, 'close').catch(() => undefined);
  return accepted > before;
}

const REMOVED = `Error: the control socket ${path} was removed: it is bound anew`;

test('a socket that somebody removes is bound anew, with its mode, and that is told once', async () => {
  unlinkSync(path);
  await waitUntil(() => existsSync(path), PATIENCE, 'the socket');
  expect(await letsIn()).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o660);
  expect(told).toEqual([REMOVED]);
});

test('so is one whose directory somebody removes', async () => {
  rmSync(dirname(path), { recursive: true });
  await waitUntil(() => existsSync(path), PATIENCE, 'the socket');
  expect(await letsIn()).toBe(true);
  expect(told).toEqual([REMOVED]);
});

test('a socket with another owner or mode is ours all the same', async () => {
  chmodSync(path, 0o600);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(told).toEqual([]);
  expect(await letsIn()).toBe(true);
});

test('what is no socket is left alone, told once, and the place is taken when it is free', async () => {
  unlinkSync(path);
  writeFileSync(path, 'kept');
  await waitUntil(() => told.length > 0, PATIENCE, 'the trouble');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(told).toEqual([`Error: ${path} exists and is not a socket`]);
  unlinkSync(path);
  await waitUntil(letsIn, PATIENCE, 'the socket');
  expect(told.slice(1)).toEqual([REMOVED]);
});

describe('where another daemon has taken the place', () => {
  let other: Server;
  beforeEach(async () => {
    unlinkSync(path);
    other = createServer((socket) => socket.resume().end('{"ok":true,"result":{"pid":4711}}\n'));
    await new Promise<void>((resolve) => other.listen(path, resolve));
  });

  test('it is left alone, and so at the end', async () => {
    await waitUntil(() => told.length > 0, PATIENCE, 'the trouble');
    await listener.close();
    expect(existsSync(path)).toBe(true);
    expect(told).toEqual([
      `SocketInUse: another daemon, pid 4711, already answers at the control socket ${path}`,
    ]);
    await new Promise((resolve) => other.close(resolve));
  });

  test('it is bound anew when that one has gone', async () => {
    await waitUntil(() => told.length > 0, PATIENCE, 'the trouble');
    await new Promise((resolve) => other.close(resolve));
    await waitUntil(letsIn, PATIENCE, 'the socket');
    expect(told.slice(1)).toEqual([REMOVED]);
  });
});

test('after the end there is no socket, and none is made', async () => {
  await listener.close();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(existsSync(path)).toBe(false);
});
