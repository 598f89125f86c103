import type { SystemError } from '../native-bindings/system-error';
import { Timer } from '../native-bindings/timer';
import type { Clock } from './clock';
import { Core } from './core/core';
import type { Actions, CoreEvent, Note } from './core/event';
import { repairNote } from './core/repair';
import type { Seal } from './core/seal';
import type { Topology } from './core/topology';
import { drainsFromRecord, drainsToRecord, recordedDrain } from './drains';
import { Echoes } from './echoes';
import { Interfaces } from './interfaces';
import { Kernel, type Space } from './kernel/kernel';
import { type RecordedDrain, RecordKeeper } from './kernel/record';
import { sweepFormer } from './kernel/teardown';
import { RepairLog } from './repair-log';
import { Upkeep } from './upkeep';
import { Wires } from './wires';

/** What was sent may be answered, and the answers are read this much later, in ms: most have come by then, and none wakes us itself. */
const ANSWER_PATIENCE = 3;

/** What the agent tells its owner. */
export interface AgentOutput {
  /** one thing that happened */
  note(note: Note): void;
  /** alias bound, routes standing, every link that exists announced; told once */
  ready(): void;
  /** nothing that this process does later can help; the kernel's state stays */
  fatal(error: Error): void;
}

/**
 * The shell around the core: opens what the core needs, feeds it events, and carries out its actions. Event, core, action, kernel: one
 * pass without a pause, since the kernel answers at once.
 */
export class Agent {
  readonly core: Core;
  readonly kernel: Kernel;
  readyAt: number | undefined;
  private readonly records: RecordKeeper;
  private readonly repairLog: RepairLog;
  private readonly wires: Wires;
  private readonly echoes: Echoes;
  private readonly interfaces: Interfaces;
  private readonly upkeep: Upkeep;
  private readonly timer: Timer;
  /** the time for which the timer is set */
  private armedFor: number | undefined;
  /** when to read what was answered, in ms; infinite while nothing was sent */
  private readAt = Number.POSITIVE_INFINITY;
  private stopped = false;

  /**
   * Opens the sockets; nothing in the kernel is changed before {@link start}. Throws SystemError and KernelError.
   * @param seal signs and checks beacons, where the topology has them
   * @param stateFile where the changed settings are recorded, for a teardown without a daemon
   */
  constructor(
    topology: Topology,
    seal: Seal | undefined,
    stateFile: string,
    private readonly clock: Clock,
    private readonly output: AgentOutput,
  ) {
    this.records = new RecordKeeper(stateFile);
    this.core = new Core(topology, clock.now(), this.records.nextEpoch(clock.wall()), seal);
    this.core.resume(drainsFromRecord(this.records.former?.drains, clock), clock.now());
    this.repairLog = new RepairLog((note) => output.note(note));
    this.kernel = Kernel.open(
      this.spaceOf(topology),
      (settings) => this.records.keep(this.core.topology, settings, this.drains),
      this.records.former?.settings ?? [],
    );
    this.wires = new Wires({
      readable: () => this.receive(),
      error: (link, error) => this.onWireError(link, error),
    });
    this.wires.use(topology.beacon?.etherType);
    this.echoes = new Echoes(
      (link, source, at) => this.feed({ type: 'echo', link, source, at }),
      (link, error) => this.onEchoError(link, error),
    );
    this.interfaces = new Interfaces(this.kernel, this.wires, this.echoes, clock);
    this.timer = new Timer(
      () => this.wake(),
      (error) => this.output.fatal(error),
    );
    this.upkeep = new Upkeep({
      clock,
      kernel: this.kernel,
      interfaces: this.interfaces,
      core: this.core,
      feed: (event) => this.feed(event),
      note: (note) => output.note(note),
      fatal: (error) => output.fatal(error),
      settled: () => this.checkReady(),
      look: () => this.records.isMissing && this.keepRecord(),
    });
  }

  /** Takes over what a former run left, and protects from then on. */
  start(): void {
    this.keepRecord();
    const links = this.kernel.readLinks();
    this.noteReplaced();
    for (const link of this.core.topology.links) this.wires.match(link.name, links.get(link.name)?.ifindex);
    this.upkeep.readSettings();
    this.perform(this.core.start(links, this.kernel.readTable(), this.clock.now()));
    this.sweep();
    this.checkReady();
    this.upkeep.start();
  }

  /** Tells which links of a former run are other interfaces now. */
  private noteReplaced(): void {
    const replaced = this.kernel.forgetGone();
    const { links, planes } = this.core.topology;
    for (const { name, plane } of links) {
      if (!replaced.includes(name)) continue;
      const fields = { link: name, plane: planes[plane] };
      this.output.note({ event: 'link-replaced', level: 'info', fields });
    }
    if (replaced.length > 0) this.keepRecord();
  }

  /** Removes what earlier runs had elsewhere. Routes of ours may have been refused since theirs were in the way. */
  private sweep(): void {
    const removed = sweepFormer(this.records, this.core.topology);
    if (removed === 0) return;
    this.output.note({ event: 'former-swept', level: 'info', fields: { removed } });
    this.keepRecord();
    this.upkeep.audit();
  }

  /**
   * Ends watching. The kernel keeps alias, routes and neighbor entries; what only a living agent may leave changed goes back. On a drained link
   * nobody is to answer, whether or not an agent lives.
   */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.timer.close();
    this.upkeep.stop();
    this.repairLog.close();
    for (const { link, setting } of this.kernel.changedSettings) {
      const { drained } = this.core.registry.links.get(link) ?? {};
      if (setting === 'arp_ignore' && drained !== true)
        this.kernel.apply([{ operation: 'restore-setting', link, setting }]);
    }
    this.wires.closeAll();
    this.echoes.closeAll();
  }

  /** Closes the kernel's socket as well, after {@link stop}. */
  close(): void {
    this.stop();
    this.kernel.close();
  }

  /** Takes another topology of the same cluster and host, in the same routing space, and the keys for it. */
  use(topology: Topology, seal: Seal | undefined): void {
    const links = this.kernel.readLinks();
    // Before anything of it is in the kernel: a crash must leave nothing that nobody knows.
    this.keepRecord(topology);
    const names = new Set(topology.links.map((link) => link.name));
    for (const { name } of this.core.topology.links) if (!names.has(name)) this.wires.close(name);
    this.kernel.use(this.spaceOf(topology));
    this.wires.use(topology.beacon?.etherType);
    const events = this.interfaces.eventsFrom(links, topology);
    this.feed({ type: 'batch', events: [{ type: 'topology', topology, seal }, ...events] });
    this.upkeep.readSettings();
  }

  /**
   * Takes links out of use, until a time of the monotonic clock or infinitely. Throws the system's error where that can't be written down: then
   * nothing has changed.
   */
  drain(links: readonly string[], until: number): void {
    const others = this.drains.filter(({ link }) => !links.includes(link));
    const drains = [...others, ...links.map((link) => recordedDrain(link, until, this.clock))];
    this.records.keep(this.core.topology, this.kernel.changedSettings, drains);
    // What the kernel has told first: what is to take the traffic over may just have lost its routes.
    this.upkeep.readNews();
    this.feed({ type: 'drain', links, until });
    this.upkeep.readSettings();
  }

  /** Gives links back. */
  undrain(links: readonly string[]): void {
    this.upkeep.readNews();
    this.feed({ type: 'undrain', links });
    this.upkeep.readSettings();
  }

  /** Totals beside the core's own counters. */
  get counters(): Record<string, number> {
    return { 'dropped-by-kernel': this.wires.dropped, 'unsolicited-echoes': this.echoes.unsolicited };
  }

  private feed(event: CoreEvent, now = this.clock.now()): void {
    if (!this.stopped) this.perform(this.core.handle(event, now));
  }

  /** Carries out what the core wants, in its order, and asks to be woken for what comes next. */
  private perform(actions: Actions): void {
    const { hints, steps, sends, echoes, screens, notes } = actions;
    if (hints.length > 0) this.send(hints);
    const putBack = steps.filter((step) => this.kernel.putsBack(step));
    const refusals = steps.length > 0 ? this.kernel.apply(steps) : [];
    this.upkeep.takeRefusals(refusals);
    const settings = putBack.filter((step) => !refusals.some((refusal) => refusal.step === step));
    if (settings.length > 0)
      this.repairLog.take(repairNote(settings, (ifindex) => this.kernel.nameOf(ifindex)));
    const before = this.clock.now();
    if (sends.length > 0) this.send(sends);
    if (echoes.length > 0) this.echoes.send(echoes);
    const after = this.clock.now();
    for (const { link, voice, senders } of screens) this.wires.screen(link, voice, senders);
    this.core.sent(before, after);
    if (sends.length > 0) this.readAt = Math.min(this.readAt, after + ANSWER_PATIENCE);
    this.wires.answers = this.core.responder.acting === 'agent';
    if (notes.some(({ event }) => event === 'undrained')) this.keepRecord();
    for (const note of notes) {
      // The core takes its plan for done; where all of it was refused, nothing was repaired, and that has been told.
      if (note.event !== 'repaired') this.output.note(note);
      else if (refusals.length < steps.length) this.repairLog.take(note);
    }
    this.arm();
  }

  private send(sends: Actions['sends']): void {
    this.wires.send(sends, (link, error) => this.onWireError(link, error));
  }

  private arm(): void {
    const wakeAt = Math.min(this.core.wakeAt, this.readAt);
    if (wakeAt === this.armedFor || this.stopped) return;
    this.armedFor = wakeAt;
    if (wakeAt === Number.POSITIVE_INFINITY) this.timer.stop();
    else this.timer.set(wakeAt);
  }

  /**
   * A slow agent never blames a peer: paths are judged as of a moment before everything received until then was read, however long the
   * reading took.
   */
  private wake(): void {
    const now = this.clock.now();
    this.armedFor = undefined;
    this.readAt = Number.POSITIVE_INFINITY;
    this.upkeep.readNews();
    this.receiveFrames();
    this.feed({ type: 'tick' }, now);
  }

  private receive(): void {
    // First what our own links did: a switch that dies takes them all at once, while far ends say so one by one.
    this.upkeep.readNews();
    this.receiveFrames();
    if (this.core.wakeAt <= this.clock.now()) this.wake();
  }

  private receiveFrames(): void {
    for (const part of this.wires.receive()) {
      const events = part.map(([link, frames]): CoreEvent => ({ type: 'frames', link, frames }));
      this.feed({ type: 'batch', events });
    }
  }

  private onWireError(link: string, error: SystemError): void {
    // Down or gone: the kernel tells that by netlink as well, and that is what counts.
    if (error.code === 'ENETDOWN' || error.code === 'ENXIO' || error.code === 'ENODEV') return;
    this.upkeep.note('wire-error', { link, code: error.code, error: error.message });
    this.upkeep.retry();
  }

  private onEchoError(link: string, error: Error): void {
    this.upkeep.note('icmp-error', { link, error: error.message });
  }

  private checkReady(): void {
    if (!this.upkeep.isSettled || this.readyAt !== undefined) return;
    this.readyAt = this.clock.now();
    this.output.ready();
  }

  private get drains(): RecordedDrain[] {
    return drainsToRecord(this.core.registry.links.values(), this.clock);
  }

  private keepRecord(topology = this.core.topology): void {
    try {
      this.records.keep(topology, this.kernel.changedSettings, this.drains);
    } catch (error) {
      this.upkeep.note('record-failed', { error: String(error) });
    }
  }

  private spaceOf({ route, aliases }: Topology): Space {
    return { ...route, aliases, formerAliases: this.records.formerAliases };
  }
}
