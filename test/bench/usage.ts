import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProcess } from '../../deploy/lab/agent-process';
import { monotonic } from '../../deploy/lab/wait';
import type { Metric, Sample } from './result';

/** Of the times in proc_pid_stat(5), a second: sysconf(_SC_CLK_TCK) is 100 on every Linux. */
const TICKS = 100;
/** After the start, so that the announcements of the start are over and the code is compiled, in ms. */
const WARM_UP = 5000;
/** One sample, in ms. */
const WINDOW = 5000;
/** More of them would only take longer. */
const MOST_WINDOWS = 5;

/** What an agent has used since its start. */
export interface Usage {
  /** ms on the clock of `monotonic()` */
  readonly at: number;
  /** s */
  readonly user: number;
  readonly system: number;
  /** times that its threads went to sleep */
  readonly switches: number;
  /** resident set now, and the largest so far, in MiB */
  readonly memory: number;
  readonly largestMemory: number;
}

/** @returns the number after a name in a file such as /proc/PID/status */
function field(text: string, name: string): number {
  return Number.parseInt(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? '', 10);
}

/** Asks the kernel, and not the agent, whose answer would be part of what is measured. */
export function readUsage({ pid }: AgentProcess): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the name in parentheses, which may contain anything: state, then numbers; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) =>
    readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8'),
  );
  return {
    at: monotonic(),
    user: Number(fields[11]) / TICKS,
    system: Number(fields[12]) / TICKS,
    switches: tasks.reduce((sum, text) => sum + field(text, 'voluntary_ctxt_switches'), 0),
    memory: field(status, 'VmRSS') / 1024,
    largestMemory: field(status, 'VmHWM') / 1024,
  };
}

const NAMES = {
  processor: 'processor time, of one core',
  user: 'in the agent itself',
  system: 'in the kernel, network included',
  memory: 'memory (RSS)',
  switches: 'wake-ups',
} as const;

/** @param goals most processor time in percent of one core, and most memory in MiB; none where there are no goals */
export function usageMetrics(goals?: { readonly processor: number; readonly memory: number }): Metric[] {
  const atMost = (limit: number | undefined): Pick<Metric, 'goals'> =>
    limit === undefined ? {} : { goals: [{ statistic: 'median', limit }] };
  return [
    { name: NAMES.processor, unit: '%', ...atMost(goals?.processor) },
    { name: NAMES.user, unit: '%' },
    { name: NAMES.system, unit: '%' },
    { name: NAMES.memory, unit: 'MiB', ...atMost(goals?.memory) },
    { name: NAMES.switches, unit: '1/s' },
  ];
}

function sampleOf(before: Usage, after: Usage): Sample {
  const seconds = (after.at - before.at) / 1000;
  const rate = (key: keyof Usage): number => (after[key] - before[key]) / seconds;
  return {
    [NAMES.processor]: 100 * (rate('user') + rate('system')),
    [NAMES.user]: 100 * rate('user'),
    [NAMES.system]: 100 * rate('system'),
    [NAMES.memory]: after.memory,
    [NAMES.switches]: rate('switches'),
  };
}

/** What an agent uses while nothing happens, in windows one after the other. */
export class Windows {
  /** how many, and how long, for the circumstances */
  readonly text: string;
  readonly #count: number;

  /** @param drills at most as many windows */
  constructor(drills: number) {
    this.#count = Math.min(drills, MOST_WINDOWS);
    this.text = `${this.#count} windows of ${WINDOW / 1000} s`;
  }

  /** Waits until an agent that has just started is at rest. */
  warmUp(): Promise<void> {
    return sleep(WARM_UP);
  }

  /** @returns a sample for each window */
  async measure(agent: AgentProcess): Promise<Sample[]> {
    const samples: Sample[] = [];
    for (let before = readUsage(agent); samples.length < this.#count; ) {
      await sleep(WINDOW);
      const after = readUsage(agent);
      samples.push(sampleOf(before, after));
      before = after;
    }
    return samples;
  }
}
