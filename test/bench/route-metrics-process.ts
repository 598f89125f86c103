/** The two ends of short exchanges over TCP, each of another kind: see route-metrics.ts. */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ready, serve } from '../../deploy/lab/traffic-process';
import { monotonic } from '../../deploy/lab/wait';
import type { ExchangeQuestion } from './route-metrics';

/** Half of a request that is written in two parts, and the whole of a transfer, in bytes. */
const PIECE = 64;
const TRANSFER = 64 << 10;
/** Between two exchanges, in ms. */
const PAUSE = 4;

function runServer(address: string, port: number): void {
  const answerEach = (length: number) => (socket: Socket) => {
    let missing = length;
    socket.setNoDelay(true).on('error', () => undefined); // the client tells
    socket.on('data', ({ length: arrived }: Buffer) => {
      missing -= arrived;
      if (missing > 0) return;
      missing = length;
      socket.write('!');
    });
  };
  const lengths = [2 * PIECE, TRANSFER];
  let listening = 0;
  lengths.forEach((length, index) => {
    createServer(answerEach(length)).listen(port + index, address, () => {
      if (++listening === lengths.length) ready();
    });
  });
  serve<ExchangeQuestion, number[]>(() => []);
}

function opened(from: string, to: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to, port, localAddress: from });
    socket.on('connect', () => resolve(socket)).on('error', reject);
  });
}

const answered = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('data', () => resolve()));

/** A request written in two parts by a program that leaves Nagle's algorithm on, ms until the answer. */
async function twoWrites(from: string, to: string, port: number, count: number): Promise<number[]> {
  const socket = await opened(from, to, port);
  const times: number[] = [];
  for (let exchange = 0; exchange < count; exchange++) {
    const begun = monotonic();
    socket.write(Buffer.alloc(PIECE));
    await new Promise<void>((resolve) => socket.write(Buffer.alloc(PIECE), () => resolve()));
    await answered(socket);
    times.push(monotonic() - begun);
    await sleep(PAUSE);
  }
  socket.destroy();
  return times;
}

/** A new connection, a transfer and an answer, ms in all. */
async function transfers(from: string, to: string, port: number, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let exchange = 0; exchange < count; exchange++) {
    const begun = monotonic();
    const socket = await opened(from, to, port + 1);
    socket.write(Buffer.alloc(TRANSFER));
    await answered(socket);
    times.push(monotonic() - begun);
    socket.destroy();
    await sleep(PAUSE);
  }
  return times;
}

const [role, from = '', to = '', port = ''] = process.argv.slice(2);
if (role === 'client') {
  serve<ExchangeQuestion, number[]>(({ what, count }) =>
    (what === 'two-writes' ? twoWrites : transfers)(from, to, Number(port), count),
  );
  ready();
} else {
  runServer(to, Number(port));
}
