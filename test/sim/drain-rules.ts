import { isUsable } from '../../agent/core/routing';
import type { KernelLink } from './card';
import type { Clock } from './clock';
import type { Host } from './host';
import type { Stream } from './stream';
import { type Rule, Violation } from './violation';

/** The rules of drained links that hold at every moment of every run, whatever fails. */
export class DrainRules {
  /** since when peers are kept from a link by an agent that has run all the while */
  private readonly drainedSince = new Map<KernelLink, number>();

  constructor(
    private readonly clock: Clock,
    /** how long it may take at most until one host notices that another one is silent, in ms */
    private readonly detection: (source: Host, destination: Host) => number,
    /** how much longer an agent takes that has just started, and knows no round trip yet, in ms: agent/core/liveness.ts */
    private readonly learning: number,
  ) {}

  /** Everything of this moment has happened at a host: it sends by none of its drained links while it takes another way to be usable. */
  settled(host: Host): void {
    const { agent, kernel, links } = host;
    for (const link of links) {
      if (agent === undefined || agent.hindered || !host.isWithheld(link)) this.drainedSince.delete(link);
      else if (!this.drainedSince.has(link)) this.drainedSince.set(link, this.clock.now);
    }
    if (agent === undefined || agent.behind) return;
    for (const [peer, paths] of agent.core.registry.paths) {
      const others = paths.some(
        ({ state, device }) => device !== undefined && (isUsable(state) || state === 'held'),
      );
      if (!others || peer.kind !== 'agent') continue;
      const drained = kernel.routes.find(({ destination, device }) => {
        const link = links.find(({ ifindex }) => ifindex === device);
        return destination.address === peer.aliases[0] && link !== undefined && host.isDrained(link);
      });
      if (drained !== undefined)
        this.fail('drained-route', `${host.name} has a route to ${peer.name} by its drained link`);
    }
  }

  /**
   * Judges the time up to `now`, in which nothing has changed: nobody sends to a link that is drained for longer than it takes to notice,
   * where another way is healthy since `known` or before.
   */
  judge(
    { source, destination }: Stream,
    healthySince: readonly (number | undefined)[],
    now: number,
    known: number,
  ): void {
    const { agent, kernel, links } = source;
    if (agent === undefined || agent.hindered) return;
    const plane = links.findIndex(({ ifindex }) => ifindex === kernel.route(destination.alias)?.device);
    if (plane < 0) return;
    // On joined planes another card of the destination may have answered there.
    const mac = kernel.neighbor(links[plane]!.ifindex, destination.alias);
    const reached = destination.links.find((link) => link.mac === mac) ?? destination.link(plane);
    const since = this.drainedSince.get(reached);
    if (since === undefined) return;
    const other = healthySince.some(
      (from, index) => from !== undefined && from < known && !source.isDrained(source.link(index)),
    );
    // Nothing is known yet of a peer that a file has just named.
    const startedAt = Math.max(agent.runningSince, source.reloadedAt);
    const deadline = Math.max(since, startedAt + this.learning) + this.detection(source, destination);
    if (other && now > deadline)
      this.fail(
        'drained-use',
        `${source.name} still sends to ${destination.name} by plane ${plane}, drained since ${since.toFixed(2)}`,
      );
  }

  private fail(rule: Rule, what: string): never {
    throw new Violation(rule, this.clock.now, what);
  }
}
