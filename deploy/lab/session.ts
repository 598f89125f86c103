import type { Lab } from './lab';
import { TrafficProcess } from './traffic-process';
import { monotonic } from './wait';

/** How did the session fare between two instants, in ms on the clock of `monotonic()`? */
export interface ClientQuestion {
  readonly from: number;
  readonly to: number;
  /** how long a further exchange may take for the session to be alive, in ms */
  readonly timeout: number;
}

export interface ClientTotals {
  /** whether an exchange begun after the question completed */
  readonly alive: boolean;
  /** requests answered in the window */
  readonly exchanges: number;
  /** the longest time from a request to its answer, of exchanges that touch the window, in ms */
  readonly longestStall: number;
  /** how the session ended, such as ECONNRESET; null where it didn't */
  readonly error: string | null;
}

/** How a session fared in a window. */
export type SessionResult = ClientTotals;

export interface SessionOptions {
  /** between two requests, in ms; default 5 */
  readonly interval?: number;
  /** default the hosts' aliases */
  readonly source?: string;
  readonly destination?: string;
  /** further environment of both ends */
  readonly env?: Readonly<Record<string, string>>;
}

export interface SessionResultOptions {
  /** end of the window; default now */
  readonly to?: number;
  /** how long the session may stall before it counts as dead, in ms; default 5000 */
  readonly timeout?: number;
}

const DEFAULT_INTERVAL = 5;
const DEFAULT_TIMEOUT = 5000;
/** Each session has a port of its own, above it. */
const FIRST_PORT = 40_000;
const PORTS = 20_000;
let sessions = 0;

/** A running TCP session: a request each few ms, echoed by the far end. */
export class Session {
  readonly #client: TrafficProcess<ClientQuestion, ClientTotals>;
  readonly #server: TrafficProcess<null, null>;
  readonly #started = monotonic();

  constructor(client: TrafficProcess<ClientQuestion, ClientTotals>, server: TrafficProcess<null, null>) {
    this.#client = client;
    this.#server = server;
  }

  /** @returns now, to begin a window with */
  mark(): number {
    return monotonic();
  }

  /**
   * How the session fared in a window; a stall that still lasts is waited for.
   *
   * @param from as `mark` gave it; default the start of the session
   */
  result(from: number = this.#started, options: SessionResultOptions = {}): Promise<SessionResult> {
    const to = options.to ?? monotonic();
    return this.#client.ask({ from, to, timeout: options.timeout ?? DEFAULT_TIMEOUT });
  }

  async stop(): Promise<void> {
    await Promise.all([this.#client.stop(), this.#server.stop()]);
  }
}

/**
 * Opens a session between two hosts' aliases, which must be bound.
 *
 * @throws LabError where it cannot be opened
 */
export async function startSession(
  lab: Lab,
  from: string,
  to: string,
  options: SessionOptions = {},
): Promise<Session> {
  const port = FIRST_PORT + (sessions++ % PORTS);
  const destination = options.destination ?? lab.host(to).alias;
  const server = await TrafficProcess.start<null, null>(
    lab.host(to),
    'session-process.js',
    ['server', destination, port],
    options.env,
  );
  const client = await TrafficProcess.start<ClientQuestion, ClientTotals>(
    lab.host(from),
    'session-process.js',
    [
      'client',
      options.source ?? lab.host(from).alias,
      destination,
      port,
      options.interval ?? DEFAULT_INTERVAL,
    ],
    options.env,
  );
  return new Session(client, server);
}
