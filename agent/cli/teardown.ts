import type { Command } from 'commander';
import { DaemonNotRunning, request } from '../control/client';
import type { TeardownReport } from '../control/protocol';
import { EXIT, type ExitStatus } from '../exit-status';
import { type Context, printJson, type Run } from './context';
import { kernelTeardown } from './lazy';
import { ANSWER_TIME } from './status';

/** ms that the daemon has to remove everything: a thousand routes take it a tenth of this. */
const REMOVE_TIME = 10_000;

export function addTeardown(program: Command, run: Run): void {
  program
    .command('teardown')
    .description('removes alias, routes and neighbor entries, gives sysctls back, and ends the daemon')
    .action(() => run(teardown));
}

export function addRelease(program: Command, run: Run): void {
  program
    .command('release')
    .description('after the end of the daemon: gives back what only a running one may leave changed')
    .action(() => run(release));
}

/** The daemon does it where one runs; where none does, this process does, by the state that the daemon recorded. */
export async function teardown(context: Context): Promise<ExitStatus> {
  const report = await byDaemon(context);
  if (report !== undefined) return print(context, report);
  const { NothingRecorded, teardownOffline } = kernelTeardown();
  try {
    return print(context, teardownOffline(context.socket));
  } catch (error) {
    if (!(error instanceof NothingRecorded)) throw error;
    return print(context, { removed: [] });
  }
}

/** For the service manager, after every end of the daemon. While one runs, there is nothing to give back. */
export async function release(context: Context): Promise<ExitStatus> {
  const running = await isRunning(context);
  const report = running ? { removed: [] } : kernelTeardown().releaseOffline(context.socket, context.now());
  return print(context, report);
}

async function isRunning(context: Context): Promise<boolean> {
  try {
    await request(context.socket, { command: 'status' }, { timeout: ANSWER_TIME, signal: context.signal });
    return true;
  } catch (error) {
    if (error instanceof DaemonNotRunning) return false;
    throw error;
  }
}

async function byDaemon(context: Context): Promise<TeardownReport | undefined> {
  try {
    const options = { timeout: REMOVE_TIME, signal: context.signal };
    return await request(context.socket, { command: 'teardown' }, options);
  } catch (error) {
    if (error instanceof DaemonNotRunning) return undefined;
    throw error;
  }
}

function print(context: Context, report: TeardownReport): ExitStatus {
  if (context.json) printJson(context, report);
  else if (report.removed.length === 0) context.out('nothing to remove');
  else for (const line of report.removed) context.out(line);
  return EXIT.ok;
}
