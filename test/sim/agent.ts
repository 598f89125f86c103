import type { Core } from '../../agent/core/core';
import { drainCost } from '../../agent/core/draining';
import type { Actions, CoreEvent, LinkState, Note, ReceivedFrame, Send } from '../../agent/core/event';
import type { Seal } from '../../agent/core/seal';
import type { Topology } from '../../agent/core/topology';
import type { Alarm, Clock } from './clock';
import type { Kernel, Listener } from './kernel';
import type { Random } from './random';
import { Sockets } from './sockets';

/** The daemon's own times, in ms: agent/upkeep.ts. */
const SETTINGS_INTERVAL = 1000;
const AUDIT_INTERVAL = 30_000;
const REPAIR_SPACING = 5;
const REFUSAL_PAUSE = 1000;

/** Makes the core of an agent, as the constructor of {@link Core} does. */
export type CoreMaker = (topology: Topology, now: number, epoch: number, seal: Seal | undefined) => Core;

/** What an agent runs on. */
export interface AgentPlace {
  readonly clock: Clock;
  readonly kernel: Kernel;
  readonly random: Random;
  /** ms between the clock of the world and the monotonic clock of this host */
  readonly origin: number;
  /** the longest time from an event to the agent's taking it, in ms */
  readonly latency: number;
  /** makes what decides: the daemon's own core, but for tests of the rules themselves */
  readonly coreOf: CoreMaker;
  /** everything that the agent tells */
  readonly onNote: (note: Note) => void;
  /** it is about to carry out what its core wants */
  readonly onActions: (actions: Actions) => void;
  /** its core has done what was due, and wants to be woken at the other of these times, in ms of the world */
  readonly onWake: (next: number) => void;
  /** it sends a frame */
  readonly onSend: (bytes: Uint8Array) => void;
  /** it is about to start, end, pause or go on */
  readonly changing: () => void;
  /** it has taken another file */
  readonly onReload: () => void;
  /** it has carried out the last step that it was given, and is killed */
  readonly onEnd: () => void;
}

/**
 * One running agent: an unmodified core in a shell on the virtual clock. The shell does what the daemon's does: reads everything that was
 * received before a path is judged, carries out hints, steps and frames in this order, and reads the kernel anew after changes.
 */
export class Agent implements Listener {
  readonly core: Core;
  /** since when it runs without a stop and as fast as ever, on the clock of the world; in the future while it recovers from slowness */
  runningSince: number;
  paused = false;
  /** the longest time from an event to its taking it, in ms */
  private latency: number;
  /** whether somebody else changed what is ours, and it was not put right yet */
  unrepaired = false;
  /** steps in the kernel that it still carries out: before the next one after them it is killed */
  stepsLeft = Number.POSITIVE_INFINITY;
  private closed = false;
  /** what came up while it was paused, or since then, until it has caught up */
  private postponed: (() => void)[] = [];
  private readonly sockets: Sockets;
  private told: [name: string, state: LinkState | undefined][] = [];
  private reading = false;
  private alarm: Alarm | undefined;
  private armedFor = Number.POSITIVE_INFINITY;
  private repairAlarm: Alarm | undefined;
  private repairedAt = Number.NEGATIVE_INFINITY;

  constructor(
    topology: Topology,
    private readonly place: AgentPlace,
    /** of its beacons */
    readonly epoch: number,
    seal: Seal | undefined,
    /** links that were drained in a former run */
    drained: Iterable<string>,
  ) {
    this.runningSince = place.clock.now;
    this.latency = place.latency;
    this.core = place.coreOf(topology, this.now, epoch, seal);
    const drains = [...drained].map((link): [string, number] => [link, Number.POSITIVE_INFINITY]);
    this.core.resume(new Map(drains), this.now);
    this.sockets = new Sockets(
      topology.links.map(({ name }) => name),
      topology.beacon?.etherType,
    );
  }

  /** Opens the sockets and takes over what the kernel holds. */
  start(): void {
    const { kernel } = this.place;
    this.place.changing();
    kernel.listener = this;
    this.feed({ type: 'settings', links: kernel.readSettings() });
    if (!this.closed) this.perform(this.core.start(this.presentLinks(), kernel.readTable(), this.now));
    if (this.closed) return;
    this.each(SETTINGS_INTERVAL, () => this.feed({ type: 'settings', links: kernel.readSettings() }));
    this.each(AUDIT_INTERVAL, () => this.repair());
  }

  /** Ends it as a crash does: nothing is put back. */
  kill(): void {
    this.place.changing();
    this.closed = true;
    this.place.kernel.listener = undefined;
  }

  /** SIGSTOP: sockets fill, timers expire, and nothing is done about it. */
  pause(): void {
    this.place.changing();
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.place.changing();
    this.paused = false;
    this.runningSince = Math.max(this.runningSince, this.place.clock.now);
    const { clock, random } = this.place;
    clock.after(random.next() * this.latency, () => this.catchUp());
  }

  /** Does what came up while it was paused, in its order: a drain before its end, for one. */
  private catchUp(): void {
    if (this.paused) return;
    const { postponed } = this;
    this.postponed = [];
    for (const action of postponed) this.guarded(action);
  }

  /** Gets the processor so late, in ms; as ever where that is undefined. */
  slow(latency = this.place.latency): void {
    this.place.changing();
    // What was to be late when it was slow is late still.
    this.runningSince = Math.max(this.runningSince, this.place.clock.now + this.latency);
    this.latency = latency;
  }

  get topology(): Topology {
    return this.core.topology;
  }

  /** Whether it stands still, or is slower than it is to be. */
  get hindered(): boolean {
    const { clock, latency } = this.place;
    return this.paused || this.latency > latency || clock.now < this.runningSince;
  }

  /** Takes its configuration again. */
  use(topology: Topology, seal: Seal | undefined): void {
    this.guarded(() => {
      this.sockets.use(topology.beacon?.etherType);
      this.feed({ type: 'topology', topology, seal });
      if (!this.closed) this.place.onReload();
    });
  }

  /** Whether peers are kept from a link. */
  isWithheld(link: string): boolean {
    return this.core.registry.links.get(link)?.withheld === true;
  }

  isDrained(link: string): boolean {
    return this.core.registry.links.get(link)?.drained === true;
  }

  /** The operator takes a link out of use, where that cuts nobody off; whoever stands still does it later. */
  drain(link: string): void {
    this.guarded(() => {
      const { last, stranded } = drainCost(this.core.registry, [link]);
      if (last || stranded.length > 0) return;
      this.readNotifications();
      this.feed({ type: 'drain', links: [link], until: Number.POSITIVE_INFINITY });
      this.feed({ type: 'settings', links: this.place.kernel.readSettings() });
    });
  }

  undrain(link: string): void {
    this.guarded(() => {
      this.readNotifications();
      this.feed({ type: 'undrain', links: [link] });
      this.feed({ type: 'settings', links: this.place.kernel.readSettings() });
    });
  }

  /** Whether something was told that it has not looked at yet. */
  get behind(): boolean {
    return this.told.length > 0 || this.unrepaired || this.hindered;
  }

  frame(link: string, received: ReceivedFrame): void {
    if (this.sockets.take(link, received)) this.readSoon();
  }

  link(name: string, state: LinkState | undefined): void {
    this.told.push([name, state]);
    this.readSoon();
  }

  tampered(): void {
    this.unrepaired = true;
    this.readSoon();
  }

  private get now(): number {
    return this.place.clock.now + this.place.origin;
  }

  private readSoon(): void {
    if (this.reading) return;
    this.reading = true;
    this.soon(() => {
      this.readNotifications();
      this.readFrames();
      if (this.core.wakeAt <= this.now) this.wake();
    });
  }

  private wake(): void {
    this.armedFor = Number.POSITIVE_INFINITY;
    this.readNotifications();
    this.readFrames();
    this.feed({ type: 'tick' });
    this.place.onWake(this.core.wakeAt - this.place.origin);
  }

  private readFrames(): void {
    this.reading = false;
    for (const part of this.sockets.receive()) {
      const events = part.map(([link, frames]): CoreEvent => ({ type: 'frames', link, frames }));
      this.feed({ type: 'batch', events });
    }
  }

  private readNotifications(): void {
    if (this.told.length === 0 && !this.unrepaired) return;
    const { told } = this;
    this.told = [];
    this.feedLinks(told);
    this.scheduleRepair(this.repairedAt + REPAIR_SPACING);
  }

  private scheduleRepair(at: number): void {
    if (this.repairAlarm !== undefined && this.repairAlarm.at <= at) return;
    this.repairAlarm?.cancel();
    this.repairAlarm = this.place.clock.at(at, () => this.guarded(() => this.repair()));
  }

  /** Reads everything anew, and has put right what differs. */
  private repair(): void {
    const { kernel, clock } = this.place;
    this.repairAlarm?.cancel();
    this.repairAlarm = undefined;
    this.repairedAt = clock.now;
    this.unrepaired = false;
    this.feedLinks([...kernel.readLinks()]);
    this.feed({ type: 'kernel', table: kernel.readTable() });
    // A card that has just appeared has settings of its own.
    this.feed({ type: 'settings', links: kernel.readSettings() });
  }

  private presentLinks(): Map<string, LinkState> {
    const present = [...this.place.kernel.readLinks()].filter(([, state]) => state !== undefined);
    return new Map(present as [string, LinkState][]);
  }

  private feedLinks(links: readonly (readonly [string, LinkState | undefined])[]): void {
    const at = this.now;
    const events = links.map(([name, state]): CoreEvent => ({ type: 'link', name, state, at }));
    this.feed({ type: 'batch', events });
  }

  private feed(event: CoreEvent): void {
    if (!this.closed) this.perform(this.core.handle(event, this.now));
  }

  private perform(actions: Actions): void {
    const { kernel, clock } = this.place;
    const { hints, steps, sends, screens, notes } = actions;
    this.place.onActions(actions);
    // Where the agent answers, no step in the kernel shows that it does so no more, or again.
    if (notes.some(({ event }) => event.includes('drain'))) this.place.changing();
    this.send(hints);
    for (const step of steps) {
      if (this.stepsLeft === 0) {
        this.place.onEnd();
        return;
      }
      this.stepsLeft -= 1;
      const refusal = kernel.apply(step);
      const gone = refusal !== 'ENETDOWN' && step.operation.startsWith('remove');
      if (refusal !== undefined && !gone) this.scheduleRepair(clock.now + REFUSAL_PAUSE);
    }
    this.send(sends);
    for (const screen of screens) this.sockets.screen(screen);
    this.core.sent(this.now, this.now);
    for (const note of notes) this.place.onNote(note);
    this.arm();
  }

  private send(sends: readonly Send[]): void {
    for (const { link, frame } of sends) {
      this.place.onSend(frame);
      this.place.kernel.links.get(link)?.send(frame);
    }
  }

  private arm(): void {
    const { wakeAt } = this.core;
    if (wakeAt === this.armedFor) return;
    this.alarm?.cancel();
    this.armedFor = wakeAt;
    const { clock, origin, random } = this.place;
    if (wakeAt === Number.POSITIVE_INFINITY) return;
    const late = random.next() * this.latency;
    this.alarm = clock.at(wakeAt - origin + late, () => this.guarded(() => this.wake()));
  }

  private soon(action: () => void): void {
    const { clock, random } = this.place;
    clock.after(random.next() * this.latency, () => this.guarded(action));
  }

  private each(interval: number, action: () => void): void {
    this.place.clock.after(interval, () =>
      this.guarded(() => {
        action();
        this.each(interval, action);
      }),
    );
  }

  /** Runs something when the agent can. */
  private guarded(action: () => void): void {
    if (this.closed) return;
    if (this.paused || this.postponed.length > 0) this.postponed.push(action);
    else action();
  }
}
