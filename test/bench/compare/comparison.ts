import type { Cost } from './traffic';

/** What one system did in all failures of one kind. */
export interface Cell {
  readonly kind: string;
  readonly system: string;
  readonly costs: readonly Cost[];
}

/** A system that couldn't go on: a drill is missing. */
export interface Trouble {
  readonly system: string;
  readonly kind: string;
  readonly message: string;
}

/** One that was set up, as the tables name it. */
export interface Contestant {
  readonly name: string;
  /** with the version of what ran */
  readonly title: string;
  /** which of ours its times are set in relation to */
  readonly against: string;
}

/** What all systems did. */
export interface Comparison {
  /** of each kind, asked for */
  readonly drills: number;
  /** in the order of the tables */
  readonly systems: readonly Contestant[];
  readonly skipped: readonly { readonly system: string; readonly reason: string }[];
  /** none where nothing was measured */
  readonly cells: readonly Cell[];
  readonly troubles: readonly Trouble[];
}
