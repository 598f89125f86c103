import type { Note } from '../../agent/core/event';
import type { KernelStep } from '../../agent/core/routing';
import { ETHERTYPE_ARP, readUint16 } from '../../agent/wire/ethernet';
import { BeaconRules } from './beacon-rules';
import type { KernelLink, Question, WireWitness } from './card';
import type { Clock } from './clock';
import type { ClusterOptions } from './cluster';
import { DrainRules } from './drain-rules';
import type { Host } from './host';
import { Questions } from './questions';
import { routeIdentity } from './route-identity';
import type { Stream } from './stream';
import { Violation } from './violation';
import { isHealthy, Ways } from './ways';

/** How often frames are counted, in ms. */
const FRAME_WINDOW = 1000;
/** A path that is down asks everybody once a second: how long a healthy one needs at most to be found. */
const BROADCAST_SPACING = 1000;

/** Why an agent takes a path to be down that it has asked, and not its own link or the word of another. */
const JUDGEMENTS: readonly string[] = ['silence', 'hint', 'beacon-silence'];

/** The rules of DESIGN.md that hold at every moment of every run, whatever fails. */
export class Invariants implements WireWitness {
  readonly beacons: BeaconRules;
  private readonly drains: DrainRules;
  private hosts: readonly Host[] = [];
  private streams: readonly Stream[] = [];
  private ways = new Ways([]);
  private readonly questions: Questions;
  private readonly frames = new Map<string, number>();
  /** when a host last judged a path by itself, by host, peer and plane */
  private readonly judgements = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly options: ClusterOptions,
  ) {
    this.questions = new Questions(clock, options.latency);
    this.beacons = new BeaconRules(clock, options);
    this.drains = new DrainRules(
      clock,
      (source, destination) => Math.max(this.detection, this.beacons.detectionBetween(source, destination)),
      3 * options.probe.interval,
    );
  }

  /**
   * How long silence may stay unnoticed, in ms: one interval, all misses, and what the way and the agents take. For round trips well
   * below `retry`, as the schedules have them; longer ones lengthen the wait for every answer.
   */
  get detection(): number {
    const { probe, conditions, latency } = this.options;
    const roundTrip = 2 * (conditions.delay + conditions.jitter) + 0.1;
    return probe.interval + probe.misses * probe.retry + roundTrip + (probe.misses + 2) * latency;
  }

  /** How long a healthy way needs at most until packets may leave by it, where there is no other, in ms. */
  get discovery(): number {
    return BROADCAST_SPACING + 4 * this.options.probe.interval + this.detection;
  }

  watch(hosts: readonly Host[], streams: readonly Stream[]): void {
    this.hosts = hosts;
    this.streams = streams;
    this.ways = new Ways(streams);
    this.beacons.watch(hosts);
    this.clock.after(FRAME_WINDOW, () => this.countFrames());
  }

  agentSent(host: string, bytes: Uint8Array): void {
    if (readUint16(bytes, 12) === ETHERTYPE_ARP) this.frames.set(host, (this.frames.get(host) ?? 0) + 1);
    else this.beacons.sent(this.host(host));
  }

  asked(name: string, question: Question): void {
    this.questions.asked(this.host(name), question);
  }

  agentStarted(name: string): void {
    this.beacons.agentStarted(this.host(name));
  }

  agentEnded(name: string): void {
    this.questions.agentEnded(name);
  }

  sent(host: string, bytes: Uint8Array): void {
    this.questions.sent(host, bytes);
  }

  arrived(host: string, link: KernelLink, bytes: Uint8Array): void {
    if (readUint16(bytes, 12) !== ETHERTYPE_ARP) this.beacons.arrived(this.host(host), link, bytes);
  }

  /** An agent tells something. */
  told(name: string, note: Note): void {
    this.beacons.told(this.host(name), note);
    if (note.event === 'drained' || note.event === 'drain-resumed')
      this.questions.drained(name, String(note.fields.link));
    const { cause, peer, plane } = note.fields;
    if (note.event === 'path-down' && JUDGEMENTS.includes(String(cause)))
      this.judgements.set(`${name} ${peer} ${plane}`, this.clock.now);
    // What a former run of the agent left is not trusted, whatever the reason was.
    if (note.event === 'path-down' && note.fields.cause !== 'adopted') this.checkBlame(this.host(name), note);
  }

  /** A step is about to be carried out: none may take the last route to a peer. */
  step(name: string, step: KernelStep): void {
    if (step.operation !== 'remove-route' || step.route.type !== 'unicast') return;
    const host = this.host(name);
    const { address } = step.route.destination;
    const removed = routeIdentity(step.route);
    const others = host.kernel.routes.filter(
      (route) =>
        route.type === 'unicast' && route.destination.address === address && routeIdentity(route) !== removed,
    );
    // What somebody else deleted this very moment, it can't know yet; and who was forgotten needs none.
    const unaware = host.agent?.unrepaired === true;
    const forgotten = host.agent?.core.registry.peerOf(address) === undefined;
    if (others.length === 0 && !unaware && !forgotten)
      this.fail(`${name} removes its only route to ${address.toString(16)}`);
  }

  /** Whether the way of `source` to `destination` by a plane is healthy at this moment. */
  isHealthy(source: Host, destination: Host, plane: number): boolean {
    return isHealthy(source, source.link(plane), destination, destination.link(plane));
  }

  /** Judges the time up to `now`, in which nothing has changed. */
  judge(now: number): void {
    for (const stream of this.streams) {
      const { brokenSince, source, destination } = stream;
      const { agent } = source;
      if (this.options.conditions.loss === 0)
        this.drains.judge(stream, this.ways.of(stream).healthySince, now, now - this.discovery);
      if (brokenSince === undefined || agent === undefined || agent.paused) continue;
      const { healthySince, worsenedAt } = this.ways.of(stream);
      const bestSince = Math.min(...healthySince.map((since) => since ?? Number.POSITIVE_INFINITY));
      const detection = Math.max(this.detection, this.beacons.detectionBetween(source, destination));
      const deadline = Math.max(
        Math.max(brokenSince, worsenedAt) + detection,
        Math.max(bestSince, agent.runningSince) + this.discovery,
      );
      if (now > deadline && this.options.conditions.loss === 0) {
        const since = `${brokenSince.toFixed(2)} (${stream.fate})`;
        this.fail(
          `${source.name} has not reached ${destination.name} since ${since}, though a way is healthy`,
        );
      }
    }
  }

  /** Everything of this moment has happened. */
  settled(): void {
    for (const stream of this.streams) this.ways.update(stream, this.clock.now);
    for (const host of this.hosts) {
      this.checkRoutes(host);
      this.drains.settled(host);
    }
    this.beacons.settled();
    for (const { fate, source, destination } of this.streams) {
      const tampered = source.agent === undefined || source.agent.unrepaired;
      if (fate === 'foreign' && source.protected && !tampered)
        this.fail(`${source.name} sends to ${destination.name} by a route that is not ours`);
    }
  }

  /** No path is down that was healthy since before the trouble that it is said to have begun with. */
  private checkBlame(host: Host, note: Note): void {
    const { causedAt, fields } = note;
    const stream = this.streams.find(
      ({ source, destination }) => source === host && destination.name === fields.peer,
    )!;
    const plane = host.links.findIndex(({ name }) => name === fields.link);
    const healthySince = this.ways.of(stream).healthySince[plane];
    const { delay, jitter, loss } = this.options.conditions;
    const trouble = host.toWorld(causedAt!);
    const { registry } = host.agent!.core;
    const path = registry.paths
      .get(registry.peerNamed(stream.destination.name)!)!
      .find(({ link }) => link === fields.link)!;
    // The far end's address changed, and nobody was there to tell or to hear it.
    const asksAnother = path.mac !== undefined && path.mac !== stream.destination.link(plane).mac;
    if (healthySince === undefined || asksAnother || loss > 0) return;
    const withdrawn = fields.cause === 'withdrawn' || fields.cause === 'drained';
    if (withdrawn && this.beacons.disbelieves(host, stream.destination)) return;
    if (fields.cause === 'not-heard' && this.isFollowing(host, note)) return;
    // An agent that stood still tells what happened meanwhile.
    const toldSince = withdrawn ? (stream.destination.agent?.runningSince ?? 0) : 0;
    if (Math.max(healthySince, toldSince) < trouble - 2 * this.options.latency - delay - jitter - 1)
      this.fail(
        `${host.name} takes ${fields.peer} to be down on ${fields.plane} (${fields.cause}) since ${trouble.toFixed(3)}; healthy since ${healthySince.toFixed(3)}`,
      );
  }

  /** Whether a host takes a path to be down that its far end has just judged: that says so at once, or when it may say something again. */
  private isFollowing(host: Host, { fields }: Note): boolean {
    const { beacons, latency, conditions } = this.options;
    const { delay, jitter } = conditions;
    const judgedAt = this.judgements.get(`${fields.peer} ${host.name} ${fields.plane}`) ?? 0;
    return this.clock.now - judgedAt <= beacons!.options.interval + 2 * latency + delay + jitter + 1;
  }

  /** No peer is without a route while a link could carry one. */
  private checkRoutes(host: Host): void {
    const { agent, kernel } = host;
    if (agent === undefined || agent.behind || !host.links.some((link) => link.up)) return;
    for (const { source, destination } of this.streams) {
      if (source !== host || !host.knows(destination)) continue;
      const routes = kernel.routes.filter((route) => route.destination.address === destination.alias);
      if (!routes.some(({ type }) => type === 'unicast'))
        this.fail(`${host.name} has no route to ${destination.name}`);
    }
  }

  private countFrames(): void {
    const { probe, planes, hosts } = this.options;
    const paths = planes * (hosts - 1);
    // Each path: at most two verifications an interval. As many again to answer, and the announcements.
    const limit = (FRAME_WINDOW / probe.interval + 1) * paths * 4 * probe.misses + 10 * planes;
    for (const [host, frames] of this.frames) {
      if (frames > limit) this.fail(`${host} sent ${frames} frames in a second; ${limit} are its limit`);
    }
    this.frames.clear();
    this.beacons.count(FRAME_WINDOW);
    this.questions.check(this.hosts);
    this.clock.after(FRAME_WINDOW, () => this.countFrames());
  }

  private host(name: string): Host {
    return this.hosts.find((host) => host.name === name)!;
  }

  private fail(what: string): never {
    throw new Violation(this.clock.now, what);
  }
}
