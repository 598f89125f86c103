import { destination, type Logger, pino } from 'pino';
import type { EventRecord } from './control/protocol';

/** What waits to be written at most, in bytes; beyond it lines are dropped rather than kept. */
const LARGEST_BACKLOG = 4 << 20;

/** The log: one JSON object a line on standard output, one line for each thing that happened. It never blocks the event loop. */
export interface Log {
  write(record: EventRecord): void;
  /** Lines that could not be written (disk full, pipe closed) since the start. */
  readonly lost: number;
  /** Writes out what waits. For the end of the process. */
  flush(): void;
}

/** A log on standard output. `base` is in every line. */
export function openLog(base: Readonly<Record<string, unknown>>): Log {
  const output = destination({ dest: 1, sync: false, minLength: 0, maxLength: LARGEST_BACKLOG });
  let lost = 0;
  const count = () => {
    lost += 1;
  };
  // A full disk or a reader that went away must not end the daemon, and there is no other place to tell it.
  output.on('error', count);
  output.on('drop', count);
  const logger: Logger = pino(
    { base, timestamp: false, messageKey: 'event', formatters: { level: (label) => ({ level: label }) } },
    output,
  );
  return {
    write: ({ level, event, ...fields }) => logger[level](fields, event),
    get lost() {
      return lost;
    },
    flush: () => {
      try {
        output.flushSync();
      } catch {
        count();
      }
    },
  };
}
