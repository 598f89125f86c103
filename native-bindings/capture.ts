import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from './package-root';

/** One frame that libpcap saw on an interface, in either direction. */
export interface CapturedFrame {
  /** ISO 8601, UTC: when the capturing process read it */
  readonly at: string;
  readonly interface: string;
  /** in bytes */
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** How a capture ended. */
export interface CaptureEnd {
  /** exit status, or null where a signal ended it */
  readonly code: number | null;
  /** such as `SIGABRT`, which is how the `cap` package takes an interface that goes down */
  readonly signal: string | null;
  /** what it wrote to standard error, or why it could not be started; empty where there was nothing to say */
  readonly message: string;
}

export interface CaptureOptions {
  readonly interface: string;
  /** in libpcap's language (pcap-filter(7)); empty for every frame */
  readonly filter: string;
  /** what runs the capturing process elsewhere, such as `['nsenter', '-t', '123', '-n']` */
  readonly command?: readonly string[];
}

export interface CaptureHandlers {
  /** every frame from now on is captured */
  ready(): void;
  frame(frame: CapturedFrame): void;
  /** once, after the last frame */
  end(end: CaptureEnd): void;
}

/** A process that captures dies with its interface by SIGABRT, and shall leave no core file each time. */
const WITHOUT_CORE = ['-c', 'ulimit -c 0; exec "$@"', 'sh'];
/** ms that a capturing process has to end by itself after {@link Capture.stop} */
const PATIENCE = 2000;
/** libpcap's remark on an interface without an IPv4 address; it captures all the same */
const HARMLESS = /^Warning: .*may not actually work$/;

/** Frames on an interface as libpcap sees them, by a process of its own that may die without harm to this one. */
export class Capture {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #handlers: CaptureHandlers;
  #message = '';
  #ended = false;

  private constructor(child: ChildProcessWithoutNullStreams, handlers: CaptureHandlers) {
    this.#child = child;
    this.#handlers = handlers;
    createInterface({ input: child.stdout }).on('line', (line) => this.#line(line));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#message += text;
    });
    // It may be gone before we ask it to go.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => this.#end(null, null, error.message));
    child.on('close', (code, signal) => this.#end(code, signal, this.#said()));
  }

  /** Starts capturing; {@link CaptureHandlers.ready} says when. Whatever fails is told by {@link CaptureHandlers.end}. */
  static start(options: CaptureOptions, handlers: CaptureHandlers): Capture {
    const program = [process.execPath, script(), options.interface, options.filter];
    const child = spawn('/bin/sh', [...WITHOUT_CORE, ...(options.command ?? []), ...program], {
      stdio: 'pipe',
    });
    return new Capture(child, handlers);
  }

  /** Ends the capture; frames that were captured before are still delivered. May be called more than once. */
  stop(): void {
    if (this.#ended) return;
    this.#child.stdin.end();
    setTimeout(() => {
      if (!this.#ended) this.#child.kill('SIGKILL');
    }, PATIENCE).unref();
  }

  #line(line: string): void {
    const record = parse(line);
    if (record === undefined) return;
    if ('ready' in record) this.#handlers.ready();
    else this.#handlers.frame({ ...record, bytes: Uint8Array.from(Buffer.from(record.bytes, 'hex')) });
  }

  #end(code: number | null, signal: string | null, message: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handlers.end({ code, signal, message });
  }

  #said(): string {
    return this.#message
      .split('\n')
      .filter((line) => line !== '' && !HARMLESS.test(line))
      .join('\n');
  }
}

type CaptureRecord =
  | { readonly ready: true }
  | {
      readonly at: string;
      readonly interface: string;
      readonly length: number;
      readonly bytes: string;
    };

/** What a line of the capturing process says; undefined where the process died within it. */
function parse(line: string): CaptureRecord | undefined {
  try {
    return JSON.parse(line) as CaptureRecord;
  } catch {
    return undefined;
  }
}

/** The compiled capture-process; the source cannot run by itself. */
function script(): string {
  const beside = join(__dirname, 'capture-process.js');
  if (existsSync(beside)) return beside;
  const built = join(packageRoot(__dirname), 'dist', 'native-bindings', 'capture-process.js');
  if (existsSync(built)) return built;
  throw new Error(`the capture process is not built (${built} does not exist): run \`make build\``);
}
