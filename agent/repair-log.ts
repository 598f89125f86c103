import type { Note } from './core/event';

/** So long after a repair was told, in ms, the next ones are only counted. */
const QUIET = 10_000;

/**
 * Tells of repairs: the first at once, and those that follow it soon in one sum. Somebody who quarrels with us a hundred times a second
 * fills no log.
 */
export class RepairLog {
  private quiet: NodeJS.Timeout | undefined;
  private count = 0;
  private steps = 0;
  private kinds = new Set<string>();

  constructor(private readonly tell: (note: Note) => void) {}

  /** Takes a note of {@link repairNote}. */
  take(note: Note): void {
    if (this.quiet === undefined) {
      this.tell(note);
      this.rest();
      return;
    }
    const { steps, kinds } = note.fields as { steps: number; kinds: readonly string[] };
    this.count += 1;
    this.steps += steps;
    for (const kind of kinds) this.kinds.add(kind);
  }

  /** Tells what is not told yet. */
  close(): void {
    clearTimeout(this.quiet);
    this.quiet = undefined;
    if (this.count === 0) return;
    const { count, steps, kinds } = this;
    [this.count, this.steps, this.kinds] = [0, 0, new Set()];
    this.tell({
      event: 'repaired',
      level: 'warn',
      fields: { steps, kinds: [...kinds].sort(), times: count },
    });
  }

  private rest(): void {
    this.quiet = setTimeout(() => {
      const again = this.count > 0;
      this.close();
      if (again) this.rest();
    }, QUIET).unref();
  }
}
