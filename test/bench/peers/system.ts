import type { Lab } from '../../../deploy/lab/lab';
import type { SessionOptions } from '../../../deploy/lab/session';

/**
 * A way to keep alias reaching alias while planes fail, as the comparison runs it: the cluster of three hosts on two
 * planes, plane `a` preferred and `b` standing by.
 */
export interface System {
  /** such as `multihomed` or `frr-bfd-50x3`: for the command line and the JSON */
  readonly name: string;
  /** for people, with the version of what runs */
  readonly title: string;
  /**
   * Looks whether it can run here, and finds out the version for the title.
   *
   * @returns why it can't run on this machine, with the mend; undefined where it can
   */
  unavailable(): Promise<string | undefined>;
  /**
   * Brings a fresh lab, whose links are up, to where {@link RunningSystem.untilSteady} holds.
   *
   * @throws LabError where that doesn't happen; the lab's end cleans up
   */
  start(lab: Lab): Promise<RunningSystem>;
}

/** Where and how a session runs that isn't between the aliases. */
export type SessionPlace = Pick<SessionOptions, 'source' | 'destination' | 'env'>;

/** Looks whether a condition holds, at a time at which that disturbs nobody's measurement. */
export type Look = (condition: () => Promise<boolean>) => Promise<boolean>;

/** A system on the hosts of one lab. */
export interface RunningSystem {
  /** of a system that carries TCP alone, and between addresses of its own; absent for all others */
  readonly session?: SessionPlace;
  /**
   * Waits until all ways stand again, and packets between any two hosts use plane `a` in both directions.
   *
   * @param look takes each look; default at once
   * @throws LabError where that takes too long
   */
  untilSteady(look?: Look): Promise<void>;
  /** Ends the agent, or the routing daemons, of a host by SIGKILL; does nothing where nothing runs. */
  kill(host: string): Promise<void>;
  /** Starts again what `kill` ended, and returns once it runs; not yet steady. */
  revive(host: string): Promise<void>;
  /** Ends all that runs. What it did to the hosts stays; the lab's end cleans up. */
  stop(): Promise<void>;
}
