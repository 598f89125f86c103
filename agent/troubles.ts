import type { Clock } from './clock';
import type { Note } from './core/event';

/** So long after it was told, in ms, the same trouble is no news, even if all went well in between. */
const QUIET = 10_000;

/** Tells a trouble that persists once, until everything has gone well again; one that comes and goes, each 10 s at most. */
export class Troubles {
  /** what persists */
  private readonly present = new Set<string>();
  /** when each was told last, in ms */
  private readonly told = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly tell: (note: Note) => void,
  ) {}

  note(event: string, fields: Readonly<Record<string, unknown>>): void {
    const key = `${event} ${JSON.stringify(fields)}`;
    if (this.present.has(key)) return;
    this.present.add(key);
    const now = this.clock.now();
    if (now - (this.told.get(key) ?? Number.NEGATIVE_INFINITY) < QUIET) return;
    this.told.set(key, now);
    this.tell({ event, level: 'warn', fields });
  }

  /** Everything went well: the same trouble is news again. */
  clear(): void {
    this.present.clear();
    const now = this.clock.now();
    for (const [key, at] of this.told) if (now - at >= QUIET) this.told.delete(key);
  }
}
