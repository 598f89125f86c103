import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHost } from './host';
import type { Lab } from './lab';
import { TrafficProcess } from './traffic-process';
import { monotonic } from './wait';

/** Between two instants, in ms on the clock of `monotonic()`. */
interface Window {
  readonly from: number;
  readonly to: number;
}

/** Which datagrams were sent in this window? */
export type SenderQuestion = Window;

export interface SenderTotals {
  /** sequence number of the first in the window */
  readonly first: number;
  /** sequence number after the last in the window */
  readonly end: number;
  /** those that the kernel took no more, for want of a route or a neighbor */
  readonly refused: number;
}

/** What became of the datagrams with these sequence numbers? */
export interface ReceiverQuestion extends Window {
  readonly first: number;
  readonly end: number;
}

export interface ReceiverTotals {
  readonly received: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly longestGap: number;
}

/** What became of the datagrams sent in a window. */
export interface StreamResult {
  readonly sent: number;
  /** each counted once */
  readonly received: number;
  /** sent, and not received by the end of the settle time */
  readonly lost: number;
  /** of these, refused by the sender's own kernel */
  readonly refused: number;
  /** copies that came after the first */
  readonly duplicated: number;
  /** received after one with a higher number */
  readonly reordered: number;
  /** the longest time in which the receiver got none, in ms; it may begin before the window or end after it */
  readonly longestGap: number;
}

export interface StreamOptions {
  /** datagrams a second; default 1000 */
  readonly hz?: number;
  /** default the hosts' aliases */
  readonly source?: string;
  readonly destination?: string;
}

export interface ResultOptions {
  /** end of the window; default now */
  readonly to?: number;
  /** how long datagrams may be on their way, in ms; default 150 */
  readonly settle?: number;
}

const DEFAULT_RATE = 1000;
const DEFAULT_SETTLE = 150;
/** Each stream has a port of its own, above it. */
const FIRST_PORT = 20_000;
let streams = 0;

/** A running one-way stream of numbered datagrams. */
export class Stream {
  readonly #sender: TrafficProcess<SenderQuestion, SenderTotals>;
  readonly #receiver: TrafficProcess<ReceiverQuestion, ReceiverTotals>;
  readonly #started = monotonic();

  constructor(
    sender: TrafficProcess<SenderQuestion, SenderTotals>,
    receiver: TrafficProcess<ReceiverQuestion, ReceiverTotals>,
  ) {
    this.#sender = sender;
    this.#receiver = receiver;
  }

  /** @returns now, to begin a window with */
  mark(): number {
    return monotonic();
  }

  /**
   * What became of the datagrams sent in a window, after a settle time.
   *
   * @param from as `mark` gave it; default the start of the stream
   */
  async result(from: number = this.#started, options: ResultOptions = {}): Promise<StreamResult> {
    const window = { from, to: options.to ?? monotonic() };
    await sleep(options.settle ?? DEFAULT_SETTLE);
    const { first, end, refused } = await this.#sender.ask(window);
    const totals = await this.#receiver.ask({ ...window, first, end });
    return { sent: end - first, lost: end - first - totals.received, refused, ...totals };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#sender.stop(), this.#receiver.stop()]);
  }
}

/**
 * Starts a stream between two hosts' aliases, which must be bound.
 *
 * @throws LabError where an address is not there
 */
export async function startStream(
  lab: Lab,
  from: string,
  to: string,
  options: StreamOptions = {},
): Promise<Stream> {
  const source: LabHost = lab.host(from);
  const target: LabHost = lab.host(to);
  const port = FIRST_PORT + (streams++ % FIRST_PORT);
  const destination = options.destination ?? target.alias;
  const receiver = await TrafficProcess.start<ReceiverQuestion, ReceiverTotals>(target, 'stream-process.js', [
    'receive',
    destination,
    port,
  ]);
  const sender = await TrafficProcess.start<SenderQuestion, SenderTotals>(source, 'stream-process.js', [
    'send',
    options.source ?? source.alias,
    destination,
    port,
    options.hz ?? DEFAULT_RATE,
  ]);
  return new Stream(sender, receiver);
}
