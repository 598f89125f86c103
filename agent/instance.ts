import { connect, createServer, type Server } from 'node:net';

/** Another agent for the same cluster and host runs in this network namespace. */
export class AlreadyRunning extends Error {
  override readonly name = 'AlreadyRunning';

  constructor(
    /** of the first; undefined where it doesn't say (stopped, for one) */
    readonly pid: number | undefined,
  ) {
    super(`an agent for this cluster and host already runs here${pid === undefined ? '' : ` (pid ${pid})`}`);
  }
}

/** How long the first agent may take to say its pid, in ms. */
const GREETING = 500;

/**
 * Claims to be the only agent for a cluster and host in this network namespace, as long as the process lives: abstract socket addresses
 * belong to a network namespace and vanish with their process (unix(7)). Whoever connects is told the pid.
 * @throws {AlreadyRunning}
 */
export async function claimInstance(cluster: string, host: string): Promise<Server> {
  const name = `\0multihomed/${cluster}/${host}`;
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`${process.pid}\n`);
  });
  const taken = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(true);
      else reject(error);
    });
    server.listen(name, () => resolve(false));
  });
  if (taken) throw new AlreadyRunning(await pidOfFirst(name));
  server.unref();
  return server;
}

function pidOfFirst(name: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(name);
    let text = '';
    socket.setTimeout(GREETING, () => socket.destroy());
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('error', () => resolve(undefined));
    socket.on('close', () => resolve(/^[0-9]+\n$/.test(text) ? Number(text) : undefined));
  });
}
