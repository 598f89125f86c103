import { closeSync, lstatSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { DaemonNotRunning, request } from './client';

/** Another daemon answers at the socket's path. */
export class SocketInUse extends Error {
  override readonly name = 'SocketInUse';

  constructor(
    readonly path: string,
    /** of the daemon that answers; undefined where it accepts the connection and doesn't say */
    readonly pid: number | undefined,
  ) {
    super(
      `another daemon${pid === undefined ? '' : `, pid ${pid},`} already answers at the control socket ${path}`,
    );
  }
}

/** How long the daemon that already has the socket may take to say its pid, in ms. */
const IDENTIFY_TIME = 500;
/** The socket is looked after this often, in ms. */
const CHECK_INTERVAL = 1000;

/** What a listener has to tell. */
export interface ListenerHandlers {
  accept(socket: Socket): void;
  /** what went wrong while it listens; it goes on. Trouble that persists is told once. */
  error(error: unknown): void;
}

/**
 * Listens on a socket file, whatever becomes of the file: where somebody removes it, another one is bound within a second.
 * While no descriptor is left nobody can be let in, and the event loop would turn without end around who waits (uv__server_io returns
 * without a word where uv__emfile_trick fails), so it is closed then.
 */
export class Listener {
  private server: Server | undefined;
  /** of the file that we made */
  private inode: bigint | undefined;
  private timer: NodeJS.Timeout | undefined;
  private checking: Promise<void> = Promise.resolve();
  /** what was told of a trouble that persists */
  private told = '';

  private constructor(
    private readonly path: string,
    private readonly handlers: ListenerHandlers,
    private readonly interval: number,
  ) {}

  /**
   * Binds the socket (mode 0660). A missing directory is created (mode 0755); a socket at which nobody answers, left by a daemon that was
   * killed, is replaced.
   * @param interval between two looks at it in ms, for tests
   * @throws {SocketInUse} another daemon answers there
   * @throws an errno error, such as EACCES
   */
  static async open(path: string, handlers: ListenerHandlers, interval = CHECK_INTERVAL): Promise<Listener> {
    const listener = new Listener(path, handlers, interval);
    await listener.listen();
    listener.lookAfter();
    return listener;
  }

  /** Removes the socket; nobody is let in any more. Those who were go on. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.checking;
    clearTimeout(this.timer);
    this.shut();
  }

  private lookAfter(): void {
    this.timer = setTimeout(() => {
      this.checking = this.check().then(() => this.lookAfter());
    }, this.interval).unref();
  }

  private async check(): Promise<void> {
    const before = this.server === undefined ? 'was closed' : 'was removed';
    try {
      if (this.isLost()) await this.listen();
      else return;
    } catch (error) {
      this.tell(error);
      return;
    }
    this.told = '';
    this.handlers.error(new Error(`the control socket ${this.path} ${before}: it is bound anew`));
  }

  /** Whether nobody can reach us. Throws where no descriptor is left, with the socket closed. */
  private isLost(): boolean {
    try {
      closeSync(openSync('/dev/null', 'r'));
    } catch (error) {
      this.shut();
      throw error;
    }
    return this.server === undefined || inodeOf(this.path) !== this.inode;
  }

  private tell(error: unknown): void {
    const text = String(error);
    if (text === this.told) return;
    this.told = text;
    this.handlers.error(error);
  }

  private async listen(): Promise<void> {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o755 });
    await removeStale(this.path);
    this.shut();
    // Half-open, so that a client which shuts its sending side down after the request still gets its answer.
    const server = createServer({ allowHalfOpen: true });
    server.on('connection', (socket) => this.handlers.accept(socket));
    await bind(server, this.path);
    server.on('error', (error) => this.tell(error));
    this.server = server;
    this.inode = inodeOf(this.path);
  }

  private shut(): void {
    const found = inodeOf(this.path);
    // Closing removes the file at the path (uv__pipe_close, libuv), which may be another daemon's by now.
    if (found !== undefined && found !== this.inode) {
      this.server?.unref();
      return;
    }
    this.server?.close();
    this.server = undefined;
  }
}

/** Of the file at a path; undefined where there is none. */
function inodeOf(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

/** Removes a socket that nobody answers at. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw Object.assign(new Error(`${path} exists and is not a socket`), { code: 'ENOTSOCK', path });
  try {
    const { pid } = await request(path, { command: 'status' }, { timeout: IDENTIFY_TIME });
    throw new SocketInUse(path, pid);
  } catch (error) {
    if (error instanceof SocketInUse) throw error;
    // A daemon that accepts and stays silent, being stopped for one, is alive all the same.
    if (!(error instanceof DaemonNotRunning)) throw new SocketInUse(path, undefined);
  }
  unlinkSync(path);
}

/** Binds with mode 0660 from the first moment, so that at no time more people can connect than later. */
async function bind(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new SocketInUse(path, undefined) : error),
    );
    // The socket file is made inside listen(), before it returns, so nothing else is created under this mask.
    const mask = process.umask(0o117);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(mask);
    }
  });
  server.removeAllListeners('error');
}
