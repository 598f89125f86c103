import { setTimeout as delay } from 'node:timers/promises';
import type { Agent } from './agent';
import { type Clock, isoTime } from './clock';
import type { DrainReport, DrainRequest, LinkName, UndrainReport } from './control/protocol';
import { ControlError } from './control/server';
import { drainCost } from './core/draining';
import type { Link } from './core/link';

/** The peers get this many times the longest detection to leave a drained link: a hint may be lost, and a peer may be busy. */
const MARGIN = 2;
/** The time that a request waits for its answer is at most so many round trips, where these are steady. */
const ROUND_TRIPS = 3;

/** Takes links out of use and gives them back, for the operator. */
export class Maintenance {
  constructor(
    private readonly agent: Agent,
    private readonly clock: Clock,
  ) {}

  /**
   * Drains links; resolves when the routes here have left them, and the peers have had the time to leave. Throws {@link ControlError} where
   * there is no such link, or where it would cut somebody off and is not forced; then nothing has changed.
   */
  async drain({ target, for: time, force }: DrainRequest, signal: AbortSignal): Promise<DrainReport> {
    const links = this.linksOf(target);
    const names = links.map(({ name }) => name);
    const stranded = this.costOf(names, force);
    const until = time === undefined ? Number.POSITIVE_INFINITY : this.clock.now() + time;
    this.agent.drain(names, until);
    const from = this.clock.now();
    // A client that asks no further has still drained them.
    await delay(this.timeToLeave(links), undefined, { signal, ref: false }).catch(() => undefined);
    const { registry } = this.agent.core;
    const farEnds = [...registry.paths.keys()].filter(({ kind }) => kind === 'far-end');
    return {
      links: links.map((link) => this.nameOf(link)),
      until: time === undefined ? null : isoTime(this.clock, until),
      stranded,
      answering: names.filter((name) => !this.agent.core.isSilenceable(name)),
      farEnds: farEnds.map(({ name }) => name),
      waited: Math.round(this.clock.now() - from),
    };
  }

  /** Gives links back. Throws {@link ControlError} where there is no such link. */
  undrain(target: string): UndrainReport {
    const links = this.linksOf(target);
    const drained = links.filter((link) => link.drained);
    this.agent.undrain(links.map(({ name }) => name));
    return { links: drained.map((link) => this.nameOf(link)) };
  }

  /** A link by its name, or those on a plane. */
  private linksOf(target: string): Link[] {
    const { topology, registry } = this.agent.core;
    const links = [...registry.links.values()];
    const named = links.filter(({ name }) => name === target);
    const found =
      named.length > 0 ? named : links.filter(({ place }) => topology.planes[place.plane] === target);
    if (found.length > 0) return found;
    const known = links.map(({ name, place }) => `${name} (${topology.planes[place.plane]})`).join(', ');
    throw new ControlError('unknown-link', `there is no link or plane ${target} here; there are ${known}`);
  }

  /** Names of the peers that would be cut off. Throws {@link ControlError} where there are some, or it is the last link, unless it is forced. */
  private costOf(names: readonly string[], force: boolean): string[] {
    const { last, stranded } = drainCost(this.agent.core.registry, names);
    const peers = stranded.map(({ name }) => name);
    if (force || !(last || peers.length > 0)) return peers;
    const cost = [
      last ? 'no other link of this host serves' : '',
      peers.length > 0 ? `no other usable path leads to ${peers.join(', ')}` : '',
    ].filter((text) => text !== '');
    throw new ControlError(
      'last-link',
      `${names.join(', ')} stays in use: ${cost.join(', and ')}; --force drains all the same`,
    );
  }

  /** How long the peers may take to leave, in ms: see docs/cli.md. */
  private timeToLeave(links: readonly Link[]): number {
    const { topology, registry, speaks } = this.agent.core;
    const { interval, retry, misses } = topology.probe;
    const rtt = Math.max(
      0,
      ...links.flatMap((link) => [...registry.pathsOver(link)].map((path) => path.rtt ?? 0)),
    );
    const detection = interval + misses * Math.max(retry, ROUND_TRIPS * rtt);
    return Math.ceil(MARGIN * Math.max(detection, speaks ? topology.beacon!.interval : 0));
  }

  private nameOf({ name, place }: Link): LinkName {
    return { name, plane: this.agent.core.topology.planes[place.plane]! };
  }
}
