/** The word that was probably meant by `typed`: the nearest of `words`, at most two slips away, or undefined. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  // Short words are all near each other, so they are allowed fewer slips.
  let least = Math.min(2, Math.floor(typed.length / 2)) + 1;
  for (const word of words) {
    const slips = distance(typed.toLowerCase(), word.toLowerCase());
    if (slips >= least) continue;
    least = slips;
    best = word;
  }
  return best;
}

/** Insertions, deletions, substitutions and exchanges of neighbors that lead from `a` to `b` (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        current[column - 1]! + 1,
        previous[column]! + 1,
        previous[column - 1]! + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        cost = Math.min(cost, before[column - 2]! + 1);
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length]!;
}
