import { execFile } from 'node:child_process';

/** Root's capabilities to pass over the modes of files (capabilities(7)). */
const OVERRIDES = '-dac_override,-dac_read_search';

export interface Ended {
  readonly status: number;
  readonly stdout: string;
}

/**
 * Runs Node.js as somebody who may do with files only what their modes say, root included. A process of its own, since
 * `process.seteuid` is refused where libuv may use io_uring, as in Debian 13's Node.js.
 *
 * @param args of node
 */
export function nodeWithoutOverride(args: readonly string[]): Promise<Ended> {
  const root = process.getuid?.() === 0;
  const limits = ['--bounding-set', OVERRIDES, '--inh-caps', OVERRIDES];
  const [command, ...rest] = [...(root ? ['setpriv', ...limits] : []), process.execPath, ...args];
  return new Promise((resolve, reject) => {
    execFile(command!, rest, (error, stdout) => {
      if (error === null) resolve({ status: 0, stdout });
      else if (typeof error.code === 'number') resolve({ status: error.code, stdout });
      else reject(error);
    });
  });
}
