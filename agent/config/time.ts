import { Fault, show } from './fault';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A time as people read it: the largest unit that leaves a whole number. */
export function formatTime(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    const size = UNITS[unit]!;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/** The milliseconds that `50ms`, `1.5s`, `2m` or `1h` name. A number without a unit is a fault. */
export function parseTime(value: unknown): number | Fault {
  if (typeof value === 'number')
    return new Fault(`${value} has no unit`, `write ${value}ms if milliseconds are meant`);
  const match = typeof value === 'string' ? /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/.exec(value) : null;
  if (match === null)
    return new Fault(`${show(value)} is not a time`, 'write a number and its unit, such as 50ms, 1s or 2m');
  return Number(match[1]) * UNITS[match[2]!]!;
}
