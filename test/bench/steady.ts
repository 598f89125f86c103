import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonic } from '../../deploy/lab/wait';
import { Crowd } from './crowd';
import { type KindReport, type Metric, measured, type Sample } from './result';
import { DEFAULT_TIMING, NEAR } from './scene';

/** After the start, so that the announcements of the start are over and the code is compiled, in ms. */
const WARM_UP = 5000;
/** One sample, in ms. */
const WINDOW = 5000;
/** More of them would only take longer. */
const MOST_WINDOWS = 5;
/** Of the times in proc_pid_stat(5), a second: sysconf(_SC_CLK_TCK) is 100 on every Linux. */
const TICKS = 100;

const METRICS: readonly Metric[] = [
  { name: 'processor time, of one core', unit: '%' },
  { name: 'in the agent itself', unit: '%' },
  { name: 'in the kernel, network included', unit: '%' },
  { name: 'memory (RSS)', unit: 'MiB' },
  { name: 'wake-ups', unit: '1/s' },
  { name: 'requests sent', unit: '1/s' },
  { name: 'suspicions', unit: '1/s' },
];

interface Usage {
  readonly at: number;
  /** s */
  readonly user: number;
  readonly system: number;
  readonly switches: number;
  readonly rss: number;
  readonly requests: number;
  readonly suspicions: number;
}

/** @returns the number after a name in a file such as /proc/PID/status */
function field(text: string, name: string): number {
  return Number.parseInt(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? '', 10);
}

async function readUsage(crowd: Crowd): Promise<Usage> {
  const { counters } = await crowd.lab.host(NEAR).status();
  const { pid } = crowd.agent;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the name in parentheses, which may contain anything: state, then numbers; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) =>
    readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8'),
  );
  return {
    at: monotonic(),
    user: Number(fields[11]) / TICKS,
    system: Number(fields[12]) / TICKS,
    switches: tasks.reduce((sum, text) => sum + field(text, 'voluntary_ctxt_switches'), 0),
    rss: field(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS') / 1024,
    requests: counters.requests ?? 0,
    suspicions: crowd.agent.events().filter(({ event }) => event === 'path-suspect').length,
  };
}

async function sample(crowd: Crowd): Promise<Sample> {
  const before = await readUsage(crowd);
  await sleep(WINDOW);
  const after = await readUsage(crowd);
  const seconds = (after.at - before.at) / 1000;
  const rate = (key: keyof Usage): number => (after[key] - before[key]) / seconds;
  const values = [
    100 * (rate('user') + rate('system')),
    100 * rate('user'),
    100 * rate('system'),
    after.rss,
    rate('switches'),
    rate('requests'),
    rate('suspicions'),
  ];
  return Object.fromEntries(METRICS.map(({ name }, index) => [name, values[index] ?? Number.NaN]));
}

/** What one agent takes while nothing happens. */
export async function runSteady(peers: number, drills: number): Promise<KindReport> {
  const crowd = await Crowd.create(peers, DEFAULT_TIMING);
  try {
    await sleep(WARM_UP);
    const samples: Sample[] = [];
    for (let window = 0; window < Math.min(drills, MOST_WINDOWS); window++) {
      samples.push(await sample(crowd));
    }
    return {
      kind: `steady-${peers}`,
      title: `one agent with ${peers} peers on two planes, while nothing happens`,
      circumstances: [
        `${samples.length} windows of ${WINDOW / 1000} s. The kernel's share holds the virtual cards and the far end's answers`,
      ],
      metrics: measured(METRICS, samples),
    };
  } finally {
    await crowd.destroy();
  }
}
