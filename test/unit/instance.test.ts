import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { AlreadyRunning, claimInstance } from '../../agent/instance';

const CLUSTER = `test-${process.pid}`;
const NOWHERE = '/nonexistent/state.json';
let taken: Server | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  taken?.close();
  if (taken !== undefined) await once(taken, 'close');
  taken = undefined;
});

/** Somebody who has the name of an agent, and what he does to who asks. */
async function take(greet: (socket: Socket) => void): Promise<void> {
  taken = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    greet(socket);
  }).listen(`\0multihomed/${CLUSTER}/alpha`);
  await once(taken, 'listening');
}

describe('a second agent', () => {
  test('is told the pid of the first', async () => {
    taken = await claimInstance(CLUSTER, 'alpha', NOWHERE);
    await expect(claimInstance(CLUSTER, 'alpha', NOWHERE)).rejects.toMatchObject({ pid: process.pid });
  });

  test.each<[string, (socket: Socket) => void]>([
    ['says nothing', () => undefined],
    ['says something else', (socket) => void socket.end('root\n')],
    ['closes at once', (socket) => void socket.destroy()],
    [
      'never stops',
      (socket) => {
        const more = () => {
          while (!socket.destroyed && socket.write('1'.repeat(65_536)));
        };
        socket.on('drain', more);
        more();
      },
    ],
    [
      'says a byte from time to time',
      (socket) => {
        const timer = setInterval(() => socket.write(' '), 50);
        socket.on('close', () => clearInterval(timer));
      },
    ],
  ])('ends in time where the one who has its name %s', async (_name, greet) => {
    await take(greet);
    const refused = claimInstance(CLUSTER, 'alpha', NOWHERE);
    await expect(refused).rejects.toBeInstanceOf(AlreadyRunning);
    await expect(refused).rejects.toMatchObject({ pid: undefined });
  });
});
