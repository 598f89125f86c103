import { setTimeout as sleep } from 'node:timers/promises';
import { Lab } from '../../../deploy/lab/lab';
import { LabError, monotonic } from '../../../deploy/lab/wait';
import type { RunningSystem, System } from '../peers/system';
import { HOSTS, PLANES } from '../scene';
import { FAILURE_KINDS, type FailureKind } from './kinds';
import { ComparedTraffic, type Cost } from './traffic';

/** What one system did in all failures of one kind. */
export interface Cell {
  readonly kind: string;
  readonly system: string;
  readonly costs: readonly Cost[];
  /** why there are fewer than asked for; undefined where there are not */
  readonly failure: string | undefined;
}

export interface Skipped {
  readonly system: string;
  readonly reason: string;
}

export interface Comparison {
  /** in the order of the table: name, and title with the version */
  readonly systems: readonly { readonly name: string; readonly title: string }[];
  readonly skipped: readonly Skipped[];
  readonly cells: readonly Cell[];
}

export interface ComparisonOptions {
  readonly drills: number;
  /** gives numbers from 0 to below 1 */
  readonly random: () => number;
  /** names of the kinds of failure; all where undefined */
  readonly kinds: readonly string[] | undefined;
  /** hears of each cell when it is measured */
  readonly progress: (cell: Cell) => void;
}

/** Before each failure a random part of this, in ms: longer than any system's interval, so that it comes at any phase. */
const PHASE = 200;
/** Quiet traffic after a return, in ms, that still belongs to it. */
const AFTERMATH = 300;
/** Systems that are set up at a time: while one recovers, which takes some of them seconds, another is measured. */
const LANES = 2;

/** Lets one measurement run at a time, however many wait. */
class Turnstile {
  #last: Promise<unknown> = Promise.resolve();

  pass<T>(measure: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(measure);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** One system in a lab of its own. */
class Contest {
  private constructor(
    readonly lab: Lab,
    readonly running: RunningSystem,
    readonly traffic: ComparedTraffic,
  ) {}

  static async begin(system: System): Promise<Contest> {
    const lab = await Lab.create({ hosts: HOSTS, planes: PLANES });
    try {
      const running = await system.start(lab);
      await running.untilSteady();
      return new Contest(lab, running, await ComparedTraffic.start(lab, running.session));
    } catch (error) {
      await lab.destroy();
      throw error;
    }
  }

  /** One failure and its mending: what each cost. */
  async drill(kind: FailureKind, phase: number, turnstile: Turnstile): Promise<readonly [Cost, Cost]> {
    const { lab, running, traffic } = this;
    await running.untilSteady();
    if (running.session !== undefined) {
      // A subflow that was lost does not come back: each failure meets a session that has both.
      await traffic.renewSession();
      await sleep(AFTERMATH);
    }
    const cost = await turnstile.pass(async () => {
      await sleep(phase);
      const { before } = await kind.break(lab, running);
      return traffic.cost(before);
    });
    const mend = async (): Promise<Cost> => {
      const { before } = await kind.mend(lab, running);
      await running.untilSteady();
      await sleep(AFTERMATH);
      return traffic.costUntil(before, monotonic());
    };
    const back = await (kind.returns === undefined ? mend() : turnstile.pass(mend));
    if (cost.stall === Number.POSITIVE_INFINITY) {
      await traffic.renewSession();
    }
    return [cost, back];
  }
}

async function runKind(
  system: System,
  contest: Contest,
  kind: FailureKind,
  { drills, random }: ComparisonOptions,
  turnstile: Turnstile,
): Promise<Cell[]> {
  const costs: Cost[] = [];
  const returns: Cost[] = [];
  let failure: string | undefined;
  try {
    for (let drill = 0; drill < drills; drill++) {
      const [cost, back] = await contest.drill(kind, random() * PHASE, turnstile);
      costs.push(cost);
      returns.push(back);
    }
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    failure = error.message;
  }
  const cell = (name: string, measured: readonly Cost[]): Cell => ({
    kind: name,
    system: system.name,
    costs: measured,
    failure,
  });
  return [cell(kind.name, costs), ...(kind.returns === undefined ? [] : [cell(kind.returns, returns)])];
}

/** One system in every kind of failure; one that can't go on after a failure gets a fresh lab for the next kind. */
async function runSystem(system: System, options: ComparisonOptions, turnstile: Turnstile): Promise<Cell[]> {
  const cells: Cell[] = [];
  let contest: Contest | undefined;
  const kinds = FAILURE_KINDS.filter(({ name }) => options.kinds?.includes(name) !== false);
  try {
    for (const kind of kinds) {
      contest ??= await Contest.begin(system);
      const measured = await runKind(system, contest, kind, options, turnstile);
      measured.forEach(options.progress);
      cells.push(...measured);
      if (measured.some(({ failure }) => failure !== undefined)) {
        await contest.lab.destroy();
        contest = undefined;
      }
    }
  } finally {
    await contest?.lab.destroy();
  }
  return cells;
}

/** Sets up every system that this machine can run, and has all of them fail in the same ways. */
export async function runComparison(
  systems: readonly System[],
  options: ComparisonOptions,
): Promise<Comparison> {
  const reasons = await Promise.all(systems.map((system) => system.unavailable()));
  const skipped = systems.flatMap(({ name }, index) => {
    const reason = reasons[index];
    return reason === undefined ? [] : [{ system: name, reason }];
  });
  const able = systems.filter((_, index) => reasons[index] === undefined);
  const waiting = [...able];
  const turnstile = new Turnstile();
  const cells: Cell[] = [];
  const lane = async (): Promise<void> => {
    for (let system = waiting.shift(); system !== undefined; system = waiting.shift()) {
      cells.push(...(await runSystem(system, options, turnstile)));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { systems: able.map(({ name, title }) => ({ name, title })), skipped, cells };
}
