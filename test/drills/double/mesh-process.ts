/** One host's part of the mesh: see mesh.ts. */
import { createSocket, type Socket } from 'node:dgram';
import { type Socket as Connection, connect, createServer } from 'node:net';
import { ready, serve } from '../../../deploy/lab/traffic-process';
import { monotonic } from '../../../deploy/lab/wait';
import { MESH_PORT, type MeshQuestion, type PairTraffic, PING_SPACING } from './mesh';

/** Pings remembered, a power of two: more than five minutes. */
const REMEMBERED = 2 ** 16;
const PING = 1;
const ECHO = 2;
/** Between two requests of a session, in ms, and their length in bytes. */
const REQUEST_SPACING = 10;
const REQUEST_LENGTH = 64;
/** Before a session that couldn't be opened is tried again, in ms. */
const RETRY = 20;

/** The pings to one peer. */
class Pings {
  readonly #sent = new Float64Array(REMEMBERED);
  readonly #answered = new Uint8Array(REMEMBERED);
  #next = 0;

  send(socket: Socket, to: string): void {
    const datagram = Buffer.alloc(5);
    datagram[0] = PING;
    datagram.writeUInt32BE(this.#next, 1);
    this.#sent[this.#next % REMEMBERED] = monotonic();
    this.#answered[this.#next % REMEMBERED] = 0;
    this.#next += 1;
    socket.send(datagram, MESH_PORT, to, () => undefined); // one that the kernel refuses stays unanswered
  }

  hear(sequence: number): void {
    if (this.#next - sequence <= REMEMBERED) this.#answered[sequence % REMEMBERED] = 1;
  }

  totals({ from, to }: MeshQuestion): Pick<PairTraffic, 'sent' | 'lost' | 'outage' | 'flowing'> {
    let [sent, lost, flowing] = [0, 0, 0];
    let outage = 0;
    for (let index = Math.max(0, this.#next - REMEMBERED); index < this.#next; index++) {
      const at = this.#sent[index % REMEMBERED]!;
      if (at < from || at >= to) continue;
      sent += 1;
      flowing += 1;
      if (this.#answered[index % REMEMBERED] === 1) continue;
      lost += 1;
      flowing = 0;
      outage = at - from + PING_SPACING;
    }
    return { sent, lost, outage, flowing };
  }
}

/** A session to one peer, opened anew only where it was lost. */
class Session {
  #connection: Connection | undefined;
  #begun = 0;
  #missing = 0;
  #opened = false;
  /** sessions that ended, after they were open */
  broken = 0;
  /** when the last exchange was complete, and the longest that each took, with its end */
  #ended: { readonly at: number; readonly took: number }[] = [];

  constructor(
    private readonly from: string,
    private readonly to: string,
  ) {
    this.#open();
  }

  totals({ from }: MeshQuestion): Pick<PairTraffic, 'broken' | 'exchanged' | 'stall'> {
    this.#ended = this.#ended.slice(-REMEMBERED);
    const recent = this.#ended.filter(({ at }) => at >= from);
    const waiting = this.#missing > 0 ? monotonic() - this.#begun : 0;
    return {
      broken: this.broken,
      exchanged: recent.at(-1)?.at ?? null,
      stall: Math.max(waiting, ...recent.map(({ took }) => took)),
    };
  }

  #open(): void {
    const connection = connect({
      host: this.to,
      port: MESH_PORT,
      localAddress: this.from,
      noDelay: true,
    });
    this.#connection = connection;
    this.#opened = false;
    connection.on('connect', () => {
      this.#opened = true;
      this.#request();
    });
    connection.on('data', (chunk) => this.#receive(chunk.length));
    connection.on('error', () => undefined); // told by 'close'
    connection.on('close', () => {
      if (this.#opened) this.broken += 1;
      this.#missing = 0;
      setTimeout(() => this.#open(), RETRY);
    });
  }

  #request(): void {
    if (this.#connection?.writable !== true) return;
    this.#begun = monotonic();
    this.#missing = REQUEST_LENGTH;
    this.#connection.write(Buffer.alloc(REQUEST_LENGTH));
  }

  #receive(bytes: number): void {
    this.#missing -= bytes;
    if (this.#missing > 0) return;
    const now = monotonic();
    this.#ended.push({ at: now, took: now - this.#begun });
    setTimeout(() => this.#request(), Math.max(0, this.#begun + REQUEST_SPACING - now));
  }
}

const [alias = '', ...peers] = process.argv.slice(2);
const socket = createSocket({ type: 'udp4', lookup: (name, _options, done) => done(null, name, 4) });
const pings = new Map(peers.map((peer) => [peer, new Pings()]));
const sessions = new Map(peers.map((peer) => [peer, new Session(alias, peer)]));

socket.on('message', (datagram, { address, port }) => {
  if (datagram[0] === ECHO) pings.get(address)?.hear(datagram.readUInt32BE(1));
  if (datagram[0] !== PING) return;
  datagram[0] = ECHO;
  socket.send(datagram, port, address, () => undefined);
});
const server = createServer((connection) => {
  connection.setNoDelay(true);
  connection.on('error', () => undefined);
  connection.pipe(connection);
});
server.listen(MESH_PORT, alias, () => {
  socket.bind(MESH_PORT, alias, () => {
    setInterval(() => {
      for (const [peer, each] of pings) each.send(socket, peer);
    }, PING_SPACING);
    ready();
  });
});

serve<MeshQuestion, readonly PairTraffic[]>((question) =>
  peers.map((peer) => ({
    peer,
    ...pings.get(peer)!.totals(question),
    ...sessions.get(peer)!.totals(question),
  })),
);
