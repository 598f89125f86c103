import type { KernelLink } from './card';
import type { Host } from './host';
import type { Stream } from './stream';
import { passes } from './wire';

/** The ways between the two hosts of a stream. */
export interface Way {
  /** by plane: since when frames pass both ways and the far end answers, and none is lost by chance; undefined while not */
  readonly healthySince: (number | undefined)[];
  /** the same, but for what is lost or late by chance */
  readonly passingSince: (number | undefined)[];
  /** by plane: since when no card of the far end can exchange frames with ours; undefined while one can */
  readonly deadSince: (number | undefined)[];
  /** when one of them last ceased to be healthy, or what is ours was changed by somebody else */
  worsenedAt: number;
}

/** An unsolicited look at what was changed comes at most this many ms later (the shell's repair), with its latencies. */
const REPAIR_TIME = 25;

/** Which ways are healthy, and since when. */
export class Ways {
  private readonly ways: ReadonlyMap<Stream, Way>;

  constructor(
    readonly streams: readonly Stream[],
    /** whether frames get lost by chance everywhere */
    private readonly lossy: boolean,
  ) {
    const unknown = ({ source }: Stream) => source.links.map(() => undefined);
    this.ways = new Map(
      streams.map((stream) => [
        stream,
        {
          healthySince: unknown(stream),
          passingSince: unknown(stream),
          deadSince: unknown(stream),
          worsenedAt: 0,
        },
      ]),
    );
  }

  of(stream: Stream): Way {
    return this.ways.get(stream)!;
  }

  /** Takes what has become of the way of a stream at `now`. */
  update(stream: Stream, now: number): void {
    const { source, destination } = stream;
    const way = this.of(stream);
    source.links.forEach((from, plane) => {
      const to = destination.link(plane);
      const passing = isHealthy(source, from, destination, to);
      const healthy = passing && !this.lossy && !isUnreliable(from, to);
      const before = way.healthySince[plane];
      const changedAt = lastChange(from, to);
      if (before !== undefined && (!healthy || changedAt > before)) way.worsenedAt = now;
      way.healthySince[plane] = healthy ? Math.max(before ?? now, changedAt) : undefined;
      way.passingSince[plane] = passing ? Math.max(way.passingSince[plane] ?? now, changedAt) : undefined;
      way.deadSince[plane] = isDead(source, from, destination) ? (way.deadSince[plane] ?? now) : undefined;
    });
    if (source.agent?.unrepaired) way.worsenedAt = now + REPAIR_TIME;
  }
}

/** Whether requests of `source` on a plane reach `destination`, are answered, and the answers come back. */
export function isHealthy(source: Host, from: KernelLink, destination: Host, to: KernelLink): boolean {
  if (!source.powered || !destination.powered || !from.up || !to.up) return false;
  if (!passes(from.port, to.port) || !passes(to.port, from.port)) return false;
  const { kernel, agent, alias } = destination;
  if (kernel.answers(to, alias)) return !kernel.filters(to, source.alias);
  const answers = agent !== undefined && !agent.hindered && agent.core.responder.acting === 'agent';
  return answers && !destination.isWithheld(to);
}

/** When the state of two cards on a plane, or what their switches do to frames, last changed; in the future while old frames are under way. */
function lastChange(from: KernelLink, to: KernelLink): number {
  return Math.max(from.changedAt, to.changedAt, from.port.backplane.changedAt, to.port.backplane.changedAt);
}

function isUnreliable(from: KernelLink, to: KernelLink): boolean {
  return from.port.backplane.unreliable || to.port.backplane.unreliable;
}

/** Whether nothing that `source` asks on a card can be answered by any card of `destination`, whatever plane that is on. */
function isDead(source: Host, from: KernelLink, destination: Host): boolean {
  if (!source.powered || !destination.powered || !from.up) return true;
  return destination.links.every(
    ({ up, port }) => !up || !passes(from.port, port) || !passes(port, from.port),
  );
}
