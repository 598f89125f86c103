/**
 * Sends frames by an interface of the host that it runs on, as somebody does who means no good: reads them from standard
 * input, one a line in hexadecimal, sends all of them again and again for as many ms as it is told (0: once) or until SIGTERM, as fast as it
 * can or at a rate, and prints how many went.
 *
 *     node frame-sender.js DEVICE MILLISECONDS [FRAMES_PER_SECOND] < FRAMES
 */
import { readFileSync } from 'node:fs';
import { PacketSocket } from '../../native-bindings/packet-socket';
import { sendAgain } from './frame-loop';

/** Any that is valid: this socket is for sending. */
const ETHERTYPE = 0x88b5;

async function run(device: string, ms: number, rate: number): Promise<void> {
  const ifindex = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'));
  const lines = readFileSync(0, 'utf8').split('\n');
  const frames = lines.filter((line) => line !== '').map((line) => Uint8Array.from(Buffer.from(line, 'hex')));
  const socket = PacketSocket.open(
    { interface: device, ifindex, etherTypes: [ETHERTYPE] },
    { readable: () => undefined, error: () => undefined },
  );
  const sent = await sendAgain(socket, () => frames, ms, rate);
  socket.close();
  process.stdout.write(`${sent}\n`);
}

const [device = '', ms = '0', rate = 'Infinity'] = process.argv.slice(2);
void run(device, Number(ms), Number(rate));
