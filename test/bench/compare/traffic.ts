import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../../deploy/lab/lab';
import { type Session, startSession } from '../../../deploy/lab/session';
import { type Stream, startStream } from '../../../deploy/lab/stream';
import { monotonic } from '../../../deploy/lab/wait';
import type { SessionPlace } from '../peers/system';
import { FAR, NEAR } from '../scene';

/** What a failure cost, in ms; infinite where it went on to the end of the longest window, undefined where it isn't measured. */
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
/** A failure is watched for this long at least, and no longer than the other, in ms. */
const SHORTEST = 400;
const LONGEST = 2000;
/** Between two looks whether packets arrive again, over how many ms, and how long they may be on their way. */
const LOOK = 150;
const TAIL = 120;
const SETTLE = 60;

/** UDP each way and a TCP session between the near and the far host. */
export class ComparedTraffic {
  readonly #lab: Lab;
  readonly #place: SessionPlace | undefined;
  readonly #toward: Stream | undefined;
  readonly #from: Stream | undefined;
  #session: Session;

  private constructor(
    lab: Lab,
    place: SessionPlace | undefined,
    streams: readonly [Stream, Stream] | undefined,
    session: Session,
  ) {
    this.#lab = lab;
    this.#place = place;
    this.#toward = streams?.[0];
    this.#from = streams?.[1];
    this.#session = session;
  }

  /** @param place of the session, for a system that carries TCP alone; undefined for UDP and TCP between the aliases */
  static async start(lab: Lab, place: SessionPlace | undefined): Promise<ComparedTraffic> {
    const streams =
      place === undefined
        ? ([
            await startStream(lab, NEAR, FAR, { hz: RATE }),
            await startStream(lab, FAR, NEAR, { hz: RATE }),
          ] as const)
        : undefined;
    return new ComparedTraffic(lab, place, streams, await startSession(lab, NEAR, FAR, place));
  }

  /** Waits until packets arrive again, or for so long that they count as lost for good. */
  async cost(since: number): Promise<Cost> {
    await sleep(SHORTEST);
    while (!(await this.#flows()) && monotonic() - since < LONGEST) {
      await sleep(LOOK);
    }
    return this.costUntil(since, monotonic(), await this.#flows());
  }

  /** @param recovered whether packets arrive again; where they don't, a loss is for good */
  async costUntil(since: number, to: number, recovered = true): Promise<Cost> {
    const [toward, from, session] = await Promise.all([
      this.#toward?.result(since, { to, settle: SETTLE }),
      this.#from?.result(since, { to, settle: SETTLE }),
      this.#session.result(since, { to, timeout: recovered ? LONGEST : LOOK }),
    ]);
    const lost = (result: typeof toward): number | undefined =>
      result === undefined
        ? undefined
        : recovered || result.lost === 0
          ? (result.lost * 1000) / RATE
          : Number.POSITIVE_INFINITY;
    return {
      toward: lost(toward),
      from: lost(from),
      stall: session.alive ? session.longestStall : Number.POSITIVE_INFINITY,
    };
  }

  /** A session that stalled for too long backs off for as long again: a fresh one for the next failure. */
  async renewSession(): Promise<void> {
    await this.#session.stop();
    this.#session = await startSession(this.#lab, NEAR, FAR, this.#place);
  }

  /** Whether nothing was lost lately. */
  async #flows(): Promise<boolean> {
    const to = monotonic();
    const tail = { to, settle: SETTLE };
    const results = await Promise.all([
      this.#toward?.result(to - TAIL, tail),
      this.#from?.result(to - TAIL, tail),
    ]);
    return results.every((result) => result === undefined || result.lost === 0);
  }
}
