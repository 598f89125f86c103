import type { Note } from './core/event';

/** Tells a trouble that persists once, until everything has gone well again. */
export class Troubles {
  private readonly told = new Set<string>();

  constructor(private readonly tell: (note: Note) => void) {}

  note(event: string, fields: Readonly<Record<string, unknown>>): void {
    const key = `${event} ${JSON.stringify(fields)}`;
    if (this.told.has(key)) return;
    this.told.add(key);
    this.tell({ event, level: 'warn', fields });
  }

  /** Everything went well: the same trouble is news again. */
  clear(): void {
    this.told.clear();
  }
}
