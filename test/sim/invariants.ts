import type { KernelStep } from '../../agent/core/routing';
import type { Mac } from '../../agent/wire/address';
import { readMac, readUint16 } from '../../agent/wire/ethernet';
import type { ArpWitness, KernelLink, Question } from './card';
import type { Clock } from './clock';
import type { ClusterOptions } from './cluster';
import type { Host } from './host';
import type { Stream } from './stream';
import { passes } from './wire';

/** One of the rules that always hold was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** A question that has not been answered yet. */
interface Open extends Question {
  readonly at: number;
}

/** The ways between the two hosts of a stream. */
interface Ways {
  /** by plane: since when frames pass both ways and the far end answers; undefined while not */
  readonly healthySince: (number | undefined)[];
  /** when one of them last ceased to be healthy, or what is ours was changed by somebody else */
  worsenedAt: number;
}

/** An answer takes at most this many ms, beside the latency of the agent, where somebody is there to give it. */
const ANSWER_TIME = 20;
/** How often frames are counted, in ms. */
const FRAME_WINDOW = 1000;
/** An unsolicited look at what was changed comes at most this many ms later (the shell's repair), with its latencies. */
const REPAIR_TIME = 25;
/** A path that is down asks everybody once a second: how long a healthy one needs at most to be found. */
const BROADCAST_SPACING = 1000;

/** The rules of DESIGN.md that hold at every moment of every run, whatever fails. */
export class Invariants implements ArpWitness {
  private hosts: readonly Host[] = [];
  private streams: readonly Stream[] = [];
  private readonly ways = new Map<Stream, Ways>();
  /** by host and the requester's address */
  private readonly questions = new Map<string, Map<Mac, Open[]>>();
  private readonly frames = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly options: ClusterOptions,
  ) {}

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
    for (const stream of streams) {
      const healthySince = stream.source.links.map(() => undefined);
      this.ways.set(stream, { healthySince, worsenedAt: 0 });
    }
    this.clock.after(FRAME_WINDOW, () => this.countFrames());
  }

  agentSent(host: string): void {
    this.frames.set(host, (this.frames.get(host) ?? 0) + 1);
  }

  asked(name: string, question: Question): void {
    const nobody = !question.byKernel && this.host(name).agent === undefined;
    if (nobody) return;
    const questions = this.questionsOf(name, question.requester);
    // On joined planes one request arrives at two cards; it is still one.
    if (!questions.some(({ serial }) => serial === question.serial))
      questions.push({ ...question, at: this.clock.now });
  }

  agentEnded(name: string): void {
    for (const [requester, questions] of this.questions.get(name) ?? []) {
      const byKernel = questions.filter((question) => question.byKernel);
      this.questions.get(name)!.set(requester, byKernel);
    }
  }

  sent(host: string, bytes: Uint8Array): void {
    const isReply = readUint16(bytes, 20) === 2;
    if (!isReply) return;
    const question = this.questionsOf(host, readMac(bytes, 0)).shift();
    if (question === undefined) this.fail(`${host} answers a request a second time`);
  }

  /** A step is about to be carried out: none may take the last route to a peer. */
  step(name: string, step: KernelStep): void {
    if (step.operation !== 'remove-route' || step.route.type !== 'unicast') return;
    const { address } = step.route.destination;
    const others = this.host(name).kernel.routes.filter(
      (route) =>
        route.type === 'unicast' &&
        route.destination.address === address &&
        route.device !== step.route.device,
    );
    // What somebody else deleted this very moment, it can't know yet.
    const unaware = this.host(name).agent?.unrepaired === true;
    if (others.length === 0 && !unaware)
      this.fail(`${name} removes its only route to ${address.toString(16)}`);
  }

  /** Whether the way of `source` to `destination` by a plane is healthy at this moment. */
  isHealthy(source: Host, destination: Host, plane: number): boolean {
    return isHealthy(source, source.link(plane), destination, destination.link(plane));
  }

  /** Judges the time up to `now`, in which nothing has changed. */
  judge(now: number): void {
    for (const [stream, ways] of this.ways) {
      const { brokenSince, source, destination } = stream;
      const { agent } = source;
      if (brokenSince === undefined || agent === undefined || agent.paused) continue;
      const bestSince = Math.min(...ways.healthySince.map((since) => since ?? Number.POSITIVE_INFINITY));
      const deadline = Math.max(
        Math.max(brokenSince, ways.worsenedAt) + this.detection,
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
    for (const stream of this.streams) this.updateWays(stream);
    for (const host of this.hosts) this.checkRoutes(host);
    for (const { fate, source, destination } of this.streams) {
      const tampered = source.agent === undefined || source.agent.unrepaired;
      if (fate === 'foreign' && source.protected && !tampered)
        this.fail(`${source.name} sends to ${destination.name} by a route that is not ours`);
    }
  }

  private updateWays(stream: Stream): void {
    const { source, destination } = stream;
    const ways = this.ways.get(stream)!;
    const { now } = this.clock;
    source.links.forEach((from, plane) => {
      const to = destination.link(plane);
      const healthy = isHealthy(source, from, destination, to);
      const before = ways.healthySince[plane];
      const changedAt = Math.max(from.changedAt, to.changedAt);
      if (before !== undefined && (!healthy || changedAt > before)) ways.worsenedAt = now;
      ways.healthySince[plane] = healthy ? Math.max(before ?? now, changedAt) : undefined;
    });
    if (source.agent?.unrepaired) ways.worsenedAt = now + REPAIR_TIME;
  }

  /** No peer is without a route while a link could carry one. */
  private checkRoutes(host: Host): void {
    const { agent, kernel } = host;
    if (agent === undefined || agent.behind || !host.links.some((link) => link.up)) return;
    for (const { destination } of this.streams.filter(({ source }) => source === host)) {
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
    this.checkAnswers();
    this.clock.after(FRAME_WINDOW, () => this.countFrames());
  }

  /** Every request is answered by somebody who was there all the time. */
  private checkAnswers(): void {
    for (const host of this.hosts) {
      if (host.agent?.paused) continue;
      for (const [requester, questions] of this.questions.get(host.name) ?? []) {
        const open = questions.filter((question) => this.isOpen(host, question));
        this.questions.get(host.name)!.set(requester, open);
      }
    }
  }

  /** Whether a question may still be answered; fails where it should have been. */
  private isOpen(host: Host, { at, link, byKernel }: Open): boolean {
    if (this.clock.now - at < ANSWER_TIME + this.options.latency) return true;
    const card = host.links.find(({ name }) => name === link)!;
    const answerable = byKernel || (host.agent?.runningSince ?? Number.POSITIVE_INFINITY) < at;
    if (card.changedAt < at && answerable)
      this.fail(`${host.name} left a request on ${link} without an answer since ${at.toFixed(3)}`);
    return false;
  }

  private questionsOf(name: string, requester: Mac): Open[] {
    const byRequester = this.questions.get(name) ?? new Map<Mac, Open[]>();
    this.questions.set(name, byRequester);
    const questions = byRequester.get(requester) ?? [];
    byRequester.set(requester, questions);
    return questions;
  }

  private host(name: string): Host {
    return this.hosts.find((host) => host.name === name)!;
  }

  private fail(what: string): never {
    throw new Violation(`at ${this.clock.now.toFixed(3)} ms: ${what}`);
  }
}

/** Whether requests of `source` on a plane reach `destination`, are answered, and the answers come back. */
function isHealthy(source: Host, from: KernelLink, destination: Host, to: KernelLink): boolean {
  if (!source.powered || !destination.powered || !from.up || !to.up) return false;
  if (!passes(from.port, to.port) || !passes(to.port, from.port)) return false;
  const { kernel, agent, alias } = destination;
  if (kernel.answers(to, alias)) return !kernel.filters(to, source.alias);
  return agent !== undefined && !agent.paused && agent.core.responder.acting === 'agent';
}
