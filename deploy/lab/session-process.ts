/** The two ends of a request/response session, one process each: see session.ts. */
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientQuestion, ClientTotals } from './session';
import { ready, serve } from './traffic-process';
import { monotonic } from './wait';

/** Exchanges remembered, a power of two: more than an hour at one each 5 ms. */
const REMEMBERED = 2 ** 20;
const REQUEST_LENGTH = 64;
/** Between two looks whether an exchange has completed, in ms. */
const LOOK = 2;

function runServer(address: string, port: number): void {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // the client reports how the session ended
    socket.pipe(socket);
  });
  server.listen(port, address, ready);
  serve<null, null>(() => null);
}

/** Sends a request, reads its echo, and sends the next one an interval after the former, or at once if that is over. */
class Client {
  readonly #begun = new Float64Array(REMEMBERED);
  readonly #ended = new Float64Array(REMEMBERED);
  readonly #socket;
  readonly #interval: number;
  /** exchanges begun; all but the last have ended */
  #count = 0;
  #missing = 0;
  #error: string | undefined;

  constructor(from: string, to: string, port: number, interval: number) {
    this.#interval = interval;
    this.#socket = connect({ host: to, port, localAddress: from, noDelay: true });
    this.#socket.on('connect', () => {
      this.#request();
      ready();
    });
    this.#socket.on('data', (chunk) => this.#receive(chunk.length));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message;
    });
    this.#socket.on('close', () => {
      this.#error ??= 'closed by the far end';
      if (this.#count === 0) {
        throw new Error(`no session from ${from} to ${to}: ${this.#error}`);
      }
    });
  }

  #request(): void {
    if (this.#error === undefined) {
      this.#begun[this.#count % REMEMBERED] = monotonic();
      this.#ended[this.#count % REMEMBERED] = Number.NaN;
      this.#count++;
      this.#missing = REQUEST_LENGTH;
      this.#socket.write(Buffer.alloc(REQUEST_LENGTH));
    }
  }

  #receive(bytes: number): void {
    this.#missing -= bytes;
    if (this.#missing === 0) {
      const slot = (this.#count - 1) % REMEMBERED;
      const now = monotonic();
      this.#ended[slot] = now;
      setTimeout(() => this.#request(), Math.max(0, (this.#begun[slot] ?? now) + this.#interval - now));
    }
  }

  /** @returns whether an exchange that begins now or later completes within a time, in ms */
  async #proven(timeout: number): Promise<boolean> {
    const first = this.#count;
    const deadline = monotonic() + timeout;
    while (this.#error === undefined && monotonic() < deadline) {
      if (this.#count > first && !Number.isNaN(this.#ended[first % REMEMBERED])) {
        return true;
      }
      await sleep(LOOK);
    }
    return false;
  }

  async totals(window: ClientQuestion): Promise<ClientTotals> {
    const alive = await this.#proven(window.timeout);
    const now = monotonic();
    let exchanges = 0;
    let longestStall = 0;
    for (let index = Math.max(0, this.#count - REMEMBERED); index < this.#count; index++) {
      const begun = this.#begun[index % REMEMBERED] ?? now;
      const ended = this.#ended[index % REMEMBERED] ?? Number.NaN;
      const until = Number.isNaN(ended) ? now : ended;
      if (begun <= window.to && until >= window.from) {
        longestStall = Math.max(longestStall, until - begun);
      }
      exchanges += ended >= window.from && ended <= window.to ? 1 : 0;
    }
    return { alive, exchanges, longestStall, error: this.#error ?? null };
  }
}

const [role, ...args] = process.argv.slice(2);
if (role === 'client') {
  const [from = '', to = '', port = '', interval = ''] = args;
  const client = new Client(from, to, Number(port), Number(interval));
  serve<ClientQuestion, ClientTotals>((question) => client.totals(question));
} else {
  const [address = '', port = ''] = args;
  runServer(address, Number(port));
}
