import { addon } from './addon';
import { SystemError } from './system-error';

/**
 * Sends one datagram to a Unix socket without waiting; `@` first in the path stands for the abstract namespace. Node itself has no Unix
 * datagram sockets. The error, if the system refused: ENOENT, ECONNREFUSED, EAGAIN (the receiver's queue is full), ENAMETOOLONG.
 */
export function sendDatagram(path: string, text: string): SystemError | undefined {
  const result = addon().sendDatagram(path, text);
  return result < 0 ? new SystemError(-result, 'sendto') : undefined;
}
