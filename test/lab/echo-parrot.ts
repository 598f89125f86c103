/**
 * Answers the ICMP echo requests that come to an interface of the host that it runs on, as somebody does who sees them and means no good: again
 * and again until the next request comes, for as many ms as it is told or until SIGTERM, as fast as it can or at a rate, and prints how many went.
 * `numbers` have the request's identifier and other sequences, `copies` are the answer itself.
 *
 *     node echo-parrot.js numbers|copies DEVICE MILLISECONDS [FRAMES_PER_SECOND]
 */
import { readFileSync } from 'node:fs';
import { ETHERTYPE_IPV4, readUint16, writeUint16 } from '../../agent/wire/ethernet';
import { internetChecksum } from '../../native-bindings/icmp-echo';
import { PacketSocket } from '../../native-bindings/packet-socket';
import { sendAgain } from './frame-loop';

/** Behind the headers of Ethernet and IPv4, the latter without options. */
const MESSAGE = 34;
const ECHO_REQUEST = 8;
const IS_REQUEST = { offset: MESSAGE, mask: 0xff, value: ECHO_REQUEST };
const OTHERS = 128;

/** The answer to a request, with its own sequence or one that is so much higher. */
function answerTo(request: Uint8Array, more: number): Uint8Array {
  const frame = Uint8Array.from(request);
  const move = (from: number, to: number, length: number) =>
    frame.set(request.subarray(from, from + length), to);
  move(6, 0, 6);
  move(0, 6, 6);
  move(26, 30, 4);
  move(30, 26, 4);
  frame[MESSAGE] = 0;
  writeUint16(frame, MESSAGE + 6, readUint16(request, MESSAGE + 6) + more);
  writeUint16(frame, MESSAGE + 2, 0);
  writeUint16(frame, MESSAGE + 2, internetChecksum(frame.subarray(MESSAGE)));
  return frame;
}

const ANSWERS: Readonly<Record<string, (request: Uint8Array) => Uint8Array[]>> = {
  numbers: (request) => Array.from({ length: OTHERS }, (_, index) => answerTo(request, index + 1)),
  copies: (request) => [answerTo(request, 0)],
};

async function run(kind: string, device: string, ms: number, rate: number): Promise<void> {
  const ifindex = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'));
  let answers: Uint8Array[] = [];
  const socket: PacketSocket = PacketSocket.open(
    { interface: device, ifindex, etherTypes: [ETHERTYPE_IPV4], match: IS_REQUEST },
    {
      readable: () => {
        const request = socket.receive().at(-1);
        if (request !== undefined) answers = ANSWERS[kind]!(request.bytes);
      },
      error: () => undefined,
    },
  );
  const sent = await sendAgain(socket, () => answers, ms, rate);
  socket.close();
  process.stdout.write(`${sent}\n`);
}

const [kind = '', device = '', ms = '0', rate = 'Infinity'] = process.argv.slice(2);
void run(kind, device, Number(ms), Number(rate));
