import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { sendDatagram } from '../../native-bindings/datagram';
import { SystemError } from '../../native-bindings/system-error';

let directory: string;
let receiver: ChildProcessByStdio<null, Readable, null> | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'multihomed-'));
});

afterEach(() => {
  receiver?.kill('SIGKILL');
  receiver = undefined;
  rmSync(directory, { recursive: true });
});

/** Node has no Unix datagram sockets to receive by either. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0', 1))
print('bound', flush=True)
print(s.recv(65536).decode(), flush=True)`;

/** Binds a socket to `path` and hands over its lines: `bound`, then what it received. */
function receive(path: string): AsyncIterator<string> {
  const env = { ...process.env, PYTHONIOENCODING: 'utf-8' };
  receiver = spawn('python3', ['-c', RECEIVER, path], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  return createInterface({ input: receiver.stdout })[Symbol.asyncIterator]();
}

test.each([
  ['in the file system', () => join(directory, 'notify')],
  ['in the abstract namespace', () => `@multihomed-test-${process.pid}`],
])('a datagram reaches a socket %s', async (_, path) => {
  const lines = receive(path());
  expect((await lines.next()).value).toBe('bound');
  expect(sendDatagram(path(), 'READY=1\tü')).toBeUndefined();
  expect((await lines.next()).value).toBe('READY=1\tü');
});

test.each([
  ['no socket', 'ENOENT', () => join(directory, 'nothing')],
  ['a path that is too long', 'ENAMETOOLONG', () => `/${'x'.repeat(200)}`],
  ['no path', 'ENAMETOOLONG', () => ''],
  ['an abstract name that nobody has', 'ECONNREFUSED', () => `@multihomed-nobody-${process.pid}`],
])('%s is an error by name', (_, code, path) => {
  const error = sendDatagram(path(), 'READY=1');
  expect(error).toBeInstanceOf(SystemError);
  expect(error).toMatchObject({ code, syscall: 'sendto' });
});
