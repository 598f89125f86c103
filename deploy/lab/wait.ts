import { setTimeout as sleep } from 'node:timers/promises';

/** Something that the lab needed did not work or did not happen; the message says what was being done. */
export class LabError extends Error {
  override readonly name = 'LabError';
}

/** @returns ms on CLOCK_MONOTONIC, which all processes of the machine share, with a resolution below 1 µs */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Between two looks at a condition, unless told otherwise, in ms. */
const POLL_INTERVAL = 5;

/**
 * Looks again and again until a condition holds.
 *
 * @param condition what to wait for: anything but undefined, null and false ends the wait
 * @param timeoutMs how long to wait at most
 * @param what the condition in words, for the message
 * @param intervalMs between two looks; default 5
 * @returns what the condition returned
 * @throws LabError after the time is over
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  timeoutMs: number,
  what: string,
  intervalMs: number = POLL_INTERVAL,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = monotonic() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false) {
      return value as NonNullable<Exclude<T, false>>;
    }
    if (monotonic() >= deadline) {
      throw new LabError(`waited ${timeoutMs} ms in vain: ${what}`);
    }
    await sleep(intervalMs);
  }
}
