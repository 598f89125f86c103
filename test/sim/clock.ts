/** Something to run at a time. */
export class Alarm {
  constructor(
    /** ms */
    readonly at: number,
    /** order of setting, which decides between alarms of the same time */
    readonly serial: number,
    private action: (() => void) | undefined,
  ) {}

  cancel(): void {
    this.action = undefined;
  }

  ring(): void {
    const { action } = this;
    this.action = undefined;
    action?.();
  }

  before(other: Alarm): boolean {
    return this.at < other.at || (this.at === other.at && this.serial < other.serial);
  }
}

/** Virtual time in ms. It moves only from alarm to alarm, so a run takes no longer than what happens in it. */
export class Clock {
  now = 0;
  /** called when everything of one moment has happened, before time moves on */
  settled: () => void = () => undefined;
  private serial = 0;
  /** a binary heap */
  private readonly alarms: Alarm[] = [];

  /** Runs `action` at `time`, or as soon as time moves on where that has passed. */
  at(time: number, action: () => void): Alarm {
    const alarm = new Alarm(Math.max(time, this.now), this.serial++, action);
    this.push(alarm);
    return alarm;
  }

  after(delay: number, action: () => void): Alarm {
    return this.at(this.now + delay, action);
  }

  /** Lets everything happen up to and including `end`, and sets the time to it. */
  runUntil(end: number): void {
    for (let first = this.alarms[0]; first !== undefined && first.at <= end; first = this.alarms[0]) {
      this.pop();
      if (first.at > this.now) {
        this.settled();
        this.now = first.at;
      }
      first.ring();
    }
    this.settled();
    this.now = end;
  }

  private push(alarm: Alarm): void {
    const { alarms } = this;
    let index = alarms.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!alarm.before(alarms[parent]!)) break;
      alarms[index] = alarms[parent]!;
      index = parent;
    }
    alarms[index] = alarm;
  }

  private pop(): void {
    const { alarms } = this;
    const last = alarms.pop();
    if (last === undefined || alarms.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= alarms.length) break;
      if (child + 1 < alarms.length && alarms[child + 1]!.before(alarms[child]!)) child += 1;
      if (!alarms[child]!.before(last)) break;
      alarms[index] = alarms[child]!;
      index = child;
    }
    alarms[index] = last;
  }
}
