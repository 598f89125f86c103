/**
 * Sends frames by an interface of the host that it runs on, as somebody does who means no good: reads them from standard
 * input, one a line in hexadecimal, sends all of them again and again for as many ms as it is told (0: once) or until SIGTERM, as fast as it
 * can or at a rate, and prints how many went.
 *
 *     node frame-sender.js DEVICE MILLISECONDS [FRAMES_PER_SECOND] < FRAMES
 */
import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { monotonic } from '../../deploy/lab/wait';
import { PacketSocket } from '../../native-bindings/packet-socket';

/** Any that is valid: this socket is for sending. */
const ETHERTYPE = 0x88b5;
/** Frames in one go, so that the system calls are not what limits the rate. */
const BATCH = 256;

/** Between two goes at a given rate, in ms. */
const PAUSE = 1;

function rest(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
}

/** @param rate frames a second; infinite for as many as go */
async function run(device: string, ms: number, rate: number): Promise<void> {
  let ended = false;
  process.once('SIGTERM', () => {
    ended = true;
  });
  const ifindex = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'));
  const lines = readFileSync(0, 'utf8').split('\n');
  const frames = lines.filter((line) => line !== '').map((line) => Uint8Array.from(Buffer.from(line, 'hex')));
  const socket = PacketSocket.open(
    { interface: device, ifindex, etherTypes: [ETHERTYPE] },
    { readable: () => undefined, error: () => undefined },
  );
  const start = monotonic();
  let sent = socket.send(frames).sent;
  const many = Array.from({ length: Math.max(1, Math.floor(BATCH / frames.length)) }, () => frames).flat();
  for (let now = start; now < start + ms && !ended; now = monotonic()) {
    const due = ((now - start) * rate) / 1000 - sent;
    if (due >= 1) sent += socket.send(many.slice(0, due)).sent;
    else rest();
    await turn();
  }
  socket.close();
  process.stdout.write(`${sent}\n`);
}

const [device = '', ms = '0', rate = 'Infinity'] = process.argv.slice(2);
void run(device, Number(ms), Number(rate));
