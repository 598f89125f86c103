/** The only place that reads time. */
export interface Clock {
  /** ms of the monotonic clock, which no step of the system's clock moves; the same clock as the kernel's receive times */
  now(): number;
  /** ms since 1970, of the system's clock; for people and logs alone */
  wall(): number;
}

export const systemClock: Clock = {
  now: () => Number(process.hrtime.bigint()) / 1e6,
  wall: () => Date.now(),
};

/** What this process has used of the CPUs since its start, in ms. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** ISO 8601 of a moment on the monotonic clock. */
export function isoTime(clock: Clock, at: number): string {
  return new Date(clock.wall() - (clock.now() - at)).toISOString();
}
