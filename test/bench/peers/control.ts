import { createConnection } from 'node:net';

/** How long a daemon may take to answer, in ms. */
const TIMEOUT = 5000;

/**
 * Asks a daemon at its control socket: a program that asks in our place would take the CPU from those that we look at.
 *
 * @param path of the socket, as seen from here
 * @param request with what ends it
 * @param complete whether this is the whole answer
 * @returns the answer; undefined where nobody listens, or the answer doesn't come in time
 */
export function ask(
  path: string,
  request: string,
  complete: (answer: string) => boolean,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = createConnection(path);
    const finish = (result: string | undefined): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setEncoding('latin1');
    socket.setTimeout(TIMEOUT, () => finish(undefined));
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
    socket.on('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      answer += chunk;
      if (complete(answer)) {
        finish(answer);
      }
    });
  });
}
