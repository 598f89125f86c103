import { write, writeSync } from 'node:fs';

/** What waits to be written at most, in bytes; beyond it lines are dropped rather than kept. */
const LARGEST_BACKLOG = 4 << 20;
/** Between two tries to write to a pipe that is full, in ms. */
const RETRY = 50;

/** Lines that are handed to the system in one write. */
interface Batch {
  readonly bytes: Buffer;
  readonly lines: number;
}

/**
 * Lines on their way to a file descriptor, in order, one write at a time. What cannot be written is lost and counted: a full disk or a
 * reader that went away must not end the daemon nor keep it from ending, and there is no other place to tell it.
 */
export class LogOutput {
  /** lines that were not written */
  lost = 0;
  private waiting: Buffer[] = [];
  /** bytes of all that is not written yet */
  private size = 0;
  /** what was not taken yet; it is tried again */
  private current: Batch | undefined;
  /** whether a write is under way */
  private writing = false;

  constructor(private readonly fd: number) {}

  /** Takes one line, its end included. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.size + bytes.length > LARGEST_BACKLOG) {
      this.lost += 1;
      return;
    }
    this.waiting.push(bytes);
    this.size += bytes.length;
    if (this.current === undefined) this.next();
  }

  /** Writes what waits, as far as it is taken at once; the rest is lost. A write that is under way goes on by itself. */
  flush(): void {
    const current = this.writing ? undefined : this.current;
    const lines = (current?.lines ?? 0) + this.waiting.length;
    let bytes = Buffer.concat([current?.bytes ?? Buffer.alloc(0), ...this.waiting]);
    if (!this.writing) this.current = undefined;
    this.waiting = [];
    try {
      while (bytes.length > 0) bytes = bytes.subarray(writeSync(this.fd, bytes));
    } catch {
      this.lost += lines;
    }
  }

  private next(): void {
    const lines = this.waiting;
    this.waiting = [];
    this.current = lines.length === 0 ? undefined : { bytes: Buffer.concat(lines), lines: lines.length };
    this.pass();
  }

  private pass(): void {
    const { current } = this;
    if (current === undefined) return;
    this.writing = true;
    write(this.fd, current.bytes, 0, current.bytes.length, null, (error, written) => {
      this.writing = false;
      if (error?.code === 'EAGAIN') setTimeout(() => this.pass(), RETRY);
      else if (error === null && written < current.bytes.length) this.advance(current, written);
      else this.finish(current, error !== null);
    });
  }

  private advance({ bytes, lines }: Batch, written: number): void {
    this.size -= written;
    this.current = { bytes: bytes.subarray(written), lines };
    this.pass();
  }

  private finish({ bytes, lines }: Batch, failed: boolean): void {
    this.size -= bytes.length;
    if (failed) this.lost += lines;
    this.next();
  }
}
