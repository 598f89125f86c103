interface VirtualTimer {
  readonly at: number;
  readonly run: () => void;
}

/** `setTimeout` and `setImmediate` on a time that goes on only when it is told to. */
export class VirtualTimers {
  private now = 0;
  private readonly timers = new Set<VirtualTimer>();
  private immediates: (() => void)[] = [];

  /** Puts them in the place of the global ones; returns what gives those back. */
  install(): () => void {
    const { setTimeout, clearTimeout, setImmediate } = globalThis;
    Object.assign(globalThis, {
      setTimeout: (run: () => void, after: number) => this.add({ at: this.now + after, run }),
      clearTimeout: (timer: VirtualTimer) => void this.timers.delete(timer),
      setImmediate: (run: () => void) => void this.immediates.push(run),
    });
    return () => void Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate });
  }

  /** How many timers are not yet due. */
  get count(): number {
    return this.timers.size;
  }

  /** Runs those that become due within `ms`, in their order. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const [next] = [...this.timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.timers.delete(next);
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  /** One turn of the event loop: runs what was set for it, and says whether there was something. */
  turn(): boolean {
    const due = this.immediates;
    this.immediates = [];
    for (const run of due) run();
    return due.length > 0;
  }

  private add(timer: VirtualTimer): object {
    const handle = Object.assign(timer, { ref: () => handle, unref: () => handle });
    this.timers.add(timer);
    return handle;
  }
}
