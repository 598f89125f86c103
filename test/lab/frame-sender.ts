/**
 * Sends frames by an interface of the host that it runs on, as somebody does who means no good: reads them from standard
 * input, one a line in hexadecimal, sends all of them again and again for as many ms as it is told (0: once), and prints how many went.
 *
 *     node frame-sender.js DEVICE MILLISECONDS < FRAMES
 */
import { readFileSync } from 'node:fs';
import { monotonic } from '../../deploy/lab/wait';
import { PacketSocket } from '../../native-bindings/packet-socket';

/** Any that is valid: this socket is for sending. */
const ETHERTYPE = 0x88b5;
/** Frames in one go, so that the system calls are not what limits the rate. */
const BATCH = 256;

function run(device: string, ms: number): void {
  const ifindex = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'));
  const lines = readFileSync(0, 'utf8').split('\n');
  const frames = lines.filter((line) => line !== '').map((line) => Uint8Array.from(Buffer.from(line, 'hex')));
  const socket = PacketSocket.open(
    { interface: device, ifindex, etherTypes: [ETHERTYPE] },
    { readable: () => undefined, error: () => undefined },
  );
  const end = monotonic() + ms;
  let sent = socket.send(frames).sent;
  const many = Array.from({ length: Math.max(1, Math.floor(BATCH / frames.length)) }, () => frames).flat();
  while (monotonic() < end) sent += socket.send(many).sent;
  socket.close();
  process.stdout.write(`${sent}\n`);
}

const [device = '', ms = '0'] = process.argv.slice(2);
run(device, Number(ms));
