import type { Socket } from 'node:net';
import { Connection, LIMITS, type Limits } from './connection';
import { Listener } from './listener';
import type {
  DrainReport,
  DrainRequest,
  ErrorCode,
  EventRecord,
  ReloadReport,
  Request,
  Response,
  Results,
  RouteReport,
  StatusReport,
  TeardownReport,
  UndrainReport,
} from './protocol';
import { KEPT_EVENTS, parseRequest } from './request';

type Answer<T> = T | Promise<T>;

/** What the daemon does for each command. A thrown {@link ControlError} is answered as it is, any other as `failed`. */
export interface Handlers {
  status(): Answer<StatusReport>;
  routes(): Answer<readonly RouteReport[]>;
  /**
   * Resolves once the daemon is ready and `peer`, where it is named, has a path that is up. `signal` is aborted when the
   * client is gone; what the promise does then, nobody sees.
   */
  wait(peer: string | undefined, signal: AbortSignal): Promise<void>;
  /** Resolves once the peers have had the time to leave; `signal` as for {@link Handlers.wait}. */
  drain(wanted: DrainRequest, signal: AbortSignal): Promise<DrainReport>;
  undrain(target: string): Answer<UndrainReport>;
  reload(): Answer<ReloadReport>;
  /** The daemon ends after the promise has resolved, through {@link ControlServer.close}, which lets the answer leave. */
  teardown(): Answer<TeardownReport>;
}

/** An error that the client is told by its code. */
export class ControlError extends Error {
  override readonly name = 'ControlError';

  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Which clients are missed least: who has not asked, then who has its answer to read, then who waits. */
const PHASES = ['asking', 'answered', 'waiting'] as const;

/**
 * The control socket of the daemon. Nothing that a client does makes it throw into the daemon, and between any two requests, whoever sends
 * them, the daemon gets to its wires.
 */
export class ControlServer {
  private readonly connections = new Set<Connection>();
  private readonly followers = new Set<Connection>();
  /** as JSON, so that nothing can change them, and each is written down once */
  private readonly events: string[] = [];

  private listener: Listener | undefined;
  /** requests to be carried out, one in each turn of the event loop */
  private readonly asked: (() => void)[] = [];

  private constructor(
    private readonly handlers: Handlers,
    private readonly onError: (error: unknown) => void,
    private readonly limits: Limits,
  ) {}

  /**
   * Binds the socket (mode 0660) and answers from then on. A missing directory is created (mode 0755); a socket at which
   * nobody answers, left by a daemon that was killed, is replaced.
   * @param onError hears what went wrong while the server runs; the server goes on
   * @param limits for tests
   * @throws {SocketInUse} another daemon answers there
   * @throws an errno error, such as EACCES
   */
  static async listen(
    path: string,
    handlers: Handlers,
    onError: (error: unknown) => void,
    limits: Partial<Limits> = {},
  ): Promise<ControlServer> {
    const control = new ControlServer(handlers, onError, { ...LIMITS, ...limits });
    control.listener = await Listener.open(path, {
      accept: (socket) => control.accept(socket),
      error: onError,
    });
    return control;
  }

  /** Keeps the event for those who ask later, and sends it to everybody who follows. */
  publish(event: EventRecord): void {
    const text = this.serialize(event);
    if (text === undefined) return;
    this.events.push(text);
    if (this.events.length > KEPT_EVENTS) this.events.shift();
    for (const follower of this.followers) follower.line(`${text}\n`);
  }

  /** Lets the answers that were given leave, ends all connections, and removes the socket. */
  async close(): Promise<void> {
    await this.listener?.close();
    await Promise.all([...this.connections].map((connection) => connection.close()));
  }

  private accept(socket: Socket): void {
    if (this.connections.size >= this.limits.clients && !this.makeRoom()) {
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    const forget = (connection: Connection) => {
      this.connections.delete(connection);
      this.followers.delete(connection);
    };
    this.connections.add(
      new Connection(socket, this.limits, (connection, line) => this.received(connection, line), forget),
    );
  }

  /**
   * Ends the oldest of those that are missed least; otherwise some clients that only hold their places would keep all others out. False
   * where all have come only now: to let each of a crowd in and out would take the time that failovers need.
   */
  private makeRoom(): boolean {
    const old = [...this.connections].filter((each) => each.age >= this.limits.patience);
    const [leaving] = PHASES.flatMap((phase) => old.find((each) => each.phase === phase) ?? []);
    if (leaving === undefined) return false;
    this.connections.delete(leaving);
    this.followers.delete(leaving);
    leaving.dismiss();
    return true;
  }

  private received(connection: Connection, line: string): void {
    const wanted = parseRequest(line);
    if ('code' in wanted) {
      this.reply(connection, { ok: false, error: wanted });
      return;
    }
    this.asked.push(() => this.handle(connection, wanted));
    if (this.asked.length === 1) setImmediate(() => this.handleOne());
  }

  private handleOne(): void {
    this.asked[0]?.();
    this.asked.shift();
    if (this.asked.length > 0) setImmediate(() => this.handleOne());
  }

  private handle(connection: Connection, wanted: Request): void {
    const { signal } = connection.gone;
    if (wanted.command === 'events') {
      this.sendEvents(connection, wanted.last, wanted.follow && !signal.aborted);
      return;
    }
    const cancelled = new AbortController();
    this.carryOut(wanted, cancelled.signal).then(
      (result) => this.reply(connection, { ok: true, result }),
      (error: unknown) => this.failed(connection, error),
    );
    // Only now, so that who has left by then does not wait for ever.
    if (signal.aborted) cancelled.abort();
    else signal.addEventListener('abort', () => cancelled.abort());
  }

  private async carryOut(
    wanted: Exclude<Request, { command: 'events' }>,
    signal: AbortSignal,
  ): Promise<Results[keyof Results]> {
    switch (wanted.command) {
      case 'status':
        return this.handlers.status();
      case 'routes':
        return this.handlers.routes();
      case 'drain':
        return this.handlers.drain(wanted, signal);
      case 'undrain':
        return this.handlers.undrain(wanted.target);
      case 'reload':
        return this.handlers.reload();
      case 'teardown':
        return this.handlers.teardown();
      case 'wait':
        await this.handlers.wait(wanted.peer, signal);
        return null;
    }
  }

  private sendEvents(connection: Connection, last: number, follow: boolean): void {
    const text = `{"ok":true,"result":[${last === 0 ? '' : this.events.slice(-last).join(',')}]}\n`;
    if (!follow) {
      connection.answer(text);
      return;
    }
    this.followers.add(connection);
    connection.gone.signal.addEventListener('abort', () => void connection.close());
    connection.line(text);
  }

  private failed(connection: Connection, error: unknown): void {
    const known = error instanceof ControlError;
    if (!known && !connection.gone.signal.aborted) this.onError(error);
    const message = error instanceof Error ? error.message : String(error);
    this.reply(connection, { ok: false, error: { code: known ? error.code : 'failed', message } });
  }

  private reply(connection: Connection, response: Response): void {
    const text =
      this.serialize(response) ?? '{"ok":false,"error":{"code":"failed","message":"the result is no JSON"}}';
    connection.answer(`${text}\n`);
  }

  /** JSON, or undefined for what cannot be written so (a cycle, a bigint); that is the daemon's error, not the client's. */
  private serialize(value: unknown): string | undefined {
    try {
      return JSON.stringify(value);
    } catch (error) {
      this.onError(error);
      return undefined;
    }
  }
}
