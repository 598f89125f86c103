/** Many far ends in one process, on one card for each plane: see far-ends.ts. */
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { readKeys } from '../../agent/config/key-file';
import { sealOf } from '../../agent/seal';
import { ETHERTYPE_ARP } from '../../agent/wire/ethernet';
import { ready, serve } from '../../deploy/lab/traffic-process';
import { monotonic } from '../../deploy/lab/wait';
import { PacketSocket } from '../../native-bindings/packet-socket';
import { Timer } from '../../native-bindings/timer';
import { useCores } from './cores';
import type { FarEndsAnswer, FarEndsQuestion, FarEndsSettings } from './far-ends';
import { FarEndsModel } from './far-ends-model';

/** For the requests of a whole crowd at once, in bytes. */
const RECEIVE_BUFFER = 16 << 20;

/** Of a nice(2) value: other programs wait for the far ends, which answer in the place of a thousand kernels. */
const PRIORITY = -10;

/** As the other machines that it stands for, it takes none of the agent's time. What isn't permitted stays as it is. */
function keepApart(): void {
  try {
    setPriority(PRIORITY);
  } catch {
    // Not permitted.
  }
  useCores(process.pid, 'last');
}

const fail = (error: Error): never => {
  throw error;
};

class FarEndsProcess {
  readonly #model: FarEndsModel;
  readonly #sockets: readonly PacketSocket[];
  readonly #timer = new Timer(() => this.#wake(), fail);
  /** longest time by which something was sent too late since the last question, in ms */
  #late = 0;
  #refused = 0;

  constructor({ devices, keyFile, ...options }: FarEndsSettings) {
    const seal = sealOf(readKeys(keyFile));
    this.#model = new FarEndsModel(options, seal, Date.now(), monotonic());
    this.#sockets = devices.map((device, plane) =>
      PacketSocket.open(
        {
          interface: device,
          ifindex: Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8')),
          etherTypes: [ETHERTYPE_ARP, options.etherType],
          receiveBuffer: RECEIVE_BUFFER,
        },
        { readable: () => this.#receive(plane), error: () => undefined },
      ),
    );
    this.#arm();
  }

  answer(question: FarEndsQuestion): FarEndsAnswer {
    const at = monotonic();
    switch (question.do) {
      case 'lose':
        this.#model.lose(question.farEnds, question.plane, question.known, at);
        this.#wake();
        break;
      case 'regain':
        this.#model.regain(question.farEnds, question.plane, at);
        this.#wake();
        break;
      case 'report':
    }
    const late = this.#late;
    this.#late = 0;
    const drops = this.#sockets.reduce((sum, socket) => sum + socket.statistics().drops, this.#refused);
    return { at, done: monotonic(), counts: this.#model.counts, drops, late, usage: process.cpuUsage() };
  }

  #wake(): void {
    const now = monotonic();
    this.#late = Math.max(this.#late, now - this.#model.wakeAt);
    this.#model.due(now).forEach((frames, plane) => {
      this.#send(frames, plane);
    });
    this.#arm();
  }

  #receive(plane: number): void {
    const now = monotonic();
    const received = this.#sockets[plane]!.receive();
    const answers = received.map(({ bytes }) => this.#model.take(bytes, plane, now));
    this.#send(
      answers.filter((answer) => answer !== undefined),
      plane,
    );
  }

  #send(frames: readonly Uint8Array[], plane: number): void {
    if (frames.length > 0) {
      this.#refused += frames.length - this.#sockets[plane]!.send(frames).sent;
    }
  }

  #arm(): void {
    this.#timer.set(this.#model.wakeAt);
  }
}

keepApart();
const farEnds = new FarEndsProcess(JSON.parse(process.argv[2] ?? '') as FarEndsSettings);
serve<FarEndsQuestion, FarEndsAnswer>((question) => farEnds.answer(question));
ready();
