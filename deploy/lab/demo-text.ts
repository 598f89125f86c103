import { DIRECTIONS, type Drill, type Sum } from './demo-drills';
import type { Measurement } from './demo-scene';

/** Colours a text for a terminal, or leaves it as it is. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
}

/** @param colour whether the reader is a terminal that wants colour */
export function makePaint(colour: boolean): Paint {
  const sgr =
    (code: number) =>
    (text: string): string =>
      colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  return { bold: sgr(1), good: sgr(32), bad: sgr(31) };
}

export const DRAWING = `
    plane a  ═══╤═════════════════╤═════════════════╤═══  (preferred)
              eth0              eth0              eth0
          ┌─────┴─────┐     ┌─────┴─────┐     ┌─────┴─────┐
          │   alpha   │     │   beta    │     │   gamma   │
          │ 10.78.0.1 │     │ 10.78.0.2 │     │ 10.78.0.3 │
          └─────┬─────┘     └─────┬─────┘     └─────┬─────┘
              eth1              eth1              eth1
    plane b  ═══╧═════════════════╧═════════════════╧═══
`;

/** @returns a time as people read it: `3.2 ms`, `48 ms`, `1.1 s` */
export function formatTime(ms: number): string {
  if (ms >= 1000) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

function formatSession(session: Measurement['session'], paint: Paint): string {
  if (!session.alive) {
    return paint.bad(`session LOST${session.error === null ? '' : ` (${session.error})`}`);
  }
  return `${paint.good('session alive')}, longest stall ${formatTime(session.longestStall)}`;
}

/** @returns what a person reads about the traffic during one change */
export function formatMeasurement(measured: Measurement, paint: Paint): string[] {
  const { lost, longestGap, plane, session } = measured;
  const count = (packets: number): string => (packets === 0 ? paint.good('0') : `${packets}`);
  return [
    `     lost: ${count(lost.there)} ${DIRECTIONS.there}, ${count(lost.back)} ${DIRECTIONS.back}; longest gap ${formatTime(longestGap)}`,
    `     traffic on plane ${paint.bold(plane)}; ${formatSession(session, paint)}`,
  ];
}

export function formatFault(number: number, drill: Drill, paint: Paint): string {
  return paint.bold(`${number}. ${drill.fault}`);
}

export function formatMending(drill: Drill, mended: Measurement, paint: Paint): string[] {
  return [
    `   ${drill.mending}`,
    ...formatMeasurement(mended, paint),
    `     all paths trusted again after ${formatTime(mended.settled)}`,
    '',
  ];
}

export function formatSum(sum: Sum, paint: Paint): string {
  const sessions =
    sum.sessionsLost === 0 ? paint.good('sessions lost: 0') : paint.bad(`sessions lost: ${sum.sessionsLost}`);
  return `${sum.faults} faults, ${sum.sent} packets sent, ${sum.lost} lost; ${sessions}`;
}
