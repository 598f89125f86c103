import type { Clock } from './clock';

/** When to read the kernel anew: at the earliest moment that was asked for, and never twice within the pause that the asker names. */
export class Repairs {
  private timer: NodeJS.Timeout | undefined;
  private dueAt = Number.POSITIVE_INFINITY;
  private ranAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly repair: () => void,
  ) {}

  /** Asks for a repair once `pause` ms have passed since the last one. */
  ask(pause: number): void {
    const at = Math.max(this.clock.now(), this.ranAt + pause);
    if (at >= this.dueAt) return;
    this.stop();
    this.dueAt = at;
    this.timer = setTimeout(() => this.run(), Math.max(0, at - this.clock.now()));
  }

  /** Repairs now; a repair that was asked for before is then done. */
  run(): void {
    this.stop();
    this.ranAt = this.clock.now();
    this.repair();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.dueAt = Number.POSITIVE_INFINITY;
  }
}
