import { setImmediate as turn } from 'node:timers/promises';
import { monotonic } from '../../deploy/lab/wait';
import type { PacketSocket } from '../../native-bindings/packet-socket';

/** Frames in one go, so that the system calls are not what limits the rate. */
const BATCH = 256;
/** Between two goes at a given rate, in ms. */
const PAUSE = 1;

function rest(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
}

/** As many times as fit into one go, but at least once. */
function repeated(frames: readonly Uint8Array[]): Uint8Array[] {
  const times = frames.length === 0 ? 0 : Math.max(1, Math.floor(BATCH / frames.length));
  return Array.from({ length: times }, () => frames).flat();
}

/**
 * Sends what `frames` says at the time, again and again for as many ms (0: once) or until SIGTERM.
 *
 * @param rate frames a second; infinite for as many as go
 * @returns how many went
 */
export async function sendAgain(
  socket: PacketSocket,
  frames: () => readonly Uint8Array[],
  ms: number,
  rate: number,
): Promise<number> {
  let ended = false;
  process.once('SIGTERM', () => {
    ended = true;
  });
  const start = monotonic();
  let sent = socket.send(frames()).sent;
  let some = frames();
  let many = repeated(some);
  for (let now = start; now < start + ms && !ended; now = monotonic()) {
    if (some !== frames()) {
      some = frames();
      many = repeated(some);
    }
    const due = ((now - start) * rate) / 1000 - sent;
    if (due >= 1 && many.length > 0) sent += socket.send(many.slice(0, due)).sent;
    else rest();
    await turn();
  }
  return sent;
}
