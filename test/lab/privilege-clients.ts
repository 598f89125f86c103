import { connect, type Socket } from 'node:net';

/**
 * Clients of the control socket that mean harm: `node dist/test/lab/privilege-clients.js SOCKET COUNT`. Each of the COUNT begins anew
 * whenever it is cut off. Prints `ready` when all have connected once, and ends with its standard input.
 */

const KINDS = ['silent', 'deaf', 'garbage', 'blank', 'greedy', 'hasty', 'slow'] as const;
type Kind = (typeof KINDS)[number];

const GARBAGE = Buffer.alloc(64 * 1024, 'x');
const BLANK = Buffer.alloc(64 * 1024, ' ');
/** Between the bytes of a slow client, in ms. */
const DAWDLE = 20;

/** Writes without end, as fast as it is read. */
function flood(socket: Socket, bytes: Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('drain', more);
  more();
}

const ACTS: Readonly<Record<Kind, (socket: Socket) => void>> = {
  silent: () => undefined,
  deaf: (socket) => {
    socket.pause().write('{"command":"events","last":1000,"follow":true}\n');
  },
  garbage: (socket) => flood(socket, GARBAGE),
  blank: (socket) => {
    socket.write('{"command":"wait","peer":"beta"}\n');
    flood(socket, BLANK);
  },
  greedy: (socket) => void socket.resume().write('{"command":"routes"}\n'),
  hasty: (socket) => void socket.destroy(),
  slow: (socket) => {
    const timer = setInterval(() => socket.write(' '), DAWDLE);
    socket.on('close', () => clearInterval(timer));
  },
};

const [path = '', count = '0'] = process.argv.slice(2);
let missing = Number(count);

function begin(kind: Kind): void {
  const socket = connect(path);
  let connected = false;
  socket.on('error', () => undefined);
  socket.on('connect', () => {
    if (!connected && missing > 0 && --missing === 0) process.stdout.write('ready\n');
    connected = true;
    ACTS[kind](socket);
  });
  socket.on('close', () => setImmediate(begin, kind));
}

for (let index = 0; index < Number(count); index++) begin(KINDS[index % KINDS.length]!);
process.stdin.on('end', () => process.exit()).resume();
