import type { Note } from './core/event';
import { firstNamed } from './core/repair';

/** So many repairs are told one by one; */
const BURST = 10;
/** after that, a sum is told so often, in ms, which is also how soon a further one is told by itself. */
const PERIOD = 10_000;

/** What {@link repairNote} tells. */
interface Repair {
  readonly steps: number;
  readonly kinds: readonly string[];
  readonly of: readonly string[];
}

/** Tells of repairs: each, but of many in a short time only their sum. Somebody who quarrels with us a hundred times a second fills no log. */
export class RepairLog {
  /** how many may be told now */
  private allowed = BURST;
  private refill: NodeJS.Timeout | undefined;
  /** not told yet */
  private count = 0;
  private steps = 0;
  private kinds = new Set<string>();
  private of: readonly string[] = [];

  constructor(private readonly tell: (note: Note) => void) {}

  /** Takes a note of {@link repairNote}. */
  take(note: Note): void {
    this.refill ??= setInterval(() => this.grant(), PERIOD).unref();
    if (this.allowed > 0) {
      this.allowed -= 1;
      this.tell(note);
      return;
    }
    const { steps, kinds, of } = note.fields as unknown as Repair;
    this.count += 1;
    this.steps += steps;
    for (const kind of kinds) this.kinds.add(kind);
    this.of = firstNamed([...this.of, ...of]);
  }

  /** Tells what is not told yet. */
  close(): void {
    clearInterval(this.refill);
    this.refill = undefined;
    this.tellSum();
  }

  private grant(): void {
    if (this.tellSum()) return;
    this.allowed += 1;
    if (this.allowed === BURST) this.close();
  }

  /** Whether there was one. */
  private tellSum(): boolean {
    const { count, steps, kinds, of } = this;
    if (count === 0) return false;
    [this.count, this.steps, this.kinds, this.of] = [0, 0, new Set(), []];
    this.tell({
      event: 'repaired',
      level: 'warn',
      fields: { steps, kinds: [...kinds].sort(), of, times: count },
    });
    return true;
  }
}
