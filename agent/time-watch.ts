import type { Clock } from './clock';
import type { Note } from './core/event';

/** So much later than it was to run, in ms, the agent was held up: by a signal, a debugger, or a machine with no time for it. */
const STALL = 2000;
/** The system's clock is adjusted by less than this in one interval, in ms; more is a step. */
const STEP = 1000;
/** Steps that follow one another are told so often, in ms. */
const QUIET = 10_000;

/** Tells what happens to time: that the agent didn't run for a while, and that the system's clock was set. */
export class TimeWatch {
  private lookedAt: number;
  private wall: number;
  private quietUntil = Number.NEGATIVE_INFINITY;

  /** @param interval between two calls of {@link look}, in ms */
  constructor(
    private readonly clock: Clock,
    private readonly interval: number,
    private readonly tell: (note: Note) => void,
  ) {
    this.lookedAt = clock.now();
    this.wall = clock.wall();
  }

  look(): void {
    const [now, wall] = [this.clock.now(), this.clock.wall()];
    const passed = now - this.lookedAt;
    const stepped = wall - this.wall - passed;
    [this.lookedAt, this.wall] = [now, wall];
    const late = passed - this.interval;
    if (late > STALL) this.tell({ event: 'stalled', level: 'warn', fields: { for: Math.round(late) } });
    if (Math.abs(stepped) < STEP || now < this.quietUntil) return;
    this.quietUntil = now + QUIET;
    this.tell({ event: 'clock-stepped', level: 'info', fields: { by: Math.round(stepped) } });
  }
}
