import { Liveness, type LivenessStep, type PathState } from '../../agent/core/liveness';
import type { ProbeTiming } from '../../agent/core/topology';
import type { Mac } from '../../agent/wire/address';

export const PROBE: ProbeTiming = { interval: 50, retry: 5, misses: 3, rise: 3, hold: 1000 };
export const MAC = 0x02000000000b as Mac;
export const OTHER = 0x02000000000c as Mac;
/** Waits are sums of fractions. */
export const EPSILON = 1e-6;

/** What a request meets: the ms until its answer, or undefined for none. */
export type FarEnd = (sentAt: number) => number | undefined;

/** A liveness and its far end on a clock. */
export class Bench {
  now = 0;
  readonly liveness: Liveness;
  readonly requests: { readonly at: number; readonly kind: 'unicast' | 'broadcast' }[] = [];
  readonly states: { readonly at: number; readonly state: PathState }[] = [];
  private readonly answers: number[] = [];

  constructor(
    readonly options: ProbeTiming = PROBE,
    private farEnd: FarEnd = () => 0.2,
    phase = 0,
  ) {
    this.liveness = new Liveness(options, 0, phase);
  }

  /** The far end is another from now on. */
  become(farEnd: FarEnd): void {
    this.farEnd = farEnd;
  }

  take(step: LivenessStep): void {
    if (step.from !== undefined) this.states.push({ at: this.now, state: this.liveness.state });
    if (step.probe === undefined) return;
    this.requests.push({ at: this.now, kind: step.probe });
    const delay = this.farEnd(this.now);
    if (delay !== undefined) this.answers.push(this.now + delay);
    this.liveness.sent(this.now, this.now);
  }

  run(until: number): void {
    for (;;) {
      this.answers.sort((a, b) => a - b);
      const answerAt = this.answers[0] ?? Number.POSITIVE_INFINITY;
      const next = Math.min(answerAt, this.liveness.wakeAt);
      if (next > until) break;
      this.now = Math.max(this.now, next);
      if (answerAt === next) {
        this.answers.shift();
        if (this.liveness.waits) this.take(this.liveness.answer(MAC, this.now, this.now));
      } else this.take(this.liveness.tick(this.now));
    }
    this.now = until;
  }

  /** A path that is up, at a time at which no request waits. */
  static up(options = PROBE, farEnd?: FarEnd): Bench {
    const bench = new Bench(options, farEnd);
    bench.run(500.5);
    expect(bench.liveness.state).toBe('up');
    return bench;
  }

  static down(options = PROBE): Bench {
    const bench = Bench.up(options);
    bench.become(() => undefined);
    bench.run(bench.now + 500);
    expect(bench.liveness.state).toBe('down');
    return bench;
  }

  requestsSince(time: number): number[] {
    return this.requests.filter(({ at }) => at >= time).map(({ at }) => at);
  }

  entered(state: PathState, since: number): number {
    return this.states.find((change) => change.at >= since && change.state === state)!.at;
  }
}

export const silent: FarEnd = () => undefined;
