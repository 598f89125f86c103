import { connect } from 'node:net';
import { EXIT, type ExitStatus } from '../exit-status';
import type { ErrorCode, EventRecord, Request, Response, Results } from './protocol';

/** Why there is no answer from the daemon. Each kind has the exit status that a command ends with. */
export abstract class ControlClientError extends Error {
  abstract readonly exitStatus: ExitStatus;
}

/** Nobody listens at the socket (ECONNREFUSED), or there is none (ENOENT). */
export class DaemonNotRunning extends ControlClientError {
  override readonly name = 'DaemonNotRunning';
  readonly exitStatus = EXIT.unavailable;

  constructor(path: string) {
    super(
      `the daemon is not running: nothing answers at ${path}; start it (systemctl start multihomed), or name its socket with --socket`,
    );
  }
}

/** The socket's mode doesn't let us in (EACCES, EPERM). */
export class AccessDenied extends ControlClientError {
  override readonly name = 'AccessDenied';
  readonly exitStatus = EXIT.noPermission;

  constructor(path: string) {
    super(
      `permission to talk to the daemon at ${path} is missing; run this as root, or as a member of the socket's group`,
    );
  }
}

/** The daemon accepted the connection and did not answer in time. */
export class NoAnswer extends ControlClientError {
  override readonly name = 'NoAnswer';
  readonly exitStatus = EXIT.unavailable;

  constructor(path: string, timeout: number) {
    super(`the daemon at ${path} did not answer within ${timeout / 1000} s`);
  }
}

/** The connection ended without an answer, or broke. `code` is the errno name, if there is one. */
export class ConnectionLost extends ControlClientError {
  override readonly name = 'ConnectionLost';
  readonly exitStatus = EXIT.unavailable;

  constructor(
    path: string,
    readonly code?: string,
  ) {
    super(`the daemon closed the connection at ${path}${code === undefined ? '' : ` (${code})`}`);
  }
}

const STATUS_OF: Readonly<Record<ErrorCode, ExitStatus>> = {
  'bad-request': EXIT.software,
  'unknown-command': EXIT.unavailable,
  'unknown-peer': EXIT.data,
  'unknown-link': EXIT.data,
  'last-link': EXIT.temporary,
  configuration: EXIT.configuration,
  failed: EXIT.software,
};

/** The daemon answered that it will not, or cannot. */
export class RequestRefused extends ControlClientError {
  override readonly name = 'RequestRefused';
  readonly exitStatus: ExitStatus;

  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
    this.exitStatus = STATUS_OF[code] ?? EXIT.software;
  }
}

export interface RequestOptions {
  /** ms until {@link NoAnswer}; without it, no end */
  readonly timeout?: number | undefined;
  /** ends the request with the signal's reason */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends one request and returns the daemon's result.
 * @throws {ControlClientError} of the kind that tells why there is none
 */
export async function request<C extends Request['command']>(
  path: string,
  wanted: Extract<Request, { command: C }>,
  options: RequestOptions = {},
): Promise<Results[C]> {
  for await (const line of lines(path, wanted, options)) return resultOf(line, path) as Results[C];
  throw new ConnectionLost(path);
}

/**
 * The last `last` events, oldest first, and then each as it happens, until `signal` is aborted.
 * @throws {ControlClientError} also when the daemon ends
 */
export async function* follow(path: string, last: number, signal?: AbortSignal): AsyncGenerator<EventRecord> {
  let answered = false;
  try {
    for await (const line of lines(path, { command: 'events', last, follow: true }, { signal })) {
      if (answered) yield JSON.parse(line) as EventRecord;
      else yield* resultOf(line, path) as Results['events'];
      answered = true;
    }
  } catch (error) {
    if (signal?.aborted) return;
    throw error;
  }
  throw new ConnectionLost(path);
}

function resultOf(line: string, path: string): unknown {
  let response: Response;
  try {
    response = JSON.parse(line) as Response;
  } catch {
    // Half a line: the daemon died while it wrote.
    throw new ConnectionLost(path);
  }
  if (response.ok) return response.result;
  throw new RequestRefused(response.error.code, response.error.message);
}

/** The lines that the daemon writes after one request; the connection ends with the iteration. */
async function* lines(path: string, wanted: Request, options: RequestOptions): AsyncGenerator<string> {
  const { timeout, signal } = options;
  signal?.throwIfAborted();
  const socket = connect(path);
  const abort = () => socket.destroy(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
  signal?.addEventListener('abort', abort, { once: true });
  const late =
    timeout === undefined
      ? undefined
      : setTimeout(() => socket.destroy(new NoAnswer(path, timeout)), timeout);
  socket.setEncoding('utf8');
  socket.write(`${JSON.stringify(wanted)}\n`);
  let rest = '';
  try {
    for await (const chunk of socket) {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop()!;
      yield* parts;
    }
  } catch (error) {
    throw typed(error, path);
  } finally {
    clearTimeout(late);
    signal?.removeEventListener('abort', abort);
    socket.destroy();
  }
}

function typed(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return new DaemonNotRunning(path);
  if (code === 'EACCES' || code === 'EPERM') return new AccessDenied(path);
  const lost =
    code === 'ECONNRESET' || code === 'EPIPE' || code === 'EAGAIN' || code === 'ERR_STREAM_PREMATURE_CLOSE';
  return lost ? new ConnectionLost(path, code) : error;
}
