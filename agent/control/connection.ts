import type { Socket } from 'node:net';
import type { Response } from './protocol';

/** What one client may cost the daemon. Times in ms, lengths in bytes. */
export interface Limits {
  /** clients at a time; for a further one the one goes that is missed least */
  readonly clients: number;
  /** time that each has before it can be the one */
  readonly patience: number;
  /** longest request, and most white space that may follow it before the answer */
  readonly request: number;
  /** from the connection to the end of the request */
  readonly requestTime: number;
  /** most that waits to be read by one client; beyond it the client is cut off */
  readonly backlog: number;
  /** for the client to read its answer */
  readonly answerTime: number;
  /** until a client that was refused is let go, and can come again */
  readonly penalty: number;
  /** for all answers to leave when the server closes */
  readonly closeTime: number;
}

export const LIMITS: Limits = {
  clients: 64,
  patience: 250,
  request: 4096,
  requestTime: 5000,
  backlog: 1024 * 1024,
  answerTime: 10_000,
  penalty: 1000,
  closeTime: 250,
};

const NEWLINE = 10;

/** One client: reads its one request within the limits, and writes lines to it. Socket errors end it and nothing else. */
export class Connection {
  /** aborted once the client is gone */
  readonly gone = new AbortController();
  /** where it stands: its request has not come yet, its answer is to come, or has been written */
  phase: 'asking' | 'waiting' | 'answered' = 'asking';
  /** the request so far, in its first `length` bytes: one piece of memory, however small the pieces that it comes in */
  private request = Buffer.alloc(0);
  private length = 0;
  private deadline: NodeJS.Timeout;
  private readonly since = performance.now();

  constructor(
    private readonly socket: Socket,
    private readonly limits: Limits,
    private readonly onRequest: (connection: Connection, line: string) => void,
    onGone: (connection: Connection) => void,
  ) {
    this.deadline = setTimeout(
      () => this.answer(refusal('no request came in time')),
      limits.requestTime,
    ).unref();
    socket.on('data', (chunk: Buffer) => this.received(chunk));
    socket.on('end', () => this.halfClosed());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(this.deadline);
      this.gone.abort();
      onGone(this);
    });
  }

  /** Writes one line, which the caller has ended; a client that leaves too much unread is cut off. */
  line(text: string): void {
    if (this.socket.writableEnded || this.socket.destroyed) return;
    this.socket.write(text);
    if (this.socket.writableLength > this.limits.backlog) this.socket.destroy();
  }

  /** Writes the one answer, a line that the caller has ended, and ends the connection once it is read. */
  answer(text: string): void {
    if (this.socket.writableEnded || this.socket.destroyed) return;
    this.limitTime(this.limits.answerTime);
    this.part();
    this.socket.end(text, () => this.socket.destroy());
  }

  /** How long it is here, in ms. */
  get age(): number {
    return performance.now() - this.since;
  }

  /** Ends the connection at once, for another one to have its place. */
  dismiss(): void {
    this.socket.destroy();
  }

  /**
   * Ends the connection of a client that sends what it should not, with an answer or without. It keeps its place for a while, unread, so that
   * it cannot come again at once: each coming takes time.
   */
  private punish(text: string): void {
    if (this.socket.writableEnded || this.socket.destroyed) return;
    this.limitTime(this.limits.penalty);
    this.part();
    this.gone.abort();
    this.socket.end(text);
  }

  /** Nothing that still comes has a meaning, and a client could send for ever. What was written stays for it to read. */
  private part(): void {
    this.phase = 'answered';
    this.socket.pause();
  }

  /** Ends the connection; resolves when what was written has left, or after the limit. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.destroyed) return resolve();
      this.gone.abort();
      const late = setTimeout(() => this.socket.destroy(), this.limits.closeTime);
      this.socket.once('close', () => {
        clearTimeout(late);
        resolve();
      });
      // Written is enough: the client's own half would keep the connection open.
      this.socket.end(() => this.socket.destroy());
    });
  }

  private received(chunk: Buffer): void {
    if (this.phase === 'asking') this.collect(chunk);
    // Behind the request nothing has a meaning. White space is let pass; behind the answer all is, until the connection ends.
    else if (this.phase === 'waiting') {
      this.length += chunk.length;
      if (this.length > this.limits.request || chunk.toString('latin1').trim() !== '') this.punish('');
    }
  }

  private collect(chunk: Buffer): void {
    const end = chunk.indexOf(NEWLINE);
    const part = end < 0 ? chunk : chunk.subarray(0, end);
    if (this.length + part.length > this.limits.request) {
      this.punish(refusal(`the request is longer than ${this.limits.request} bytes`));
      return;
    }
    this.append(part);
    if (end < 0) return;
    clearTimeout(this.deadline);
    this.phase = 'waiting';
    const line = this.request.toString('utf8', 0, this.length);
    this.request = Buffer.alloc(0);
    this.length = 0;
    this.onRequest(this, line);
    this.received(chunk.subarray(end + 1));
  }

  private append(part: Buffer): void {
    const length = this.length + part.length;
    if (length > this.request.length) {
      const larger = Buffer.alloc(Math.min(2 * length, this.limits.request));
      this.request.copy(larger);
      this.request = larger;
    }
    part.copy(this.request, this.length);
    this.length = length;
  }

  /** A client that ends its sending half after the request still gets an answer that is near, but nothing waits for it. */
  private halfClosed(): void {
    if (this.phase === 'asking') this.socket.destroy();
    if (this.phase !== 'waiting') return;
    this.gone.abort();
    this.limitTime(this.limits.answerTime);
  }

  /** The time that the client has left, whatever it does. */
  private limitTime(time: number): void {
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.socket.destroy(), time).unref();
  }
}

function refusal(message: string): string {
  const response: Response = { ok: false, error: { code: 'bad-request', message } };
  return `${JSON.stringify(response)}\n`;
}
