import type { KernelLink } from './card';
import type { Host } from './host';
import type { Stream } from './stream';
import { passes } from './wire';

/** The ways between the two hosts of a stream. */
export interface Way {
  /** by plane: since when frames pass both ways and the far end answers; undefined while not */
  readonly healthySince: (number | undefined)[];
  /** when one of them last ceased to be healthy, or what is ours was changed by somebody else */
  worsenedAt: number;
}

/** An unsolicited look at what was changed comes at most this many ms later (the shell's repair), with its latencies. */
const REPAIR_TIME = 25;

/** Which ways are healthy, and since when. */
export class Ways {
  private readonly ways: ReadonlyMap<Stream, Way>;

  constructor(readonly streams: readonly Stream[]) {
    this.ways = new Map(
      streams.map((stream) => [
        stream,
        { healthySince: stream.source.links.map(() => undefined), worsenedAt: 0 },
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
      const healthy = isHealthy(source, from, destination, to);
      const before = way.healthySince[plane];
      const changedAt = Math.max(from.changedAt, to.changedAt);
      if (before !== undefined && (!healthy || changedAt > before)) way.worsenedAt = now;
      way.healthySince[plane] = healthy ? Math.max(before ?? now, changedAt) : undefined;
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
  const answers = agent !== undefined && !agent.paused && agent.core.responder.acting === 'agent';
  return answers && !destination.isWithheld(to);
}
