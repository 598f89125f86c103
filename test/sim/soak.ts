import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { FAULT_KINDS } from './fault';
import { describeViolation } from './report';
import { scheduleOf } from './schedule';
import { runTrial } from './trial';
import { RULES } from './violation';

/** Every so many seeds, all paths are awaited, and what is left in the tables is looked through. */
const THOROUGH = 8;
/** How often it is told how far it is, in ms. */
const PROGRESS = 30_000;
/** After so many violations it ends. */
const MOST_VIOLATIONS = 20;
/** EX_USAGE (sysexits.h) */
const USAGE = 64;

/** What became of one seed. */
interface Result {
  readonly seed: number;
  /** how often each kind of fault happened */
  readonly faults: Readonly<Record<string, number>>;
  /** ms of the world */
  readonly elapsed: number;
  readonly rule: string | undefined;
  readonly report: string | undefined;
}

/** When to end: the first of these that is reached. */
interface Goal {
  readonly seconds: number;
  readonly faults: number;
  /** simulated */
  readonly hours: number;
}

function work(seed: number): Result {
  const schedule = scheduleOf(seed);
  const { violation, elapsed } = runTrial(schedule, { thorough: seed % THOROUGH === 0 });
  const faults: Record<string, number> = {};
  for (const { kind } of schedule.faults) faults[kind] = (faults[kind] ?? 0) + 1;
  const report =
    violation &&
    `${describeViolation(schedule, violation)}\nthe least that it takes: make replay SEED=${seed}`;
  return { seed, faults, elapsed, rule: violation?.rule, report };
}

/** Hands seeds to workers until the goal is reached, and sums up what they report. */
class Soak {
  private readonly startedAt = Date.now();
  private readonly faults = new Map<string, number>(FAULT_KINDS.map((kind) => [kind, 0]));
  private readonly broken = new Map<string, number>();
  private seeds = 0;
  private elapsed = 0;
  private busy = 0;

  constructor(
    private readonly goal: Goal,
    private next: number,
    private readonly done: (violations: number) => void,
  ) {}

  start(jobs: number): void {
    const progress = setInterval(() => console.log(this.summary), PROGRESS);
    progress.unref();
    for (let job = 0; job < jobs; job += 1) this.employ(new Worker(__filename));
  }

  private employ(worker: Worker): void {
    this.busy += 1;
    worker.on('error', (error) => {
      throw error;
    });
    worker.on('message', (result: Result) => {
      this.take(result);
      if (!this.isOver) worker.postMessage(this.next++);
      else {
        this.busy -= 1;
        worker.postMessage(undefined);
        if (this.busy === 0) this.finish();
      }
    });
    worker.postMessage(this.next++);
  }

  private take({ faults, elapsed, rule, report }: Result): void {
    this.seeds += 1;
    this.elapsed += elapsed;
    for (const [kind, count] of Object.entries(faults)) this.faults.set(kind, this.faults.get(kind)! + count);
    if (rule === undefined) return;
    this.broken.set(rule, (this.broken.get(rule) ?? 0) + 1);
    console.log(`${report}\n`);
  }

  private finish(): void {
    console.log('\nfaults by kind:');
    for (const [kind, count] of this.faults) console.log(`  ${kind.padEnd(18)}${count}`);
    console.log('rules, and how often each was broken:');
    for (const [rule, meaning] of Object.entries(RULES))
      console.log(`  ${rule.padEnd(18)}${String(this.broken.get(rule) ?? 0).padEnd(4)}${meaning}`);
    console.log(`\n${this.summary}`);
    this.done(this.violations);
  }

  private get isOver(): boolean {
    const { seconds, faults, hours } = this.goal;
    const over = Date.now() - this.startedAt >= 1000 * seconds || this.total >= faults;
    return over || this.elapsed >= 3_600_000 * hours || this.violations >= MOST_VIOLATIONS;
  }

  private get total(): number {
    return sum(this.faults);
  }

  private get violations(): number {
    return sum(this.broken);
  }

  private get summary(): string {
    const seconds = (Date.now() - this.startedAt) / 1000;
    const hours = (this.elapsed / 3_600_000).toFixed(2);
    const rate = Math.round(this.total / seconds);
    const counts = `${hours} h simulated, ${this.total} faults, ${this.seeds} seeds, ${this.violations} violations`;
    return `${counts}; ${Math.round(seconds)} s, ${rate} faults/s, next seed ${this.next}`;
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}

/**
 * `make soak`: runs schedules of faults, a seed each, until the first goal is reached: SECONDS of the wall clock, FAULTS, or simulated HOURS; with
 * none of them for a minute. JOBS workers, by default one for each processor. Exit status 1 where any rule was broken.
 */
function main(): void {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { seconds: text, faults: text, hours: text, jobs: text, seed: text },
  });
  const given = Object.entries(values).filter(([, value]) => value !== '');
  const numbers = Object.fromEntries(given.map(([name, value]) => [name, Number(value)]));
  if (Object.values(numbers).some((number) => !(number > 0))) {
    console.error('say how long, such as: make soak SECONDS=600, FAULTS=1000000 or HOURS=100; JOBS=2 SEED=1');
    process.exitCode = USAGE;
    return;
  }
  const { faults = Number.POSITIVE_INFINITY, hours = Number.POSITIVE_INFINITY } = numbers;
  const seconds =
    numbers.seconds ?? (Number.isFinite(Math.min(faults, hours)) ? Number.POSITIVE_INFINITY : 60);
  const soak = new Soak({ seconds, faults, hours }, numbers.seed ?? 1, (violations) => {
    process.exitCode = violations > 0 ? 1 : 0;
  });
  soak.start(numbers.jobs ?? availableParallelism());
}

if (isMainThread) main();
else {
  const port = parentPort!;
  port.on('message', (seed: number | undefined) => {
    if (seed === undefined) port.close();
    else port.postMessage(work(seed));
  });
}
