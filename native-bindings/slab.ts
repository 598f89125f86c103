/** In bytes. Whoever keeps one copy keeps all of them alive, so it is no larger than it takes to make the allocation cheap. */
const SIZE = 16 << 10;

/**
 * Makes copies of short pieces of memory, many of them in one ArrayBuffer: one for each, as `slice` makes it, costs several times what the
 * copying does, and its garbage as much again.
 */
export class Slab {
  #bytes = new Uint8Array(SIZE);
  #used = 0;

  /** A copy of `source` from `start` to `end`, up to 16 KiB. */
  copy(source: Uint8Array, start: number, end: number): Uint8Array {
    const length = end - start;
    if (this.#used + length > SIZE) {
      this.#bytes = new Uint8Array(SIZE);
      this.#used = 0;
    }
    const copy = this.#bytes.subarray(this.#used, this.#used + length);
    this.#used += length;
    copy.set(source.subarray(start, end));
    return copy;
  }
}
