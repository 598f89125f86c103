import type { Actions, Note } from '../../agent/core/event';
import type { KernelStep } from '../../agent/core/routing';
import { ETHERTYPE_ARP, readUint16 } from '../../agent/wire/ethernet';
import { BeaconRates } from './beacon-rates';
import { BeaconRules } from './beacon-rules';
import { Blame } from './blame';
import type { KernelLink, Question, WireWitness } from './card';
import type { Clock } from './clock';
import type { ClusterOptions } from './cluster';
import { DrainRules } from './drain-rules';
import type { Host } from './host';
import { Questions } from './questions';
import { Rates } from './rates';
import { RouteRules } from './route-rules';
import { fateOf, type Stream } from './stream';
import { Violation } from './violation';
import { isHealthy, Ways } from './ways';

/** A path that is down asks everybody once a second: how long a healthy one needs at most to be found. */
const BROADCAST_SPACING = 1000;

/** Who has drained its other link is reached by the last path that is left, which is not given up sooner, in ms: agent/core/liveness.ts. */
const LAST_PATIENCE = 100;

/** The rules of DESIGN.md that hold at every moment of every run, whatever fails; {@link RULES} names them. */
export class Invariants implements WireWitness {
  readonly beacons: BeaconRules;
  private readonly beaconRates: BeaconRates;
  private readonly drains: DrainRules;
  private readonly questions: Questions;
  private readonly rates: Rates;
  private readonly routes: RouteRules;
  private blame: Blame;
  private hosts: readonly Host[] = [];
  private streams: readonly Stream[] = [];
  private ways = new Ways([], false);
  /** how much longer round trips were than the schedules have them, so that agents may have learned to wait, in ms */
  private tolerance = 0;
  /** streams of a host whose agent is just starting that arrived before */
  private arriving: readonly Stream[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly options: ClusterOptions,
  ) {
    this.questions = new Questions(clock, options.latency);
    this.beacons = new BeaconRules(clock, options);
    this.beaconRates = new BeaconRates(clock, options);
    const bound = (source: Host, destination: Host) => this.bound(source, destination);
    const learning = 3 * options.probe.interval;
    this.drains = new DrainRules(clock, bound, learning);
    this.rates = new Rates(clock, options, () => this.hosts);
    this.routes = new RouteRules(clock, bound, learning, () => this.discovery);
    this.blame = new Blame(clock, options, this.ways, this.beacons);
  }

  /**
   * How long silence may stay unnoticed, in ms: one interval, all misses, and what the way and the agents take. For round trips well
   * below `retry`, as the schedules have them; longer ones lengthen the wait for every answer.
   */
  get detection(): number {
    const { probe, conditions, latency } = this.options;
    const roundTrip = 2 * (conditions.delay + conditions.jitter) + 0.1;
    const asking = probe.interval + probe.misses * probe.retry;
    return asking + roundTrip + (probe.misses + 2) * latency + this.tolerance;
  }

  /** How long a healthy way needs at most until packets may leave by it, where there is no other, in ms. */
  get discovery(): number {
    return BROADCAST_SPACING + 4 * this.options.probe.interval + this.detection;
  }

  /** Frames are under way for up to `delay` ms more than the schedules have it, or wait as long until they are answered. */
  delayed(delay: number): void {
    // RFC 6298: the time-out is the round trip and four variances of it, and it is waited for more than once.
    this.tolerance = Math.max(this.tolerance, 16 * delay);
  }

  watch(hosts: readonly Host[], streams: readonly Stream[]): void {
    this.hosts = hosts;
    this.streams = streams;
    this.ways = new Ways(streams, this.options.conditions.loss > 0);
    this.blame = new Blame(this.clock, this.options, this.ways, this.beacons);
    this.beacons.watch(hosts);
    this.rates.start((window) => {
      this.beaconRates.count(window);
      this.questions.check(hosts);
    });
  }

  agentSent(host: string, bytes: Uint8Array): void {
    this.rates.sent(host, bytes);
    if (readUint16(bytes, 12) !== ETHERTYPE_ARP) this.beaconRates.sent(this.host(host));
  }

  /** An agent has done what was due, and wants to be woken again at `next`. */
  woken(host: string, next: number): void {
    this.rates.woken(host, next);
  }

  asked(name: string, question: Question): void {
    this.questions.asked(this.host(name), question);
    this.rates.asked(name, question);
  }

  agentStarted(name: string): void {
    const host = this.host(name);
    this.beacons.agentStarted(host);
    this.beaconRates.changed(host);
    this.rates.changed(name);
    this.arriving = this.streams.filter(
      (stream) =>
        stream.source === host &&
        // Another file may want other routes, and another order of planes, than those that stand.
        host.reloadedAt < 0 &&
        // What is drained may be all that is left, until everything else is judged anew.
        !host.links.some((link) => host.isDrained(link)) &&
        isListed(stream) &&
        host.protected &&
        this.fate(stream) === 'delivered',
    );
  }

  reloaded(name: string): void {
    this.beacons.reloaded(this.host(name));
    this.rates.changed(name);
  }

  agentAdopted(name: string): void {
    const lost = this.arriving.find((stream) => this.fate(stream) !== 'delivered');
    this.arriving = [];
    if (lost === undefined) return;
    const what = `${name} starts, and no longer reaches ${lost.destination.name}: ${this.fate(lost)}`;
    throw new Violation('adoption', this.clock.now, what);
  }

  agentEnded(name: string): void {
    this.questions.agentEnded(name);
  }

  sent(host: string, bytes: Uint8Array): void {
    this.questions.sent(this.host(host), bytes);
  }

  arrived(host: string, link: KernelLink, bytes: Uint8Array): void {
    this.rates.arrived(host, bytes);
    if (readUint16(bytes, 12) !== ETHERTYPE_ARP) this.beacons.arrived(this.host(host), link, bytes);
  }

  /** An agent tells something. */
  told(name: string, note: Note): void {
    const host = this.host(name);
    this.beacons.told(host, note);
    this.beaconRates.told(host, note);
    if (note.event === 'drained' || note.event === 'drain-resumed')
      this.questions.drained(name, String(note.fields.link));
    this.blame.told(host, note);
    this.rates.told(name, note);
  }

  /** An agent is about to carry out what its core wants. */
  acts(name: string, actions: Actions): void {
    this.routes.acts(this.host(name), actions);
  }

  /** A step is about to be carried out. */
  step(name: string, step: KernelStep): void {
    this.routes.step(this.host(name), step);
  }

  /** Whether the way of `source` to `destination` by a plane is healthy at this moment. */
  isHealthy(source: Host, destination: Host, plane: number): boolean {
    return isHealthy(source, source.link(plane), destination, destination.link(plane));
  }

  /** Judges the time up to `now`, in which nothing has changed. */
  judge(now: number): void {
    for (const stream of this.streams) {
      const way = this.ways.of(stream);
      this.drains.judge(stream, way.healthySince, now, now - this.discovery);
      this.routes.judge(stream, way, now);
    }
  }

  /** Everything of this moment has happened. */
  settled(): void {
    for (const stream of this.streams) this.ways.update(stream, this.clock.now);
    for (const host of this.hosts) {
      this.drains.settled(host);
      this.routes.watch(host);
    }
    for (const stream of this.streams) this.routes.settled(stream);
    this.beacons.settled();
  }

  /** How long it may take at most until one host notices that another one is silent, in ms. */
  private bound(source: Host, destination: Host): number {
    const byBeacons = this.beacons.detectionBetween(source, destination);
    const drained = [source, destination].some((host) => host.links.some((link) => host.isDrained(link)));
    const bound = Math.max(this.detection, byBeacons === 0 ? 0 : byBeacons + this.tolerance);
    return drained ? bound + LAST_PATIENCE : bound;
  }

  private fate({ source, destination }: Stream): string {
    return fateOf(source, destination, this.hosts);
  }

  private host(name: string): Host {
    return this.hosts.find((host) => host.name === name)!;
  }
}

/** Whether the file of the source names the destination. */
function isListed({ source, destination }: Stream): boolean {
  return source.topology.peers.some(({ name }) => name === destination.name);
}
