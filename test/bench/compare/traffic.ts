import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../../deploy/lab/lab';
import { type Session, startSession } from '../../../deploy/lab/session';
import { type Stream, startStream } from '../../../deploy/lab/stream';
import { monotonic } from '../../../deploy/lab/wait';
import type { SessionPlace } from '../peers/system';
import { FAR, NEAR } from '../scene';

/** What a failure cost, in ms; infinite where it lasted as long as was watched, undefined where it isn't measured. */
export interface Cost {
  /** packets lost of the near host's stream, each as the ms between two of them */
  readonly toward: number | undefined;
  /** of the far host's stream */
  readonly from: number | undefined;
  /** the longest time from a request of the TCP session to its answer */
  readonly stall: number | undefined;
}

/** Packets a second each way: then packets lost are ms. */
const RATE = 1000;
/** A failure is watched for this long at least and, while packets are lost, at most; then TCP as long again. In ms. */
const SHORTEST = 400;
const LONGEST = 2000;
/** Between two looks whether packets arrive again; each is at the last ones before it, of those that had time to arrive. In ms. */
const LOOK = 100;
const TAIL = 150;
const ON_WAY = 20;
/** How long TCP may stall beyond the end of a watch in which the packets never arrived again, in ms. */
const SHORT_STALL = 100;

/** UDP each way and a TCP session between the near and the far host. */
export class ComparedTraffic {
  readonly #lab: Lab;
  readonly #place: SessionPlace | undefined;
  readonly #streams: Readonly<Record<'toward' | 'from', Stream | undefined>>;
  #session: Session;
  #sessionLost = false;

  private constructor(
    lab: Lab,
    place: SessionPlace | undefined,
    streams: readonly Stream[],
    session: Session,
  ) {
    this.#lab = lab;
    this.#place = place;
    this.#streams = { toward: streams[0], from: streams[1] };
    this.#session = session;
  }

  /** @param place of the session, for a system that carries TCP alone; undefined for UDP and TCP between the aliases */
  static async start(lab: Lab, place: SessionPlace | undefined): Promise<ComparedTraffic> {
    const ends = [
      [NEAR, FAR],
      [FAR, NEAR],
    ] as const;
    const streams =
      place === undefined
        ? await Promise.all(ends.map(([source, target]) => startStream(lab, source, target, { hz: RATE })))
        : [];
    return new ComparedTraffic(lab, place, streams, await startSession(lab, NEAR, FAR, place));
  }

  /** A session that was lost, or backs off for long, gives way to a fresh one; so does every one of a place of its own. */
  async renewSession(): Promise<void> {
    if (this.#sessionLost || this.#place !== undefined) {
      await this.#session.stop();
      this.#session = await startSession(this.#lab, NEAR, FAR, this.#place);
      this.#sessionLost = false;
    }
  }

  /**
   * Waits until packets arrive again, or for so long that they count as lost for good.
   *
   * @param since the moment of the failure
   */
  async costOfFailure(since: number): Promise<Cost> {
    const deadline = monotonic() + LONGEST;
    await sleep(SHORTEST);
    while (monotonic() < deadline && !(await this.#flows())) {
      await sleep(LOOK);
    }
    return this.cost(since, monotonic());
  }

  /** What was lost in a window, in ms of `monotonic()`; a session that was lost before is not part of it. */
  async cost(since: number, to: number): Promise<Cost> {
    const [toward, from] = await Promise.all([
      outage(this.#streams.toward, since, to),
      outage(this.#streams.from, since, to),
    ]);
    const dead = toward === Number.POSITIVE_INFINITY || from === Number.POSITIVE_INFINITY;
    const stall = this.#sessionLost ? undefined : await this.#stall(since, to, dead ? SHORT_STALL : LONGEST);
    return { toward, from, stall };
  }

  async #stall(since: number, to: number, timeout: number): Promise<number> {
    const { alive, longestStall } = await this.#session.result(since, { to, timeout });
    this.#sessionLost = !alive;
    return alive ? longestStall : Number.POSITIVE_INFINITY;
  }

  /** Whether no packet was lost lately; TCP shows that by itself. */
  async #flows(): Promise<boolean> {
    const to = monotonic() - ON_WAY;
    const results = Object.values(this.#streams).map((stream) =>
      stream?.result(to - TAIL, { to, settle: 0 }),
    );
    return (await Promise.all(results)).every((result) => result === undefined || result.lost === 0);
  }
}

/** @returns ms; infinite where packets still don't arrive at the end of the window */
async function outage(stream: Stream | undefined, from: number, to: number): Promise<number | undefined> {
  if (stream === undefined) {
    return undefined;
  }
  const { lost } = await stream.result(from, { to });
  const last = await stream.result(to - TAIL, { to, settle: 0 });
  return last.received === 0 ? Number.POSITIVE_INFINITY : (lost * 1000) / RATE;
}
