import { addon, type NativeTimer } from './addon';
import { SystemError } from './system-error';

/**
 * Wakes at a moment of the monotonic clock, with the kernel's precision: Node's own timers tick in whole ms, and a path is judged within
 * a few. Holds the event loop open until it is closed. An exception in `fired` is an uncaught exception.
 */
export class Timer {
  readonly #native: NativeTimer;
  #closed = false;

  /** Throws SystemError (EMFILE). */
  constructor(fired: () => void, error: (error: SystemError) => void) {
    this.#native = new (addon().Timer)();
    const failure = this.#native.open(
      () => {
        this.#native.acknowledge();
        fired();
      },
      (errno) => error(new SystemError(errno, 'poll')),
    );
    if (failure !== undefined) throw new SystemError(failure[0], failure[1]);
  }

  /** Asks to be woken once, at `at` ms of CLOCK_MONOTONIC or, if that has passed, at once; takes the place of the former wish. */
  set(at: number): void {
    // An absolute time of 0 would stop the timer.
    if (!this.#closed) this.#native.set(Math.max(at, 1));
  }

  /** No wake-up until the next {@link set}. */
  stop(): void {
    if (!this.#closed) this.#native.set(0);
  }

  /** May be called more than once. */
  close(): void {
    this.#closed = true;
    this.#native.close();
  }
}
