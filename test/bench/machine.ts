import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where and when the numbers were measured. */
export interface Machine {
  /** ISO 8601, UTC */
  readonly date: string;
  readonly kernel: string;
  readonly node: string;
  readonly cores: number;
  readonly processor: string;
  readonly memoryMiB: number;
}

/** How much of all cores others may use for the machine to count as quiet, in percent. */
export const QUIET = 5;
/** How long to look at what others use, in ms. */
const LOOK = 1000;

/** @returns all ticks of all cores since the boot, and those in which they did nothing (proc_stat(5)) */
function ticks(): { readonly all: number; readonly idle: number } {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '';
  // user, nice, system, idle, iowait, irq, softirq, steal; guest times are part of user already
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  return {
    all: fields.reduce((sum, field) => sum + field, 0),
    idle: (fields[3] ?? 0) + (fields[4] ?? 0),
  };
}

/** @returns how much of all cores is used in the next second, in percent: by others, while the bench itself rests */
export async function readBusy(): Promise<number> {
  const before = ticks();
  await sleep(LOOK);
  const after = ticks();
  const idle = (after.idle - before.idle) / Math.max(1, after.all - before.all);
  return Math.round((1 - idle) * 1000) / 10;
}

export function readMachine(): Machine {
  return {
    date: new Date().toISOString(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryMiB: Math.round(totalmem() / 2 ** 20),
  };
}
