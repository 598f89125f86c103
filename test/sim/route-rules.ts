import type { Actions } from '../../agent/core/event';
import { BROADCAST_SPACING } from '../../agent/core/pace';
import { isUsable, type KernelStep } from '../../agent/core/routing';
import type { KernelLink } from './card';
import type { Clock } from './clock';
import type { Host } from './host';
import { routeIdentity } from './route-identity';
import type { Stream } from './stream';
import { type Rule, Violation } from './violation';
import type { Way } from './ways';

/** Settings of a card that has just appeared are made within this many ms. */
const SETTING_TIME = 30;
/** Less than this, in ms, is the same moment by the clock of another host. */
const INSTANT = 1e-3;
/** What may be told together with a failed path without costing a step in the kernel. */
const STEPLESS: readonly string[] = [
  'path-down',
  'path-suspect',
  'failover',
  'peer-unreachable',
  'beacons-lost',
];

/** The rules of routes that hold at every moment of every run, whatever fails. */
export class RouteRules {
  /** since when the source of a stream has its destination for a peer */
  private readonly knownSince = new Map<Stream, number>();
  /** cards whose settings an agent must have made, and when these appeared */
  private readonly prepared = new Map<KernelLink, number>();

  constructor(
    private readonly clock: Clock,
    /** how long it may take at most until one host notices that another one is silent, in ms */
    private readonly bound: (source: Host, destination: Host) => number,
    /** how much longer an agent takes that has just started, and knows no round trip yet, in ms: agent/core/liveness.ts */
    private readonly learning: number,
    /** how long a healthy way needs at most until packets may leave by it, where there is no other, in ms */
    private readonly discovery: () => number,
  ) {}

  /** An agent is about to carry out what its core wants: a path that goes down takes one route out, where the next one stands. */
  acts(host: Host, { notes, steps }: Actions): void {
    if (!notes.every(({ event }) => STEPLESS.includes(event))) return;
    // A path without a route is taken over from a former run, or of a host that the file names again: that is no failure.
    if (notes.some(({ fields }) => fields.cause === 'adopted')) return;
    // Nor does the plan know of a route that somebody has taken this very moment.
    if (host.agent?.unrepaired === true) return;
    for (const peer of new Set(notes.map(({ fields }) => fields.peer))) {
      const known = host.agent?.core.registry.peerNamed(String(peer));
      const alias = known?.kind === 'agent' ? known.aliases[0] : undefined;
      const failed = notes
        .filter(({ event, fields }) => event === 'path-down' && fields.peer === peer)
        .map(({ fields }) => host.kernel.links.get(String(fields.link))!.ifindex);
      if (failed.length === 0 || alias === undefined) continue;
      const standing = unicastTo(host, alias).map(({ device }) => device);
      // Where nothing is left that works, all routes are to stand again.
      const left = host.agent!.core.registry.paths.get(known!)!.filter(({ state }) => isUsable(state));
      if (!left.some(({ device }) => device !== undefined && standing.includes(device))) continue;
      const wanted = standing.filter((device) => failed.includes(device)).length;
      const own = steps.filter(
        (step) =>
          'route' in step && step.route.type === 'unicast' && step.route.destination.address === alias,
      );
      // The peer prefers other planes at the same time.
      const reordered = own.some(
        (step) => step.operation === 'add-route' && standing.includes(step.route.device),
      );
      const made = reordered ? 0 : own.length;
      if (made > wanted) this.fail('one-step', `${host.name} takes ${made} steps for ${wanted} failed paths`);
    }
  }

  /** A step is about to be carried out: none may take the last route to a peer. */
  step(host: Host, step: KernelStep): void {
    if (step.operation !== 'remove-route' || step.route.type !== 'unicast') return;
    const { address } = step.route.destination;
    const removed = routeIdentity(step.route);
    const standing = unicastTo(host, address);
    const others = standing.filter((route) => routeIdentity(route) !== removed);
    // Somebody else has taken it, with its alias.
    if (others.length === standing.length) return;
    // What somebody else deleted this very moment, it can't know yet; and who was forgotten needs none.
    const unaware = host.agent?.unrepaired === true;
    const forgotten = host.agent?.core.registry.peerOf(address) === undefined;
    if (others.length === 0 && !unaware && !forgotten)
      this.fail('last-route', `${host.name} removes its only route to ${address.toString(16)}`);
  }

  /** Judges the time up to `now`, in which nothing has changed. */
  judge(stream: Stream, way: Way, now: number): void {
    const { source, destination, brokenSince } = stream;
    const { agent } = source;
    if (agent === undefined || agent.hindered) return;
    // Of a host that was discovered in a former run, and is silent now, nothing but its routes is left.
    if (agent.core.registry.peerNamed(destination.name) === undefined) this.knownSince.delete(stream);
    else if (!this.knownSince.has(stream)) this.knownSince.set(stream, now);
    const knownSince = this.knownSince.get(stream);
    if (knownSince === undefined) return;
    this.checkDead(stream, way, now);
    if (brokenSince === undefined) return;
    const bestSince = Math.min(...way.healthySince.map((since) => since ?? Number.POSITIVE_INFINITY));
    const deadline = Math.max(
      Math.max(brokenSince, way.worsenedAt, source.reloadedAt + this.learning) +
        this.bound(source, destination),
      Math.max(bestSince, agent.runningSince, knownSince) + this.discovery(),
    );
    if (now <= deadline) return;
    const since = `${brokenSince.toFixed(2)} (${stream.fate})`;
    this.fail(
      'unreached',
      `${source.name} has not reached ${destination.name} since ${since}, though a way is healthy`,
    );
  }

  /** Everything of this moment has happened at a host: which of its cards must be set up by now. */
  watch({ agent, links }: Host): void {
    if (agent === undefined || agent.behind) return;
    const from = this.clock.now - SETTING_TIME;
    for (const link of links) {
      if (link.present && agent.runningSince < from && link.appearedAt < from)
        this.prepared.set(link, link.appearedAt);
    }
  }

  /** Everything of this moment has happened at the source of a stream. */
  settled(stream: Stream): void {
    const { source, destination, fate } = stream;
    const { agent } = source;
    const unaware = agent === undefined || agent.unrepaired;
    if (fate === 'foreign' && source.protected && !unaware)
      this.fail('foreign-route', `${source.name} sends to ${destination.name} by a route that is not ours`);
    this.checkKernel(stream);
    if (agent === undefined || agent.behind) return;
    const routes = unicastTo(source, destination.alias);
    // A discovered host is on those planes alone that its beacons have named.
    const peer = agent.core.registry.peerNamed(destination.name);
    const paths = peer === undefined ? [] : agent.core.registry.paths.get(peer)!;
    if (routes.length === 0 && paths.some(({ device }) => device !== undefined))
      this.fail('no-route', `${source.name} has no route to ${destination.name}`);
  }

  /** Whether or not an agent runs, and before it knows: the kernel passes over a link without carrier that was once set up. */
  private checkKernel({ source, destination, fate }: Stream): void {
    if (fate !== 'no-carrier') return;
    const { kernel } = source;
    const link = kernel.deviceOf(kernel.route(destination.alias)!.device)!;
    if (this.prepared.get(link) !== link.appearedAt) return;
    if (unicastTo(source, destination.alias).some(({ device }) => kernel.deviceOf(device)?.carrier))
      this.fail('kernel-failover', `${source.name} sends to ${destination.name} by a link without carrier`);
  }

  /** No route stands by a way that is dead for longer than it takes to notice, where another one is healthy since long ago. */
  private checkDead({ source, destination }: Stream, way: Way, now: number): void {
    const agent = source.agent!;
    if (!way.deadSince.some((since) => since !== undefined)) return;
    const known = now - this.discovery();
    const live = way.healthySince.some(
      (since, plane) => since !== undefined && since < known && !source.isDrained(source.link(plane)),
    );
    const startedAt = Math.max(agent.runningSince, source.reloadedAt);
    const since = Math.max(startedAt + this.learning, destination.agentChangedAt);
    if (!live || agent.runningSince >= known) return;
    // Where a path has learned a card of another plane, it finds its own when everybody is asked.
    const joined = agent.core.planesJoined(source.toHost(now)) ? BROADCAST_SPACING : 0;
    const bound = this.bound(source, destination) + joined;
    way.deadSince.forEach((deadSince, plane) => {
      const { ifindex } = source.link(plane);
      if (deadSince === undefined) return;
      if (now <= Math.max(deadSince, since, this.presumedUntil(source, destination, ifindex)) + bound) return;
      if (unicastTo(source, destination.alias).every(({ device }) => device !== ifindex)) return;
      const what = `${source.name} has a route to ${destination.name} by plane ${plane}`;
      this.fail('dead-route', `${what}, which is dead since ${deadSince.toFixed(2)}, and another is healthy`);
    });
  }

  /** Until when a path is presumed to work that has just become known, and was never judged. */
  private presumedUntil(source: Host, destination: Host, device: number): number {
    const { registry } = source.agent!.core;
    const peer = registry.peerNamed(destination.name);
    const path = peer && registry.paths.get(peer)?.find((each) => each.device === device);
    if (path === undefined) return 0;
    const since = source.toWorld(path.since);
    // It may be judged this very moment, its route still to be removed.
    const isOpen = path.state === 'unknown' || this.clock.now - since < INSTANT;
    return isOpen ? since + this.learning : 0;
  }

  private fail(rule: Rule, what: string): never {
    throw new Violation(rule, this.clock.now, what);
  }
}

function unicastTo({ kernel }: Host, address: number) {
  return kernel.routes.filter(
    ({ destination, type }) => destination.address === address && type === 'unicast',
  );
}
