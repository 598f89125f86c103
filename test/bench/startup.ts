import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentProcess } from '../../deploy/lab/agent-process';
import { ROOT } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { LabError, monotonic } from '../../deploy/lab/wait';
import { type KindReport, type Metric, measured, type Sample } from './result';
import { HOSTS, NEAR, PLANES } from './scene';

const GOALS = [{ statistic: 'p95', limit: 300 }] as const;
const NAMES = {
  first: 'first start, program not in memory',
  firstOwn: "same, by the agent's own clock",
  again: 'restart, adopting what stands',
  againOwn: "same restart, by the agent's own clock",
} as const;

const METRICS: readonly Metric[] = [
  { name: NAMES.first, unit: 'ms', goals: GOALS },
  { name: NAMES.firstOwn, unit: 'ms' },
  { name: NAMES.again, unit: 'ms', goals: GOALS },
  { name: NAMES.againOwn, unit: 'ms' },
];

/** Files for one command line of dd's loop. */
const FILES_AT_ONCE = 500;

/** @returns the files that a start may read: ours and the packages'; not Node.js itself, which other processes run */
function programFiles(): string[] {
  const packages = ['netlink', 'pino', 'yaml', 'zod', 'sonic-boom', 'pino-std-serializers'];
  const directories = ['dist/agent', 'dist/native-bindings', 'native-bindings/build/Release'];
  return [...directories, ...packages.map((name) => `node_modules/${name}`)]
    .map((directory) => join(ROOT, directory))
    .filter((directory) => existsSync(directory))
    .flatMap((directory) =>
      readdirSync(directory, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(?:c?js|json|node)$/.test(name))
        .map((name) => join(directory, name)),
    );
}

/** Takes the program out of the page cache, as after a boot: dd with `nocache` and no block drops a file's pages. */
async function forgetProgram(lab: Lab, files: readonly string[]): Promise<void> {
  const script = 'for file; do dd if="$file" iflag=nocache count=0 status=none; done';
  for (let first = 0; first < files.length; first += FILES_AT_ONCE) {
    const some = files.slice(first, first + FILES_AT_ONCE);
    await lab.host(NEAR).run('sh', ['-c', script, 'forget', ...some]);
  }
}

interface Start {
  readonly agent: AgentProcess;
  /** from before the exec until the line `ready` was read, in ms */
  readonly total: number;
  /** as the agent measured it from its own start, in ms */
  readonly own: number;
}

async function start(lab: Lab): Promise<Start> {
  const before = monotonic();
  const agent = await lab.host(NEAR).startAgent();
  const total = monotonic() - before;
  return { agent, total, own: Number((await agent.waitFor('ready')).startup) };
}

async function runOne(lab: Lab, files: readonly string[]): Promise<Sample> {
  await forgetProgram(lab, files);
  const first = await start(lab);
  await first.agent.stop();
  const again = await start(lab);
  const { status, stderr } = await lab.host(NEAR).ctl('teardown');
  if (status !== 0) {
    throw new LabError(`multihomectl teardown: exit status ${status}: ${stderr.trim()}`);
  }
  await again.agent.exited;
  return {
    [NAMES.first]: first.total,
    [NAMES.firstOwn]: first.own,
    [NAMES.again]: again.total,
    [NAMES.againOwn]: again.own,
  };
}

/** From the start of the process until the agent is ready, beside two hosts whose agents run. */
export async function runStartup({ drills }: { readonly drills: number }): Promise<KindReport> {
  const lab = await Lab.create({ hosts: HOSTS, planes: PLANES });
  try {
    await Promise.all(HOSTS.filter((host) => host !== NEAR).map((host) => lab.host(host).startAgent()));
    const files = programFiles();
    const samples: Sample[] = [];
    for (let drill = 0; drill < drills; drill++) {
      samples.push(await runOne(lab, files));
    }
    return {
      kind: 'start',
      title: `${NEAR}'s agent starts: from before its exec until its line \`ready\` is read`,
      circumstances: ['two peers whose agents run; node itself is in memory'],
      metrics: measured(METRICS, samples),
    };
  } finally {
    await lab.destroy();
  }
}
