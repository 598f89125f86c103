/** One of the rules that always hold was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';

  /** @param now ms of the world */
  constructor(now: number, what: string) {
    super(`at ${now.toFixed(3)} ms: ${what}`);
  }
}
