import type { Path } from './path';
import { isUsable } from './routing';

/** Why a plane is chosen: it is the only usable one, the receiver prefers it, or it comes first in the sender's order. */
export type ChoiceReason = 'only' | 'priority' | 'order';

/** By which path packets go, and why. */
export interface Choice {
  readonly path: Path;
  readonly reason: ChoiceReason;
}

/** The order of the paths to a peer: as it wishes where it states something, then by our planes. */
export function byPreference(one: Path, other: Path): number {
  return other.hearing.priority - one.hearing.priority || one.plane - other.plane;
}

/** Why `active` carries the packets to a peer rather than its other paths. */
export function reasonFor(active: Path, paths: readonly Path[]): ChoiceReason {
  const rivals = paths.filter((path) => path !== active && isUsable(path.state));
  return reasonAmong(
    active.hearing.priority,
    rivals.map((path) => path.hearing.priority),
  );
}

/**
 * By which path a peer sends to us, by what its beacons say: among those on which it hears us, first what we prefer, then its order of
 * planes, which is the cluster's. Undefined where it says of none that it hears us.
 *
 * @param priorityOf what we state for the link of a path
 */
export function returnChoice(paths: readonly Path[], priorityOf: (path: Path) => number): Choice | undefined {
  const open = paths
    .filter((path) => path.hearing.mutual && !path.withdrawn && !path.drained)
    .sort((one, other) => priorityOf(other) - priorityOf(one) || one.plane - other.plane);
  const [path, ...rivals] = open;
  if (path === undefined) return undefined;
  return { path, reason: reasonAmong(priorityOf(path), rivals.map(priorityOf)) };
}

function reasonAmong(chosen: number, rivals: readonly number[]): ChoiceReason {
  if (rivals.length === 0) return 'only';
  return rivals.every((priority) => priority === chosen) ? 'order' : 'priority';
}
