import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { Fault } from '../config/fault';
import { formatTime, parseTime } from '../config/time';
import { ConnectionLost, DaemonNotRunning, NoAnswer, request } from '../control/client';
import type { StatusReport } from '../control/protocol';
import { EXIT, type ExitStatus } from '../exit-status';
import { type Context, printJson, type Run } from './context';

/** ms between two attempts to reach a daemon that isn't there yet. */
const RETRY = 100;

/** ms to ask, after the time is over, what was missing. */
const LAST_QUESTION = 1000;

export interface WaitOptions {
  readonly peer?: string;
  /** ms */
  readonly timeout: number;
}

export function addWait(program: Command, run: Run): void {
  program
    .command('wait')
    .description('waits until the daemon is ready: alias bound, routes standing, links announced')
    .option('--peer <name>', 'and until a path to this peer is up')
    .option('--timeout <time>', 'gives up after this time, such as 500ms or 2m', timeValue, 30_000)
    .action((options: WaitOptions) => run((context) => wait(context, options)));
}

/** Exit status 75 when the time is over. A daemon that isn't there yet, or restarts meanwhile, is waited for as well. */
export async function wait(context: Context, options: WaitOptions): Promise<ExitStatus> {
  const start = context.now();
  const { peer, timeout } = options;
  for (;;) {
    const left = start + timeout - context.now();
    if (left <= 0) return timedOut(context, options);
    try {
      const wanted =
        peer === undefined ? ({ command: 'wait' } as const) : ({ command: 'wait', peer } as const);
      await request(context.socket, wanted, { timeout: left, signal: context.signal });
      if (context.json) printJson(context, { ready: true, peer: peer ?? null, missing: null });
      return EXIT.ok;
    } catch (error) {
      if (error instanceof NoAnswer) return timedOut(context, options);
      if (!(error instanceof DaemonNotRunning || error instanceof ConnectionLost)) throw error;
    }
    await sleep(Math.min(RETRY, left), undefined, { signal: context.signal });
  }
}

async function timedOut(context: Context, { peer, timeout }: WaitOptions): Promise<ExitStatus> {
  const missing = await whatIsMissing(context, peer);
  if (context.json) printJson(context, { ready: false, peer: peer ?? null, missing });
  context.err(`multihomectl: not ready after ${formatTime(timeout)}: ${missing}`);
  return EXIT.temporary;
}

async function whatIsMissing(context: Context, peer: string | undefined): Promise<string> {
  try {
    const options = { timeout: LAST_QUESTION, signal: context.signal };
    return missingIn(await request(context.socket, { command: 'status' }, options), peer);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function missingIn(report: StatusReport, name: string | undefined): string {
  if (!report.ready) {
    const absent = report.links.filter((link) => !link.exists).map((link) => link.name);
    const links = absent.length === 0 ? '' : `; links that do not exist: ${absent.join(', ')}`;
    return `the daemon on ${report.host} has not finished starting${links}`;
  }
  const peer = report.peers.find((one) => one.name === name);
  if (peer === undefined)
    return name === undefined ? 'the daemon was ready too late' : `there is no peer ${name}`;
  const paths = peer.paths.map((path) => `${path.plane} ${path.state}`).join(', ');
  return `no path to ${peer.name} was up in time (now ${paths})`;
}

/** The ms of an option; throws InvalidArgumentError. */
export function timeValue(text: string): number {
  const ms = parseTime(/^[0-9.]+$/.test(text) ? Number(text) : text);
  if (ms instanceof Fault) throw new InvalidArgumentError(`${ms.message}; ${ms.mend}.`);
  return ms;
}
