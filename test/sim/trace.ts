const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

/** A running hash (FNV-1a) of everything that happens in a run, so that two runs can be compared by one number. */
export class Trace {
  private state = OFFSET;

  get hash(): number {
    return this.state >>> 0;
  }

  bytes(bytes: Uint8Array): void {
    let state = this.state;
    for (let index = 0; index < bytes.length; index += 1) state = Math.imul(state ^ bytes[index]!, PRIME);
    this.state = state;
  }

  text(text: string): void {
    for (let index = 0; index < text.length; index += 1) {
      this.state = Math.imul(this.state ^ text.charCodeAt(index), PRIME);
    }
  }

  /** A moment in ms, to the ns. */
  time(at: number): void {
    const ns = Math.round(at * 1e6);
    this.state = Math.imul(this.state ^ (ns >>> 0), PRIME);
    this.state = Math.imul(this.state ^ Math.floor(ns / 0x100000000), PRIME);
  }
}
