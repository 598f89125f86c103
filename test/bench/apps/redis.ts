import { dirname } from 'node:path';
import type { Lab } from '../../../deploy/lab/lab';
import { Daemon } from '../peers/daemon';
import { FAR, NEAR } from '../scene';
import { type Application, missing, type RunningApplication } from './application';
import { Dialogue, type Meaning } from './dialogue';

/** In memory alone, on the alias alone; the server looks after silent clients as soon as it can. */
function argumentsOf(alias: string, directory: string): string[] {
  return [
    ...['--bind', alias, '--protected-mode', 'no', '--dir', directory, '--daemonize', 'no'],
    ...['--save', '', '--appendonly', 'no', '--tcp-keepalive', '1'],
  ];
}

/** Each answer is the number of the connection, so a client that has connected anew, as it does unasked, betrays itself. */
function reader(): (line: string) => Meaning | undefined {
  let connection: string | undefined;
  return (line) => {
    if (line.trim() === '') return undefined;
    if (!/^\d+$/.test(line)) return { answered: true, loss: line };
    const former = connection ?? line;
    connection = line;
    return former === line
      ? { answered: true }
      : { answered: true, loss: `connection ${line} instead of ${former}` };
  };
}

async function start(lab: Lab): Promise<RunningApplication> {
  const [near, far] = [lab.host(NEAR), lab.host(FAR)];
  const server = new Daemon(far, 'redis-server', argumentsOf(far.alias, dirname(lab.configurationFile)));
  await server.waitFor(/Ready to accept connections/);
  return Dialogue.start(near, 'redis-cli', ['-h', far.alias], {
    request: 'CLIENT ID\n',
    read: reader(),
    servers: [server],
  });
}

/** A server, and redis-cli as its client. */
export const REDIS: Application = {
  name: 'redis',
  title: 'Redis: a request of redis-cli each 5 ms, tcp-keepalive 1 s',
  unavailable: () => missing('redis-server', 'redis-server'),
  start,
};
