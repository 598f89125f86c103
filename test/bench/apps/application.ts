import { readFileSync } from 'node:fs';
import type { Lab } from '../../../deploy/lab/lab';
import { versionOf } from '../peers/daemon';

/** A program that people run, between the near and the far host of the scene, alias to alias. */
export interface Application {
  /** for the command line and the JSON */
  readonly name: string;
  /** what it does, for people */
  readonly title: string;
  /** @returns why it can't run on this machine, with the mend; undefined where it can */
  unavailable(): string | undefined;
  /**
   * Starts both ends on a lab whose aliases reach each other, and returns once the session works.
   *
   * @throws LabError with the program's words, where that doesn't happen; the lab's end cleans up
   */
  start(lab: Lab): Promise<RunningApplication>;
}

export interface RunningApplication {
  /** The longest time in ms for which it stood still, after a moment on the clock of `monotonic()`. */
  stall(from: number): number;
  /** Whether something that begins now is done within so many ms. */
  alive(timeout: number): Promise<boolean>;
  /** Each time that a session was lost, or begun anew, or that one end took the other for dead: in words, oldest first. */
  losses(): readonly string[];
  /** Of a bulk transfer alone: its rate around the moment of a fault, after which the traffic had been moved at another. */
  readonly throughput?: (moment: number, moved: number) => Throughput;
  /** Ends both ends, and leaves nothing. */
  stop(): Promise<void>;
}

/** The rate of a bulk transfer around a fault. */
export interface Throughput {
  /** ms from the fault until it is back at 90 % of the rate before; 0 where it never falls below, infinite where it doesn't come back */
  readonly back: number;
  /** how many ms of the rate before are missing from the half second after the fault */
  readonly missing: number;
  /** MBit/s in slices of 20 ms, from 100 ms before the fault on */
  readonly slices: readonly number[];
}

/** @returns the mend for a program that is missing; undefined where it can be run */
export function missing(program: string, packageName: string, option?: string): string | undefined {
  return versionOf(program, option) === undefined
    ? `${program} is missing; install it by: sudo apt-get install ${packageName}`
    : undefined;
}

/** @returns why nothing can run here as another user than root; undefined where it can */
export function withoutUsers(): string | undefined {
  // One line, one id: user_namespaces(7). That is the sandbox of an unprivileged user.
  const [, , ids] = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/);
  return ids === '1' ? 'its server changes to a user of its own: run this as root' : undefined;
}
