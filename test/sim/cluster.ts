import { Core } from '../../agent/core/core';
import type { Note } from '../../agent/core/event';
import type { Mac } from '../../agent/wire/address';
import { ETHERTYPE_ARP, readUint16 } from '../../agent/wire/ethernet';
import type { CoreMaker } from './agent';
import type { InitialSettings } from './card';
import { Clock } from './clock';
import { Host } from './host';
import { Invariants } from './invariants';
import { Random } from './random';
import { fakeSeal } from './seal';
import { fateOf, Stream } from './stream';
import { type ClusterPlan, DEFAULT_ARP, DEFAULT_PROBE, topologyOf } from './topology';
import { Trace } from './trace';
import { Backplane, type Card, CLEAN, type Conditions, type Port, Wire } from './wire';

export interface ClusterOptions extends ClusterPlan {
  readonly seed: number;
  readonly conditions: Conditions;
  /** the longest time from an event to an agent's taking it, in ms */
  readonly latency: number;
  /** ms on the monotonic clock of each host when the world's begins, by its index; undefined for a random one */
  readonly origin: ((host: number) => number) | undefined;
  /** of the cards of each host, by its index */
  readonly settings: (host: number) => InitialSettings;
  /** what decides on every host */
  readonly coreOf: CoreMaker;
}

const DEFAULTS: ClusterOptions = {
  seed: 1,
  hosts: 3,
  planes: 2,
  probe: DEFAULT_PROBE,
  arp: DEFAULT_ARP,
  beacons: undefined,
  conditions: CLEAN,
  latency: 0.1,
  origin: undefined,
  // The common case: strict filtering as some distributions set it, and a kernel that answers.
  settings: () => ({ rpFilter: 1, arpIgnore: 0, addressed: true }),
  coreOf: (topology, now, epoch, seal) => new Core(topology, now, epoch, seal),
};

/** Frames that an intruder remembers. */
const MEMORY = 256;

/** A card that belongs to no host, and remembers the beacons that it hears. */
class Intruder implements Card {
  readonly mac = 0x02bad0000000 as Mac;
  readonly beacons: Uint8Array[] = [];

  receive(bytes: Uint8Array): void {
    if (readUint16(bytes, 12) === ETHERTYPE_ARP) return;
    this.beacons.push(bytes);
    if (this.beacons.length > MEMORY) this.beacons.shift();
  }

  changing(): void {
    // Nobody's packets depend on it.
  }

  carrierChanged(): void {
    // It sends into the dark.
  }
}

/** Something that an agent told. */
export interface Told extends Note {
  readonly host: string;
  /** ms on the clock of the world */
  readonly at: number;
}

/** Hosts on backplanes, a stream of packets between every two of them, and the rules that always hold. */
export class Cluster {
  readonly options: ClusterOptions;
  readonly clock = new Clock();
  readonly trace = new Trace();
  readonly random: Random;
  readonly wire: Wire;
  readonly hosts: readonly Host[];
  readonly streams: readonly Stream[];
  readonly invariants: Invariants;
  readonly notes: Told[] = [];
  /** hears everything that is told, as it is */
  onTold: (told: Told) => void = () => undefined;
  private readonly intruders: readonly { readonly card: Intruder; readonly port: Port }[];
  private dirty = true;
  private countedTo = 0;

  constructor(options: Partial<ClusterOptions> = {}) {
    this.options = { ...DEFAULTS, ...options };
    const { seed, hosts, planes, conditions } = this.options;
    this.random = new Random(seed);
    const backplanes = Array.from({ length: planes }, () => new Backplane());
    this.wire = new Wire(this.clock, this.random.fork(), this.trace, backplanes, conditions);
    this.intruders = backplanes.map((backplane) => {
      const card = new Intruder();
      return { card, port: backplane.plug(card) };
    });
    this.invariants = new Invariants(this.clock, this.options);
    this.hosts = Array.from({ length: hosts }, (_, index) => this.makeHost(index));
    this.streams = this.hosts.flatMap((source) =>
      this.hosts.filter((host) => host !== source).map((destination) => new Stream(source, destination)),
    );
    this.invariants.watch(this.hosts, this.streams);
    this.clock.settled = () => this.settle();
  }

  /** A cluster with an agent on every host, whose paths are all up. */
  static started(options: Partial<ClusterOptions> = {}): Cluster {
    const cluster = new Cluster(options);
    cluster.start();
    return cluster;
  }

  /** Starts an agent on every host, within one ms, and waits until all paths are up. */
  start(): void {
    for (const host of this.hosts) this.clock.at(this.random.next(), () => host.start());
    this.run(500);
    this.forget();
  }

  get now(): number {
    return this.clock.now;
  }

  host(name: string): Host {
    const host = this.hosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new RangeError(`no host ${name}`);
    return host;
  }

  backplane(plane: number): Backplane {
    return this.wire.backplanes[plane]!;
  }

  stream(source: string, destination: string): Stream {
    const stream = this.streams.find(
      (candidate) => candidate.source.name === source && candidate.destination.name === destination,
    );
    if (stream === undefined) throw new RangeError(`no stream from ${source} to ${destination}`);
    return stream;
  }

  /** Sends a frame from a card that belongs to no host. */
  inject(plane: number, bytes: Uint8Array): void {
    this.invariants.beacons.forged(bytes);
    this.wire.transmit(this.intruders[plane]!.port, bytes);
  }

  /** Beacons that were on a plane lately. */
  overheard(plane: number): readonly Uint8Array[] {
    return this.intruders[plane]!.card.beacons;
  }

  /** Lets `ms` pass. */
  run(ms: number): void {
    this.clock.runUntil(this.now + ms);
    this.changing();
    this.settle();
  }

  /** Forgets what was counted and told. */
  forget(): void {
    for (const stream of this.streams) stream.reset();
    this.notes.length = 0;
  }

  /** Packets lost on all streams together since {@link forget}. */
  get lost(): number {
    return this.streams.reduce((total, { lost }) => total + lost, 0);
  }

  /** What `host` told, by the name of the event. */
  told(host: string, event: string): Told[] {
    return this.notes.filter((note) => note.host === host && note.event === event);
  }

  private makeHost(index: number): Host {
    const topology = topologyOf(index, this.options);
    const random = this.random.fork();
    // Every host booted at a time of its own: nothing may compare the clocks of two.
    const drawn = 1000 * random.below(1_000_000);
    const origin = this.options.origin?.(index) ?? drawn;
    const { clock, invariants, trace } = this;
    return new Host({
      index,
      topology,
      seal: topology.beacon && fakeSeal(this.options.beacons!.keys(index)),
      wire: this.wire,
      settings: this.options.settings(index),
      place: {
        clock,
        random,
        origin,
        latency: this.options.latency,
        coreOf: this.options.coreOf,
        onActions: (actions) => invariants.acts(topology.host, actions),
        onWake: (next) => invariants.woken(topology.host, next),
        onNote: (note) => {
          const told = { ...note, host: topology.host, at: clock.now };
          this.notes.push(told);
          this.onTold(told);
          invariants.told(topology.host, note);
        },
        onSend: (bytes) => invariants.agentSent(topology.host, bytes),
        changing: () => this.changing(),
      },
      watcher: {
        changing: () => this.changing(),
        step: (step) => {
          trace.text(step.operation);
          trace.time(clock.now);
          invariants.step(topology.host, step);
        },
      },
      witness: invariants,
    });
  }

  /** What follows may move packets: those of the time before met their fate. */
  private changing(): void {
    if (this.dirty) return;
    this.dirty = true;
    const { now } = this.clock;
    this.invariants.judge(now);
    for (const stream of this.streams) stream.advance(this.countedTo, now);
    this.countedTo = now;
  }

  private settle(): void {
    if (!this.dirty) return;
    this.dirty = false;
    for (const stream of this.streams) {
      // A host without power sends nothing, and none to whom it doesn't know; its packets are nobody's loss.
      const silent = !stream.source.powered || !stream.source.knows(stream.destination);
      const fate = silent ? 'delivered' : fateOf(stream.source, stream.destination, this.hosts);
      if (fate !== stream.fate) this.trace.text(`${stream.source.name} ${stream.destination.name} ${fate}`);
      stream.turn(fate, this.clock.now);
    }
    this.invariants.settled();
  }
}
