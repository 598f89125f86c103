/** Why a value is refused: what is wrong (a clause), and what to write instead. */
export class Fault {
  constructor(
    readonly message: string,
    readonly mend: string,
  ) {}
}

/** A value as a message quotes it: short, on one line. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  const text = typeof value === 'string' ? JSON.stringify(value).slice(1, -1) : String(value);
  return `'${text.length > 40 ? `${text.slice(0, 39)}…` : text}'`;
}
