import { writeSync } from 'node:fs';

/**
 * The process in which libpcap runs: `node capture-process.js INTERFACE FILTER`. Writes one JSON line once it captures,
 * `{"ready":true}`, then one for each frame: `{"at","interface","length","bytes"}`, with `at` in ISO 8601 when this process
 * read the frame, `length` in bytes and `bytes` in hexadecimal. Ends when its standard input ends, or on SIGTERM. Where the
 * interface goes down, the `cap` package aborts the process: that is why it has one of its own.
 */

/** The part of the `cap` package that is used here; it brings no types. */
interface CapModule {
  readonly Cap: new () => Cap;
}

interface Cap {
  open(device: string, filter: string, bufferSize: number, frame: Buffer): string;
  on(event: 'packet', listener: (length: number, truncated: boolean) => void): void;
  close(): boolean;
}

const STDOUT = 1;
/**
 * The kernel's ring in bytes: 512 frames, since the package asks for 64 KiB for each, however short. Frames that come
 * while it is full are lost without a word.
 */
const PCAP_BUFFER = 32 << 20;
const LONGEST_FRAME = 65535;
const EX_USAGE = 64;
const EX_UNAVAILABLE = 69;

/** Writes a line before it returns, so that none is lost when the process is aborted. Ends where nobody reads any more. */
function write(line: object): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  try {
    // process.stdout would queue what a slow reader leaves no room for; untouched, the descriptor blocks.
    for (let done = 0; done < bytes.length; ) done += writeSync(STDOUT, bytes, done);
  } catch {
    process.exit(0);
  }
}

function fail(status: number, message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(status);
}

function capture(device: string, filter: string): void {
  const { Cap } = require('cap') as CapModule;
  const cap = new Cap();
  const frame = Buffer.alloc(LONGEST_FRAME);
  cap.on('packet', (length) => {
    const at = new Date().toISOString();
    write({ at, interface: device, length, bytes: frame.toString('hex', 0, length) });
  });
  cap.open(device, filter, PCAP_BUFFER, frame);
  // One more turn of the event loop reads what came before the end.
  const end = (): void => void setImmediate(() => process.exit(0));
  process.on('SIGTERM', end);
  process.stdin.on('end', end).on('error', end).resume();
  write({ ready: true });
}

const [device, filter] = process.argv.slice(2);
if (device === undefined || filter === undefined) fail(EX_USAGE, 'usage: capture-process INTERFACE FILTER');
try {
  capture(device, filter);
} catch (error) {
  fail(EX_UNAVAILABLE, `capture on ${device}: ${error instanceof Error ? error.message : String(error)}`);
}
