import { type Clock, cpuTime } from './clock';

/** After a repair comes so many times the CPU time that it took without one: a quarrel over routes takes a fifth of a CPU at most. */
const REST = 4;

/**
 * When to read the kernel anew: at the earliest moment that was asked for, but never twice within the pause that the asker names, nor so often
 * that little else is done.
 */
export class Repairs {
  private timer: NodeJS.Timeout | undefined;
  private dueAt = Number.POSITIVE_INFINITY;
  private ranAt = Number.NEGATIVE_INFINITY;
  /** what the last one took of a CPU, in ms */
  private took = 0;

  constructor(
    private readonly clock: Clock,
    private readonly repair: () => void,
    /** what was used of the CPUs until now, in ms */
    private readonly used: () => number = cpuTime,
  ) {}

  /** Asks for a repair once `pause` ms have passed since the last one. */
  ask(pause: number): void {
    const at = Math.max(this.clock.now(), this.ranAt + Math.max(pause, REST * this.took));
    if (at >= this.dueAt) return;
    this.stop();
    this.dueAt = at;
    this.timer = setTimeout(() => this.run(), Math.max(0, at - this.clock.now()));
  }

  /** Repairs now; a repair that was asked for before is then done. */
  run(): void {
    this.stop();
    const before = this.used();
    this.repair();
    this.took = this.used() - before;
    this.ranAt = this.clock.now();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.dueAt = Number.POSITIVE_INFINITY;
  }
}
