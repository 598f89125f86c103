import type { Clock } from './clock';
import type { Link } from './core/link';
import type { RecordedDrain } from './kernel/record';

/*
 * A drain has its end by the monotonic clock while the agent runs, and by the system's clock in the record, since the other one starts anew
 * with the machine.
 */

/** The drained ones of some links, for the record. */
export function drainsToRecord(links: Iterable<Link>, clock: Clock): RecordedDrain[] {
  return [...links].flatMap(({ name, drainedUntil }) =>
    drainedUntil === undefined ? [] : [recordedDrain(name, drainedUntil, clock)],
  );
}

/** A link that is drained until a time of the monotonic clock, or infinitely, for the record. */
export function recordedDrain(link: string, until: number, clock: Clock): RecordedDrain {
  const endless = until === Number.POSITIVE_INFINITY;
  return { link, until: endless ? null : clock.wall() + until - clock.now() };
}

/** What was recorded: the links, and until when on the monotonic clock, which may be over. */
export function drainsFromRecord(
  drains: readonly RecordedDrain[] | undefined,
  clock: Clock,
): ReadonlyMap<string, number> {
  const endOf = (until: number | null) =>
    until === null ? Number.POSITIVE_INFINITY : clock.now() + until - clock.wall();
  return new Map((drains ?? []).map(({ link, until }) => [link, endOf(until)]));
}
