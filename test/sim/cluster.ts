import type { Note } from '../../agent/core/event';
import type { ArpOptions, ProbeOptions, Topology } from '../../agent/core/topology';
import type { Ipv4, Mac } from '../../agent/wire/address';
import type { InitialSettings } from './card';
import { Clock } from './clock';
import { Host } from './host';
import { Invariants } from './invariants';
import { Random } from './random';
import { fateOf, Stream } from './stream';
import { Trace } from './trace';
import { Backplane, type Card, type Conditions, type Port, Wire } from './wire';

const HOST_NAMES = ['alpha', 'beta', 'gamma', 'delta'];
const PLANE_NAMES = ['a', 'b', 'c'];
/** 10.78.0.1 */
const FIRST_ALIAS = 0x0a4e0001;

export const DEFAULT_PROBE: ProbeOptions = {
  interval: 50,
  retry: 5,
  misses: 3,
  rise: 3,
  hold: 1000,
  hints: 60,
};
export const DEFAULT_ARP: ArpOptions = { responder: 'auto', repeat: 3, spacing: 1100, refresh: 30_000 };

export interface ClusterOptions {
  readonly seed: number;
  /** how many, 2 to 4 */
  readonly hosts: number;
  /** how many, 1 to 3 */
  readonly planes: number;
  readonly probe: ProbeOptions;
  readonly arp: ArpOptions;
  readonly conditions: Conditions;
  /** the longest time from an event to an agent's taking it, in ms */
  readonly latency: number;
  /** ms on the monotonic clock of each host when the world's begins, by its index; undefined for a random one */
  readonly origin: ((host: number) => number) | undefined;
  /** of the cards of each host, by its index */
  readonly settings: (host: number) => InitialSettings;
}

const DEFAULTS: ClusterOptions = {
  seed: 1,
  hosts: 3,
  planes: 2,
  probe: DEFAULT_PROBE,
  arp: DEFAULT_ARP,
  conditions: { delay: 0.03, jitter: 0.02, loss: 0 },
  latency: 0.1,
  origin: undefined,
  // The common case: strict filtering as some distributions set it, and a kernel that answers.
  settings: () => ({ rpFilter: 1, arpIgnore: 0, addressed: true }),
};

/** A card that only sends. */
const INTRUDER: Card = {
  mac: 0x02bad0000000 as Mac,
  receive: () => undefined,
  changing: () => undefined,
  carrierChanged: () => undefined,
};

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
  private readonly intruders: readonly Port[];
  private dirty = true;
  private countedTo = 0;

  constructor(options: Partial<ClusterOptions> = {}) {
    this.options = { ...DEFAULTS, ...options };
    const { seed, hosts, planes, conditions } = this.options;
    this.random = new Random(seed);
    const backplanes = Array.from({ length: planes }, () => new Backplane());
    this.wire = new Wire(this.clock, this.random.fork(), this.trace, backplanes, conditions);
    this.intruders = backplanes.map((backplane) => backplane.plug(INTRUDER));
    this.invariants = new Invariants(this.clock, this.options);
    this.hosts = Array.from({ length: hosts }, (_, index) => this.makeHost(index));
    this.streams = this.hosts.flatMap((source) =>
      this.hosts.filter((host) => host !== source).map((destination) => new Stream(source, destination)),
    );
    this.invariants.watch(this.hosts, this.streams);
    this.clock.settled = () => this.settle();
  }

  /** Starts an agent on every host, within one ms, and waits until all paths are up. */
  static started(options: Partial<ClusterOptions> = {}): Cluster {
    const cluster = new Cluster(options);
    for (const host of cluster.hosts) cluster.clock.at(cluster.random.next(), () => host.start());
    cluster.run(500);
    cluster.forget();
    return cluster;
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
    this.wire.transmit(this.intruders[plane]!, bytes);
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
    const topology = this.topologyOf(index);
    const random = this.random.fork();
    // Every host booted at a time of its own: nothing may compare the clocks of two.
    const drawn = 1000 * random.below(1_000_000);
    const origin = this.options.origin?.(index) ?? drawn;
    const { clock, invariants, trace } = this;
    return new Host({
      index,
      topology,
      wire: this.wire,
      settings: this.options.settings(index),
      place: {
        clock,
        random,
        origin,
        latency: this.options.latency,
        onNote: (note) => this.notes.push({ ...note, host: topology.host, at: clock.now }),
        onSend: () => invariants.agentSent(topology.host),
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

  private topologyOf(index: number): Topology {
    const { hosts, planes, probe, arp } = this.options;
    const names = HOST_NAMES.slice(0, hosts);
    const indexes = Array.from({ length: planes }, (_, plane) => plane);
    const alias = (host: number) => (FIRST_ALIAS + host) as Ipv4;
    return {
      cluster: 'demo',
      host: names[index]!,
      planes: PLANE_NAMES.slice(0, planes),
      aliases: [alias(index)],
      links: indexes.map((plane) => ({ plane, name: `eth${plane}`, priority: 0 })),
      peers: names.flatMap((name, peer) =>
        peer === index
          ? []
          : [{ kind: 'agent', name, aliases: [alias(peer)], planes: indexes, discovered: false }],
      ),
      probe,
      arp,
      route: { protocol: 77, metric: 100, table: 254, rtoMin: 5 },
      beacon: undefined,
    };
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
      // A host without power sends nothing; its packets are nobody's loss.
      const silent = !stream.source.powered;
      const fate = silent ? 'delivered' : fateOf(stream.source, stream.destination, this.hosts);
      if (fate !== stream.fate) this.trace.text(`${stream.source.name} ${stream.destination.name} ${fate}`);
      stream.turn(fate, this.clock.now);
    }
    this.invariants.settled();
  }
}
