/** The two ends of a datagram stream, one process each: see stream.ts. */
import { createSocket, type Socket } from 'node:dgram';
import type { ReceiverQuestion, ReceiverTotals, SenderQuestion, SenderTotals } from './stream';
import { ready, serve } from './traffic-process';
import { monotonic } from './wait';

/** Datagrams remembered at each end, a power of two: 17 minutes at 1 kHz. */
const REMEMBERED = 2 ** 20;
/** What the receiver's kernel may hold while the receiver itself is not running, in bytes. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

/** Times by sequence number, of the last {@link REMEMBERED} numbers. */
class Times {
  readonly #times = new Float64Array(REMEMBERED).fill(Number.NaN);
  readonly #numbers = new Float64Array(REMEMBERED).fill(-1);

  set(sequence: number, time: number): void {
    this.#times[sequence % REMEMBERED] = time;
    this.#numbers[sequence % REMEMBERED] = sequence;
  }

  /** @returns undefined for a number not seen, or too long ago */
  get(sequence: number): number | undefined {
    const slot = sequence % REMEMBERED;
    return this.#numbers[slot] === sequence ? this.#times[slot] : undefined;
  }
}

/** Adds a sequence number to those remembered, and forgets the oldest beyond the bound. */
function remember(sequences: number[], sequence: number): void {
  sequences.push(sequence);
  if (sequences.length > REMEMBERED) {
    sequences.shift();
  }
}

/** Addresses are numeric: no resolver between a packet and the wire. */
function openSocket(): Socket {
  const socket = createSocket({ type: 'udp4', lookup: (name, _options, done) => done(null, name, 4) });
  // `bind` with a callback listens for errors itself, and forgets them.
  return socket.on('error', (error) => {
    throw error;
  });
}

/**
 * Sends numbered datagrams at a steady rate. A datagram whose timer is late goes out at once with those that are due
 * since, so that the rate holds; one that the kernel refuses (EHOSTUNREACH, ENETUNREACH) is a lost one.
 */
function runSender(from: string, to: string, port: number, hz: number): void {
  const socket = openSocket();
  const sent = new Times();
  let next = 0;
  const refused: number[] = [];
  const send = (sequence: number): void => {
    const datagram = Buffer.alloc(8);
    datagram.writeBigUInt64BE(BigInt(sequence));
    sent.set(sequence, monotonic());
    socket.send(datagram, port, to, (error) => {
      if (error !== null) {
        remember(refused, sequence);
      }
    });
  };
  socket.bind(0, from, () => {
    const start = monotonic();
    const sendDue = (): void => {
      const due = Math.floor(((monotonic() - start) * hz) / 1000);
      while (next <= due) {
        send(next++);
      }
      setTimeout(sendDue, 1);
    };
    sendDue();
    ready();
  });
  serve<SenderQuestion, SenderTotals>((window) => {
    let end = next;
    while (end > 0 && (sent.get(end - 1) ?? -1) >= window.to) {
      end--;
    }
    let first = end;
    while (first > 0 && (sent.get(first - 1) ?? -1) >= window.from) {
      first--;
    }
    return { first, end, refused: refused.filter((sequence) => sequence >= first && sequence < end).length };
  });
}

/** @returns the longest time between two arrivals that lies in the window, at least in part, in ms */
function longestGap(arrivals: readonly number[], window: ReceiverQuestion, now: number): number {
  const times = [...arrivals, now].sort((one, other) => one - other);
  let longest = 0;
  let former = window.from;
  for (const time of times) {
    if (former < window.to && time > window.from) {
      longest = Math.max(longest, time - former);
    }
    former = time;
  }
  return longest;
}

function runReceiver(address: string, port: number): void {
  const socket = openSocket();
  const arrived = new Times();
  let highest = -1;
  const duplicates: number[] = [];
  const late: number[] = [];
  socket.on('message', (datagram) => {
    const sequence = Number(datagram.readBigUInt64BE());
    if (arrived.get(sequence) !== undefined) {
      remember(duplicates, sequence);
      return;
    }
    if (sequence < highest) {
      remember(late, sequence);
    }
    highest = Math.max(highest, sequence);
    arrived.set(sequence, monotonic());
  });
  socket.bind(port, address, () => {
    socket.setRecvBufferSize(RECEIVE_BUFFER);
    ready();
  });
  serve<ReceiverQuestion, ReceiverTotals>((window) => {
    const inside = (sequence: number): boolean => sequence >= window.first && sequence < window.end;
    const arrivals: number[] = [];
    let received = 0;
    // The one before the window, and those after it, are the borders of its first and its last gap.
    for (let sequence = Math.max(0, window.first - 1); sequence <= highest; sequence++) {
      const time = arrived.get(sequence);
      if (time !== undefined) {
        arrivals.push(time);
        received += inside(sequence) ? 1 : 0;
      }
    }
    return {
      received,
      duplicated: duplicates.filter(inside).length,
      reordered: late.filter(inside).length,
      longestGap: longestGap(arrivals, window, monotonic()),
    };
  });
}

const [role, ...args] = process.argv.slice(2);
if (role === 'send') {
  const [from = '', to = '', port = '', hz = ''] = args;
  runSender(from, to, Number(port), Number(hz));
} else {
  const [address = '', port = ''] = args;
  runReceiver(address, Number(port));
}
