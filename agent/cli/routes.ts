import type { Command } from 'commander';
import { request } from '../control/client';
import { EXIT, type ExitStatus } from '../exit-status';
import { type Context, printJson, type Run } from './context';
import { ANSWER_TIME } from './status';
import { printable } from './text';

export function addRoutes(program: Command, run: Run): void {
  program
    .command('routes')
    .description("the kernel's routes that are ours, as `ip route` prints them")
    .action(() => run(routes));
}

export async function routes(context: Context): Promise<ExitStatus> {
  const options = { timeout: ANSWER_TIME, signal: context.signal };
  const report = await request(context.socket, { command: 'routes' }, options);
  if (context.json) printJson(context, report);
  else for (const route of report) context.out(printable(route.text));
  return EXIT.ok;
}
