/** Sessions of each kind from one host to another, and when each last made progress: see outage.ts. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ready, serve } from '../../deploy/lab/traffic-process';
import { monotonic } from '../../deploy/lab/wait';
import type { ProgressAnswer, ProgressQuestion } from './outage-sessions';

/** Between two requests, datagrams, echoes, or pieces of the bulk transfer, in ms. */
const INTERVAL = 5;
const BULK_PIECE = 16 * 1024;
/** An application that is refused a connection tries again so much later, in ms. */
const CONNECT_AGAIN = 20;
/** Between two looks for progress, in ms. */
const LOOK = 2;
/** How often progress is noted at most, in ms; and how much of it is remembered. */
const NOTED = 0.2;
const REMEMBERED = 2 ** 16;

/** The times at which something made progress, in ms of `monotonic()`. */
class Progress {
  readonly #times: number[] = [];

  note(): void {
    const now = monotonic();
    if (now - (this.#times.at(-1) ?? 0) < NOTED) return;
    this.#times.push(now);
    if (this.#times.length > REMEMBERED) this.#times.splice(0, REMEMBERED / 2);
  }

  firstAfter(moment: number): number | undefined {
    return this.#times.find((time) => time >= moment);
  }
}

/** Told to the starter: a session that ends is a failed measurement. */
function fail(what: string): (error?: Error) => void {
  return (error) => {
    throw new Error(`${what}: ${error?.message ?? 'closed by the far end'}`);
  };
}

function runServer(address: string, port: number): Record<string, Progress> {
  const [bulk, datagrams] = [new Progress(), new Progress()];
  const echo = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // the client tells
    socket.pipe(socket);
  });
  const sink = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => bulk.note());
  });
  const receiver = createSocket('udp4').on('message', () => datagrams.note());
  echo.listen(port, address, () => {
    sink.listen(port + 1, address, () => receiver.bind(port, address, ready));
  });
  return { bulk, datagrams };
}

interface Ends {
  readonly from: string;
  readonly to: string;
  readonly port: number;
}

function runExchanges({ from, to, port }: Ends): Progress {
  const progress = new Progress();
  const socket = connect({ host: to, port, localAddress: from, noDelay: true });
  const request = () => socket.write('?');
  socket.on('connect', request).on('error', fail('the exchange')).on('close', fail('the exchange'));
  socket.on('data', () => {
    progress.note();
    setTimeout(request, INTERVAL);
  });
  return progress;
}

function runBulk({ from, to, port }: Ends): void {
  const socket = connect({ host: to, port: port + 1, localAddress: from });
  socket.on('error', fail('the bulk transfer')).on('close', fail('the bulk transfer'));
  const piece = Buffer.alloc(BULK_PIECE);
  socket.on('connect', () =>
    setInterval(() => {
      if (!socket.writableNeedDrain) socket.write(piece);
    }, INTERVAL),
  );
}

function runDatagrams({ from, to, port }: Ends): void {
  const socket = createSocket('udp4');
  // Without any link the kernel refuses what is sent (EHOSTUNREACH).
  socket.bind(0, from, () => setInterval(() => socket.send('!', port, to, () => undefined), INTERVAL));
}

function runEchoes({ from, to }: Ends): Progress {
  const progress = new Progress();
  const args = ['-n', '-I', from, '-i', `${INTERVAL / 1000}`, to];
  const ping: ChildProcessByStdio<null, Readable, null> = spawn('ping', args, {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  ping.stdout.on('data', (said: Buffer) => {
    if (said.includes('bytes from')) progress.note();
  });
  ping.on('error', fail('ping')).on('exit', fail('ping'));
  return progress;
}

/** Connects, tries again where that is refused, and notes when it has succeeded. */
function runConnection({ from, to, port }: Ends, progress: Progress): Socket {
  const socket = connect({ host: to, port, localAddress: from });
  socket.on('connect', () => {
    progress.note();
    socket.destroy();
  });
  socket.on('error', () => setTimeout(() => runConnection({ from, to, port }, progress), CONNECT_AGAIN));
  return socket;
}

function runClient(ends: Ends): Record<string, Progress> {
  const connections = new Progress();
  const exchange = runExchanges(ends);
  const echoes = runEchoes(ends);
  runBulk(ends);
  runDatagrams(ends);
  ready();
  return { exchange, echoes, connections };
}

async function answer(
  sessions: Record<string, Progress>,
  ends: Ends,
  { connect: wanted, after, timeout }: ProgressQuestion,
): Promise<ProgressAnswer> {
  if (wanted && sessions.connections !== undefined) runConnection(ends, sessions.connections);
  if (after === null) return {};
  const deadline = monotonic() + timeout;
  const found = () =>
    Object.entries(sessions).map(([name, progress]) => [name, progress.firstAfter(after)] as const);
  for (;;) {
    const all = found();
    if (monotonic() >= deadline || all.every(([, time]) => time !== undefined)) {
      return Object.fromEntries(all.flatMap(([name, time]) => (time === undefined ? [] : [[name, time]])));
    }
    await sleep(LOOK);
  }
}

const [role, from = '', to = '', port = ''] = process.argv.slice(2);
const ends = { from, to, port: Number(port) };
const sessions = role === 'client' ? runClient(ends) : runServer(to, ends.port);
serve<ProgressQuestion, ProgressAnswer>((question) => answer(sessions, ends, question));
