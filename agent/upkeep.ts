import { SystemError } from '../native-bindings/system-error';
import type { Clock } from './clock';
import type { Core } from './core/core';
import type { CoreEvent, Note } from './core/event';
import { METRIC_STEP } from './core/routing';
import type { Interfaces } from './interfaces';
import { dispositionOf, KernelError } from './kernel/error';
import type { Kernel, Refusal } from './kernel/kernel';
import { Monitor } from './kernel/monitor';
import type { RoutePlace } from './kernel/routes';
import { Repairs } from './repairs';
import { TimeWatch } from './time-watch';
import { Troubles } from './troubles';
import { formatPrefix } from './wire/address';

/** The settings of our links, the record and the clock are looked at this often, in ms: of most changes nobody tells. */
const LOOK_INTERVAL = 1000;
/** Everything is read anew this often, in ms, whatever was told. */
const AUDIT_INTERVAL = 30_000;
/** Least time between two readings after foreign changes, in ms: what is removed together is put back together. */
const REPAIR_SPACING = 5;
/** After a refusal the plan is made anew no sooner than this, in ms. */
const REFUSAL_PAUSE = 1000;

/** What the upkeep needs of the agent. */
export interface UpkeepSurroundings {
  readonly clock: Clock;
  readonly kernel: Kernel;
  readonly interfaces: Interfaces;
  readonly core: Core;
  readonly feed: (event: CoreEvent) => void;
  readonly note: (note: Note) => void;
  readonly fatal: (error: Error) => void;
  /** everything was read, and nothing that was planned is refused */
  settled(): void;
  /** a second has passed: time to look after what nobody tells */
  look(): void;
}

/**
 * Keeps what the core knows of this machine true: hands over what the kernel tells, reads it anew where that may not be all, and tries again
 * what was refused.
 */
export class Upkeep {
  private readonly monitor: Monitor;
  private readonly repairs: Repairs;
  private readonly troubles: Troubles;
  private readonly intervals: NodeJS.Timeout[] = [];
  /** whether the last plan was refused in part */
  private pending = false;
  private stopped = false;

  /** Listens from now on. Throws SystemError. */
  constructor(private readonly around: UpkeepSurroundings) {
    const { clock, kernel, core } = around;
    this.repairs = new Repairs(clock, () => this.repair());
    this.troubles = new Troubles(clock, around.note);
    this.monitor = Monitor.open(
      {
        ...core.topology.route,
        port: kernel.port,
        isWatched: (device) =>
          [...core.registry.links.values()].some(({ state }) => state?.ifindex === device),
        isRouted: (destination) => core.registry.isRouted(destination),
      },
      () => this.readNews(),
      around.fatal,
    );
  }

  /** Looks after everything from time to time, from now on. */
  start(): void {
    const time = new TimeWatch(this.around.clock, LOOK_INTERVAL, this.around.note);
    this.intervals.push(setInterval(() => this.look(time), LOOK_INTERVAL));
    this.intervals.push(setInterval(() => this.audit(), AUDIT_INTERVAL));
  }

  stop(): void {
    this.stopped = true;
    this.repairs.stop();
    for (const interval of this.intervals) clearInterval(interval);
    this.monitor.close();
  }

  /** Whether nothing of the last plan was refused. */
  get isSettled(): boolean {
    return !this.pending;
  }

  /** Tells a trouble, once while it lasts. */
  note(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.troubles.note(event, fields);
  }

  /** Reads everything anew, and puts right what differs, now. */
  audit(): void {
    this.repairs.run();
  }

  /** The same before long, since something was refused. */
  retry(): void {
    this.repairs.ask(REFUSAL_PAUSE);
  }

  /** Takes what the kernel has told since the last call. */
  readNews(): void {
    const { around } = this;
    let reread = false;
    const links: CoreEvent[] = [];
    for (const notification of this.monitor.read()) {
      switch (notification.type) {
        case 'interface':
        case 'interface-gone':
          links.push(...around.interfaces.eventsOf(notification, around.core.topology));
          break;
        case 'address':
        case 'setting':
        case 'foreign-change':
          reread = true;
          break;
        case 'foreign-route':
          this.noteShadow(notification.route);
          break;
        case 'overrun':
          this.note('netlink-overrun', {});
          reread = true;
          break;
      }
    }
    // In one go: planned one by one, the loss of one link could take out a route before the loss of the other is known.
    if (links.length > 0) around.feed({ type: 'batch', events: links });
    // Where a link of ours changed, the kernel may have dropped routes without a word.
    if (reread || links.length > 0) this.repairs.ask(REPAIR_SPACING);
  }

  /** Tells where somebody else's route stands before ours; it is left alone. */
  private noteShadow({ destination, metric, device, protocol }: RoutePlace): void {
    const { route, planes } = this.around.core.topology;
    const ours = planes.map((_, plane) => route.metric + METRIC_STEP * plane);
    // Where it took the place of one of ours, the refusal of that one tells it.
    if (ours.includes(metric) || metric > Math.max(...ours)) return;
    const link = device === undefined ? null : this.around.kernel.nameOf(device);
    const shadowed = formatPrefix(destination, true);
    this.note('route-shadowed', { destination: shadowed, link, metric, protocol });
  }

  /** Hands over the settings of our links as they are. */
  readSettings(): void {
    const { kernel, core, feed } = this.around;
    const names = core.topology.links.map((link) => link.name);
    const links = this.reading(() => kernel.readSettings(names));
    if (links !== undefined) feed({ type: 'settings', links });
  }

  /** Looks after what nobody tells. */
  private look(time: TimeWatch): void {
    time.look();
    this.readSettings();
    this.around.look();
  }

  /** Reads everything anew, and puts right what differs from what should be. */
  private repair(): void {
    if (this.stopped) return;
    this.pending = false;
    const { kernel, interfaces, core, feed } = this.around;
    const links = this.reading(() => kernel.readLinks());
    if (links === undefined) return;
    feed({ type: 'batch', events: interfaces.eventsFrom(links, core.topology) });
    const table = this.reading(() => kernel.readTable());
    if (table === undefined) return;
    feed({ type: 'kernel', table });
    // An interface that has just appeared has settings of its own.
    this.readSettings();
    if (this.pending) return;
    this.troubles.clear();
    this.around.settled();
  }

  /** What a reading of the kernel gives; undefined where the machine is short of something for the moment, and then tried again. */
  private reading<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof KernelError || error instanceof SystemError)) throw error;
      if (dispositionOf(error.code, false) === 'stop') throw error;
      this.note('kernel-unreadable', { code: error.code, error: error.message });
      this.retry();
      return undefined;
    }
  }

  /** Takes what the kernel refused of a plan; the rest of it stands. */
  takeRefusals(refusals: readonly Refusal[]): void {
    for (const { step, error, disposition } of refusals) {
      if (disposition === 'stop') {
        this.around.fatal(error);
        return;
      }
      const setting = step.operation === 'change-setting' || step.operation === 'restore-setting';
      this.pending ||= !setting;
      this.note('kernel-refused', {
        operation: step.operation,
        code: error.code,
        error: error.message,
      });
    }
    if (this.pending) this.retry();
  }
}
