import type { Command } from 'commander';
import { request } from '../control/client';
import { EXIT, type ExitStatus } from '../exit-status';
import { type Context, printJson, type Run } from './context';
import { ANSWER_TIME } from './status';

export function addReload(program: Command, run: Run): void {
  program
    .command('reload')
    .description('makes the daemon read its configuration file again; one with errors is refused whole')
    .action(() => run(reload));
}

/** Exit status 78 where the file has errors; the daemon then goes on with the configuration that it has. */
export async function reload(context: Context): Promise<ExitStatus> {
  const report = await request(
    context.socket,
    { command: 'reload' },
    { timeout: ANSWER_TIME, signal: context.signal },
  );
  if (context.json) printJson(context, report);
  else {
    const parts = (['added', 'removed', 'changed'] as const).flatMap((kind) =>
      report[kind].length === 0 ? [] : [`${kind} ${report[kind].join(', ')}`],
    );
    context.out(`reloaded: ${parts.length === 0 ? 'no peer changed' : parts.join('; ')}`);
  }
  return EXIT.ok;
}
