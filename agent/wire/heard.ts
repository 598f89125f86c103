import type { Ipv4 } from './address';
import { readUint32, writeUint32 } from './ethernet';

const FIRST_IPV4 = 0 as Ipv4;
const LAST_IPV4 = 0xffffffff as Ipv4;
/** Length of the range in bytes: its first and its last address. */
const RANGE = 8;

/**
 * Whom the sender of a beacon hears on the plane on which it sends, by their first aliases. It says nothing of hosts outside the range,
 * since not all may find room in one frame.
 */
export interface Heard {
  /** the range, both ends included */
  readonly from: Ipv4;
  readonly to: Ipv4;
  /** addresses in it that are heard, ascending: the first and the last of each run without a gap, one pair after the other */
  readonly runs: readonly Ipv4[];
}

/** The statement that all `hosts`, ascending and each once, are heard, and nobody else from `from` on. */
export function heardFrom(hosts: readonly Ipv4[], from: Ipv4 = FIRST_IPV4): Heard {
  const runs: Ipv4[] = [];
  for (const host of hosts) {
    if (host < from) continue;
    if (runs.at(-1) === host - 1) runs[runs.length - 1] = host;
    else runs.push(host, host);
  }
  return { from, to: LAST_IPV4, runs };
}

/** Whether a sender says that it hears a host; undefined where it says nothing of it. */
export function hears({ from, to, runs }: Heard, host: Ipv4): boolean | undefined {
  if (host < from || host > to) return undefined;
  let run = 0;
  for (let beyond = runs.length / 2; run < beyond; ) {
    const middle = (run + beyond) >> 1;
    if (runs[2 * middle + 1]! < host) run = middle + 1;
    else beyond = middle;
  }
  // The first run that doesn't end before the host.
  return 2 * run < runs.length && runs[2 * run]! <= host;
}

/**
 * The heard addresses that the bytes from `start` to before `end` hold, or undefined where they hold none: a range, then pairs of a gap and
 * a run, which is how many addresses are not heard and then how many are, less one. Every statement has one form only: the
 * shortest numbers, and no run that only goes on where the last one ended.
 */
export function readHeard(bytes: Uint8Array, start: number, end: number): Heard | undefined {
  if (start + RANGE > end) return undefined;
  const from = readUint32(bytes, start) as Ipv4;
  const to = readUint32(bytes, start + 4) as Ipv4;
  if (from > to) return undefined;
  const runs: Ipv4[] = [];
  const numbers = new Numbers(bytes, start + RANGE, end);
  for (let next: number = from; numbers.left; ) {
    const gap = numbers.read();
    const first = next + gap;
    const last = first + numbers.read();
    if (last > to || (gap === 0 && runs.length > 0)) return undefined;
    runs.push(first as Ipv4, last as Ipv4);
    next = last + 1;
  }
  return { from, to, runs };
}

/** Unsigned LEB128 numbers (DWARF 5, 7.6), one after the other. */
class Numbers {
  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly end: number,
  ) {}

  get left(): boolean {
    return this.at < this.end;
  }

  /** Below 2^35; infinite where the bytes end too early or the number could be shorter. */
  read(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 35 && this.at < this.end; scale *= 128) {
      const byte = this.bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return byte > 0 || scale === 1 ? value : Number.POSITIVE_INFINITY;
    }
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Writes at `start`, where there is room for one run at least, but nothing at `limit` or beyond.
 *
 * @returns the end of what was written, and of the range that it covers: that ends before the first run that finds no room
 */
export function writeHeard(
  bytes: Uint8Array,
  start: number,
  limit: number,
  heard: Heard,
): { readonly end: number; readonly to: Ipv4 } {
  writeUint32(bytes, start, heard.from);
  let end = start + RANGE;
  let to = heard.to;
  let next: number = heard.from;
  for (let index = 0; index < heard.runs.length; index += 2) {
    const first = heard.runs[index]!;
    const last = heard.runs[index + 1]!;
    if (end + numberLength(first - next) + numberLength(last - first) > limit) {
      to = (first - 1) as Ipv4;
      break;
    }
    end = writeNumber(bytes, writeNumber(bytes, end, first - next), last - first);
    next = last + 1;
  }
  writeUint32(bytes, start + 4, to);
  return { end, to };
}

function numberLength(value: number): number {
  return value < 0x80 ? 1 : 1 + numberLength(Math.floor(value / 128));
}

/** Returns the offset behind what it wrote. */
function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let end = at;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes[end++] = (rest % 128) | 0x80;
  bytes[end++] = rest;
  return end;
}
