import { randomSource } from '../statistics';
import type { Cell, Comparison, Trouble } from './comparison';
import { Contest } from './contest';
import { FAILURE_KINDS, type FailureKind, NAMES } from './kinds';
import type { Contender } from './systems';
import type { Cost } from './traffic';
import { Turnstile } from './turnstile';

export interface ComparisonOptions {
  readonly drills: number;
  /** gives numbers from 0 to below 1 */
  readonly random: () => number;
  /** names of the kinds of failure; all where undefined */
  readonly kinds: readonly string[] | undefined;
  /** hears what a system did in some drills of a kind, when it is measured */
  readonly progress: (cell: Cell) => void;
}

/** Before each failure a random part of this, in ms: longer than any system's interval, so that it comes at any phase. */
const PHASE = 200;
/** Systems that are set up at a time: while one recovers, which takes some of them seconds, another is measured. */
const LANES = 3;
/** Drills of a kind in a row, at most: what disturbs the machine for minutes then befalls no system in all of its drills. */
const ROUND = 10;
/** After as many drills that a system couldn't go on from it is left alone for the rest of the round. */
const MOST_TROUBLES = 3;

/** @returns how many drills of each kind there are in each round */
export function roundsOf(drills: number): readonly number[] {
  const rounds = Math.ceil(drills / ROUND);
  return Array.from({ length: rounds }, (_, round) => Math.ceil((drills - round) / rounds));
}

/** What was measured so far, by kind and system. */
class Record {
  readonly troubles: Trouble[] = [];
  readonly #costs = new Map<string, Map<string, Cost[]>>();

  add(kind: string, system: string, costs: readonly Cost[]): void {
    const ofKind = this.#costs.get(kind) ?? new Map<string, Cost[]>();
    this.#costs.set(kind, ofKind.set(system, [...(ofKind.get(system) ?? []), ...costs]));
  }

  cells(): Cell[] {
    return NAMES.flatMap((kind) =>
      [...(this.#costs.get(kind) ?? [])].map(([system, costs]) => ({ kind, system, costs })),
    );
  }
}

/** One system in some drills of every kind; after one that it couldn't go on from it gets a fresh lab. */
class Entry {
  readonly #contender: Contender;
  readonly #options: ComparisonOptions;
  readonly #turnstile: Turnstile;
  readonly #record: Record;
  readonly #random: () => number;
  #contest: Contest | undefined;
  #troubles = 0;

  constructor(contender: Contender, options: ComparisonOptions, turnstile: Turnstile, record: Record) {
    this.#contender = contender;
    this.#options = options;
    this.#turnstile = turnstile;
    this.#record = record;
    // Of its own, since systems take turns at times that no seed decides.
    this.#random = randomSource(options.random() * 2 ** 32);
  }

  async run(drills: number): Promise<void> {
    const kinds = FAILURE_KINDS.filter(({ name }) => this.#options.kinds?.includes(name) !== false);
    try {
      for (const kind of kinds) {
        await this.#runKind(kind, drills);
      }
    } finally {
      await this.#contest?.end();
    }
  }

  async #runKind(kind: FailureKind, drills: number): Promise<void> {
    const failures: Cost[] = [];
    const returns: Cost[] = [];
    for (let drill = 0; drill < drills && this.#troubles < MOST_TROUBLES; drill++) {
      try {
        this.#contest ??= await Contest.begin(this.#contender.system, this.#turnstile);
        const { failure, returning } = await this.#contest.drill(kind, this.#random() * PHASE);
        failures.push(failure);
        returns.push(...(returning === undefined ? [] : [returning]));
      } catch (error) {
        await this.#giveUp(kind, error as Error);
      }
    }
    this.#tell(kind.name, failures);
    this.#tell(kind.returns, returns);
  }

  async #giveUp(kind: FailureKind, { message }: Error): Promise<void> {
    this.#troubles++;
    this.#record.troubles.push({ system: this.#contender.system.name, kind: kind.name, message });
    await this.#contest?.end();
    this.#contest = undefined;
  }

  #tell(kind: string | undefined, costs: readonly Cost[]): void {
    if (kind !== undefined && costs.length > 0) {
      const system = this.#contender.system.name;
      this.#record.add(kind, system, costs);
      this.#options.progress({ kind, system, costs });
    }
  }
}

/** Runs entries one after the other in each of several lanes. */
async function runEntries(entries: readonly Entry[], drills: number): Promise<void> {
  const waiting = [...entries];
  const lane = async (): Promise<void> => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
      await entry.run(drills);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Sets up every system that this machine can run, and has all of them fail in the same ways. */
export async function runComparison(
  contenders: readonly Contender[],
  options: ComparisonOptions,
): Promise<Comparison> {
  const reasons = await Promise.all(contenders.map(({ system }) => system.unavailable()));
  const skipped = contenders.flatMap(({ system }, index) => {
    const reason = reasons[index];
    return reason === undefined ? [] : [{ system: system.name, reason }];
  });
  const able = contenders.filter((_, index) => reasons[index] === undefined);
  const turnstile = new Turnstile();
  const record = new Record();
  for (const [round, drills] of roundsOf(options.drills).entries()) {
    const entries = able.map((contender) => new Entry(contender, options, turnstile, record));
    // There and back again, so that nobody is always first.
    await runEntries(round % 2 === 0 ? entries : entries.reverse(), drills);
  }
  const systems = able.map(({ system: { name, title }, against }) => ({ name, title, against }));
  return {
    drills: options.drills,
    systems,
    skipped,
    cells: record.cells(),
    troubles: record.troubles,
  };
}
