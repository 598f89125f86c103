import { type Command, InvalidArgumentError } from 'commander';
import { formatTime } from '../config/time';
import { request } from '../control/client';
import type { DrainReport, LinkName, UndrainReport } from '../control/protocol';
import { LONGEST_DRAIN } from '../control/request';
import { EXIT, type ExitStatus } from '../exit-status';
import { type Context, printJson, type Run } from './context';
import { ANSWER_TIME } from './status';
import { printable } from './text';
import { timeValue } from './wait';

/** ms for the answer: the peers get some times the detection, which can be configured to seconds. */
const LEAVE_TIME = 60_000;

export interface DrainOptions {
  /** ms */
  readonly for?: number;
  readonly force: boolean;
}

export function addDrain(program: Command, run: Run): void {
  program
    .command('drain')
    .description(
      'takes a link out of use, here and at the peers, so that it can be worked on. Returns when the routes of this host have left it, and the peers have had twice the detection time to leave',
    )
    .argument('<link|plane>', 'an interface of this host, or a plane for its link there')
    .option('--for <time>', 'in use again after this time, such as 30m; else by undrain', duration)
    .option('--force', 'also where no other usable path leads to some peer', false)
    .action((target: string, options: DrainOptions) => run((context) => drain(context, target, options)));
}

export function addUndrain(program: Command, run: Run): void {
  program
    .command('undrain')
    .description('gives a drained link back')
    .argument('<link|plane>', 'as for drain')
    .action((target: string) => run((context) => undrain(context, target)));
}

/** Exit status 75 where it would cut somebody off, 65 where there is no such link; nothing has changed then. */
export async function drain(context: Context, target: string, options: DrainOptions): Promise<ExitStatus> {
  const { force, for: time } = options;
  const wanted = { command: 'drain', target, force, ...(time === undefined ? {} : { for: time }) } as const;
  const report = await request(context.socket, wanted, { timeout: LEAVE_TIME, signal: context.signal });
  if (context.json) printJson(context, report);
  else for (const line of drainText(report)) context.out(printable(line));
  return EXIT.ok;
}

export async function undrain(context: Context, target: string): Promise<ExitStatus> {
  const wanted = { command: 'undrain', target } as const;
  const report = await request(context.socket, wanted, { timeout: ANSWER_TIME, signal: context.signal });
  if (context.json) printJson(context, report);
  else context.out(printable(undrainText(report, target)));
  return EXIT.ok;
}

function drainText({ links, until, stranded, answering, farEnds, waited }: DrainReport): string[] {
  const lines = [
    `${named(links)} drained${until === null ? '' : ` until ${until}`}; the peers had ${waited}ms to leave`,
  ];
  if (stranded.length > 0) lines.push(`still used, since nothing else leads there: ${stranded.join(', ')}`);
  if (answering.length > 0)
    lines.push(
      `net.ipv4.conf.all.arp_ignore keeps the kernel answering on ${answering.join(', ')}: peers that take no beacons stay`,
    );
  if (farEnds.length > 0) lines.push(`no agent runs there, see how they leave: ${farEnds.join(', ')}`);
  return lines;
}

function undrainText({ links }: UndrainReport, target: string): string {
  return links.length === 0
    ? `${target} was not drained`
    : `${named(links)} in use again, by each path that is up`;
}

function named(links: readonly LinkName[]): string {
  return links.map(({ name, plane }) => `${name} on plane ${plane}`).join(', ');
}

function duration(text: string): number {
  const ms = timeValue(text);
  if (ms > 0 && ms <= LONGEST_DRAIN) return ms;
  throw new InvalidArgumentError(
    `Write a time above 0, up to ${formatTime(LONGEST_DRAIN)}; without --for it lasts until undrain.`,
  );
}
