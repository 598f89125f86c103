import { readFileSync } from 'node:fs';
import type { LabHost } from '../../../deploy/lab/host';
import { monotonic } from '../../../deploy/lab/wait';
import type { Throughput } from './application';

/** How many bytes had arrived by then, at the cards of a host. */
export interface Arrival {
  /** in ms of `monotonic()` */
  readonly at: number;
  readonly bytes: number;
}

/** Between two looks at the counters, in ms. */
const LOOK = 5;
const REMEMBERED = 2 ** 15;
/** Of the rate before a fault, in ms. */
const BEFORE = 1000;
/** A rate is taken over this many ms, since segments arrive in bursts. */
const WINDOW = 50;
const BACK = 0.9;
/** With its Ethernet header, in bytes. */
const FULL_FRAME = 1514;
/** A fall begins at most so long after the traffic has moved, in ms. */
const LATE = 100;
/** What is shown around a fault, in ms. */
const SHOWN = { from: -100, to: 500, slice: 20 } as const;

/** @returns what had arrived by a moment, between two looks in proportion */
function bytesAt(arrivals: readonly Arrival[], moment: number): number {
  const next = arrivals.findIndex(({ at }) => at >= moment);
  const after = arrivals[next] ?? arrivals.at(-1);
  const before = arrivals[next - 1] ?? after;
  if (before === undefined || after === undefined || after.at === before.at) return after?.bytes ?? 0;
  const share = Math.min(1, (moment - before.at) / (after.at - before.at));
  return before.bytes + share * (after.bytes - before.bytes);
}

/**
 * What a fault did to a transfer.
 *
 * @param arrivals from a second before the fault on, oldest first
 * @param moment of the fault
 * @param moved when the traffic had been moved; what falls long after that has another cause
 */
export function throughputAround(arrivals: readonly Arrival[], moment: number, moved: number): Throughput {
  const during = (from: number, to: number): number =>
    (bytesAt(arrivals, to) - bytesAt(arrivals, from)) / (to - from);
  const rate = during(moment - BEFORE, moment);
  const needed = BACK * rate;
  const last = (arrivals.at(-1)?.at ?? 0) - WINDOW;
  const starts = arrivals.map(({ at }) => at).filter((at) => at >= moment && at <= last);
  const enough = (from: number): boolean => during(from, from + WINDOW) >= needed;
  const low = starts.findIndex((from) => from <= moved + LATE && !enough(from));
  const back = starts.slice(low).find(enough);
  const { from, to, slice } = SHOWN;
  return {
    back: low < 0 ? 0 : (back ?? Number.POSITIVE_INFINITY) - moment,
    missing: Math.max(0, to * (1 - during(moment, moment + to) / rate)),
    slices: Array.from({ length: (to - from) / slice }, (_, index) => {
      const start = moment + from + index * slice;
      // Bytes in a ms, of 8 bits: thousands of bits a second.
      return Math.round(during(start, start + slice) * 8) / 1000;
    }),
  };
}

/** @returns the longest time without a full frame, in ms, from a moment on */
export function longestPause(arrivals: readonly Arrival[], from: number): number {
  let longest = 0;
  let last = from;
  let former: Arrival | undefined;
  for (const arrival of arrivals.filter(({ at }) => at >= from)) {
    longest = Math.max(longest, arrival.at - last);
    // Requests and ARP that come beside the transfer are small.
    if (former !== undefined && arrival.bytes - former.bytes >= FULL_FRAME) last = arrival.at;
    former = arrival;
  }
  return longest;
}

/** Looks every few ms at what has arrived at a host's cards. */
export class Transfer {
  readonly #arrivals: Arrival[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(host: LabHost) {
    this.#timer = setInterval(() => {
      this.#arrivals.push({ at: monotonic(), bytes: receivedBy(host) });
      if (this.#arrivals.length > REMEMBERED) this.#arrivals.splice(0, REMEMBERED / 2);
    }, LOOK);
  }

  /** Since a moment. */
  arrivals(from: number): readonly Arrival[] {
    return this.#arrivals.filter(({ at }) => at >= from);
  }

  around(moment: number, moved: number): Throughput {
    return throughputAround(this.arrivals(moment - BEFORE), moment, moved);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** @returns bytes that all cards of a host have received (/proc/net/dev) */
function receivedBy(host: LabHost): number {
  const lines = readFileSync(`/proc/${host.pid}/net/dev`, 'utf8').split('\n');
  const cards = lines.filter((line) => /^ *eth/.test(line));
  return cards.reduce((sum, line) => sum + Number(/: *(\d+)/.exec(line)?.[1] ?? 0), 0);
}
