import { constants, fstatSync, openSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import type { EventRecord } from './control/protocol';
import { LogOutput } from './log-output';

/** Standard output. */
const STDOUT = 1;

/** The log: one JSON object a line on standard output, one line for each thing that happened. It never blocks the event loop. */
export interface Log {
  write(record: EventRecord): void;
  /** Lines that could not be written (disk full, pipe closed) since the start. */
  readonly lost: number;
  /** Writes out what waits, as far as it is taken at once. For the end of the process. */
  flush(): void;
}

/** A log on standard output. */
export function openLog(): Log {
  const output = new LogOutput(withoutWaiting(STDOUT));
  const logger: Logger = pino(
    {
      base: null,
      timestamp: false,
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  return {
    write: ({ level, event, ...fields }) => logger[level](fields, event),
    get lost() {
      return output.lost;
    },
    flush: () => output.flush(),
  };
}

/**
 * A descriptor for the same file on which a write never waits. A thread that waits for the reader of a full pipe would keep the
 * process from ending (libuv joins its threads at the exit). Others share the open pipe, so ours becomes one of its own (proc_pid_fd(5)).
 */
function withoutWaiting(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // Without /proc, or of another user: as it is then.
    return fd;
  }
}
