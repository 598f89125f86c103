import type { Schedule } from './schedule';
import { runTrial, type TrialOptions } from './trial';
import type { Rule } from './violation';

/**
 * The smallest part of a list that it finds to fail still: no single element more can be left out. By delta debugging (Zeller and Hildebrandt,
 * "Simplifying and Isolating Failure-Inducing Input", 2002). For a list that fails as a whole.
 */
export function shrink<T>(list: readonly T[], fails: (part: readonly T[]) => boolean): readonly T[] {
  let part = list;
  for (let count = 2; part.length > 0; ) {
    const size = Math.ceil(part.length / count);
    const smaller = withoutEach(part, size).find(fails);
    if (smaller !== undefined) {
      part = smaller;
      count = Math.max(2, count - 1);
    } else if (size === 1) break;
    else count = Math.min(part.length, 2 * count);
  }
  return part;
}

/** The list without its first `size` elements, without the next `size`, and so on. */
function withoutEach<T>(list: readonly T[], size: number): (readonly T[])[] {
  const starts = Array.from({ length: Math.ceil(list.length / size) }, (_, index) => index * size);
  return starts.map((start) => [...list.slice(0, start), ...list.slice(start + size)]);
}

/** A schedule that breaks a rule, without the faults that it takes no part of. */
export function shrinkSchedule(schedule: Schedule, rule: Rule, options?: TrialOptions): Schedule {
  const faults = shrink(
    schedule.faults,
    (part) => runTrial({ ...schedule, faults: part }, options).violation?.rule === rule,
  );
  return { ...schedule, faults };
}
