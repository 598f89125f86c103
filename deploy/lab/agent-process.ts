import type { ChildProcess } from 'node:child_process';
import { LabError, monotonic } from './wait';

/** One line of the agent's log. */
export interface LogEvent {
  /** its name, such as `path-down` */
  readonly event?: string;
  readonly [field: string]: unknown;
}

export interface AgentExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Waiter {
  readonly matches: (event: LogEvent) => boolean;
  readonly resolve: (event: LogEvent) => void;
  readonly reject: (error: LabError) => void;
}

/** How long to wait for an event unless told otherwise, in ms. */
const EVENT_TIMEOUT = 10_000;
/** How long an agent may take to end after SIGTERM, in ms. */
const STOP_TIMEOUT = 5000;
/** What of standard error goes into a message, in characters. */
const SHOWN_ERRORS = 2000;

/** @returns the line's object; a line that is none as `{ event: 'not-json', line }` */
function parseLine(line: string): LogEvent {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) {
      return value as LogEvent;
    }
  } catch {
    // reported below
  }
  return { event: 'not-json', line };
}

/** A running daemon on a host of the lab. */
export class AgentProcess {
  /** as seen in the sandbox */
  readonly pid: number;
  readonly exited: Promise<AgentExit>;
  readonly #host: string;
  readonly #child: ChildProcess;
  readonly #events: LogEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  #rest = '';
  #errors = '';
  #ended: AgentExit | undefined;

  /** @param child a daemon just started, its standard output and error in pipes */
  constructor(host: string, child: ChildProcess) {
    this.#host = host;
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => this.#hear(chunk));
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#errors += chunk;
    });
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#errors += error.message;
      });
      child.once('close', (code, signal) => {
        this.#ended = { code, signal };
        for (const waiter of this.#waiters) {
          waiter.reject(this.#failure('ended'));
        }
        this.#waiters.clear();
        resolve(this.#ended);
      });
    });
  }

  /** @returns the log so far, oldest first */
  events(): readonly LogEvent[] {
    return [...this.#events];
  }

  /** @returns what it wrote to standard error so far */
  errors(): string {
    return this.#errors;
  }

  /**
   * Waits for a line in the log; one that is already there counts.
   *
   * @param name of the event
   * @param predicate further conditions
   * @param timeoutMs how long to wait at most; default 10 s
   * @param from the number of lines to skip, as `events().length` gave it before; default 0
   * @throws LabError after the time is over, and when the agent ends before
   */
  waitFor(
    name: string,
    predicate: (event: LogEvent) => boolean = () => true,
    timeoutMs: number = EVENT_TIMEOUT,
    from = 0,
  ): Promise<LogEvent> {
    const matches = (event: LogEvent): boolean => event.event === name && predicate(event);
    const found = this.#events.slice(from).find(matches);
    if (found !== undefined) {
      return Promise.resolve(found);
    }
    if (this.#ended !== undefined) {
      return Promise.reject(this.#failure(`ended before ${name}`));
    }
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        matches,
        resolve: (event) => {
          finish();
          resolve(event);
        },
        reject: (error) => {
          finish();
          reject(error);
        },
      };
      const start = monotonic();
      const timer = setTimeout(() => {
        waiter.reject(this.#failure(`logged no ${name} within ${Math.round(monotonic() - start)} ms`));
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Sends a signal; an agent that has ended gets none. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /**
   * Ends it by SIGTERM, as a service manager does.
   *
   * @returns its exit status
   * @throws LabError where it does not end, or by a signal
   */
  async stop(): Promise<number> {
    const timer = setTimeout(() => this.kill('SIGKILL'), STOP_TIMEOUT);
    this.kill('SIGTERM');
    const { code } = await this.exited;
    clearTimeout(timer);
    if (code === null) {
      throw this.#failure('did not end by itself after SIGTERM');
    }
    return code;
  }

  #hear(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines.filter((text) => text !== '')) {
      const event = parseLine(line);
      this.#events.push(event);
      for (const waiter of [...this.#waiters].filter((candidate) => candidate.matches(event))) {
        waiter.resolve(event);
      }
    }
  }

  #failure(what: string): LabError {
    const end = this.#ended && ` (exit status ${this.#ended.code ?? this.#ended.signal})`;
    const last = this.#events.slice(-3).map((event) => JSON.stringify(event));
    const said = [...last, this.#errors.slice(-SHOWN_ERRORS).trim()].join('\n').trim();
    return new LabError(`the agent on ${this.#host} ${what}${end ?? ''}: ${said || 'it said nothing'}`);
  }
}
