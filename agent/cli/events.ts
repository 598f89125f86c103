import { type Command, InvalidArgumentError } from 'commander';
import { follow, request } from '../control/client';
import type { EventRecord } from '../control/protocol';
import { KEPT_EVENTS } from '../control/request';
import { EXIT, type ExitStatus } from '../exit-status';
import type { Context, Run } from './context';
import { ANSWER_TIME } from './status';
import { paint, printable, type Style } from './text';

export interface EventsOptions {
  readonly last: number;
  readonly follow: boolean;
}

export function addEvents(program: Command, run: Run): void {
  program
    .command('events')
    .description('the last events, oldest first')
    .option('--last <n>', `how many: 0 to ${KEPT_EVENTS}`, wholeNumber, 20)
    .option('--follow', 'and those to come, until interrupted', false)
    .action((options: EventsOptions) => run((context) => events(context, options)));
}

/** JSON is one record a line, so that a script can read while it follows. */
export async function events(context: Context, options: EventsOptions): Promise<ExitStatus> {
  const show = (record: EventRecord) =>
    context.out(context.json ? JSON.stringify(record) : formatEvent(record, context.colour));
  if (options.follow) {
    for await (const record of follow(context.socket, options.last, context.signal)) show(record);
    return EXIT.ok;
  }
  const wanted = { command: 'events', last: options.last, follow: false } as const;
  const records = await request(context.socket, wanted, { timeout: ANSWER_TIME, signal: context.signal });
  records.forEach(show);
  return EXIT.ok;
}

const LEVEL_STYLES: Readonly<Record<string, Style>> = { warn: 'yellow', error: 'red' };

/** `2026-01-01T12:00:00.000Z warn  path-down peer=beta plane=a`; values with other than word characters as JSON. */
export function formatEvent({ time, level, event, ...fields }: EventRecord, colour: boolean): string {
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${formatValue(value)}`);
  return [
    printable(time),
    paint(level.padEnd(5), LEVEL_STYLES[level], colour),
    printable(event),
    ...pairs,
  ].join(' ');
}

function formatValue(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+-]+$/.test(value)) return value;
  return printable(JSON.stringify(value) ?? 'null');
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value <= KEPT_EVENTS) return value;
  throw new InvalidArgumentError(`Write a whole number from 0 to ${KEPT_EVENTS}.`);
}
