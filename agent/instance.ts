import { existsSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { readRecord } from './kernel/record';

/** Another agent for the same cluster and host runs in this network namespace. */
export class AlreadyRunning extends Error {
  override readonly name = 'AlreadyRunning';

  constructor(
    /** of the first; undefined where neither it nor its record says */
    readonly pid: number | undefined,
  ) {
    super(`an agent for this cluster and host already runs here${pid === undefined ? '' : ` (pid ${pid})`}`);
  }
}

/** How long the first agent may take to say its pid, in ms, and its length. Anybody can have taken the name. */
const GREETING = 500;
const LONGEST_GREETING = 16;

/**
 * Claims to be the only agent for a cluster and host in this network namespace, as long as the process lives: abstract socket addresses
 * belong to a network namespace and vanish with their process (unix(7)). Whoever connects is told the pid.
 * @param stateFile names the first agent where it cannot say its pid, because it is stopped or very busy
 * @throws {AlreadyRunning}
 */
export async function claimInstance(cluster: string, host: string, stateFile: string): Promise<Server> {
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
  if (taken) throw new AlreadyRunning((await pidOfFirst(name)) ?? recordedPid(stateFile, cluster, host));
  server.unref();
  return server;
}

function pidOfFirst(name: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(name);
    let text = '';
    const late = setTimeout(() => socket.destroy(), GREETING);
    socket.on('data', (data) => {
      text += data.toString('latin1', 0, LONGEST_GREETING);
      if (text.length > LONGEST_GREETING) socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
    socket.on('close', () => {
      clearTimeout(late);
      resolve(/^[0-9]+\n$/.test(text) ? Number(text) : undefined);
    });
  });
}

/** The pid in the record of this cluster and host, where a process has it. */
function recordedPid(stateFile: string, cluster: string, host: string): number | undefined {
  const record = readRecord(stateFile);
  if (record === undefined || record.cluster !== cluster || record.host !== host) return undefined;
  return existsSync(`/proc/${record.pid}`) ? record.pid : undefined;
}
