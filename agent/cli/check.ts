import type { Command } from 'commander';
import { ConfigurationError, formatProblem } from '../config/problem';
import { EXIT, type ExitStatus } from '../exit-status';
import { type Context, printJson, type Run } from './context';
import { configurationLoader } from './lazy';

export function addCheck(program: Command, run: Run): void {
  program
    .command('check')
    .description('validates a configuration file, without a daemon')
    .argument('<file>')
    .action((file: string) => run((context) => check(context, file)));
}

/** Exit status 78 with one line for each problem; 66 where the file cannot be read. */
export async function check(context: Context, file: string): Promise<ExitStatus> {
  try {
    const { configuration, warnings } = configurationLoader().loadConfiguration(file);
    if (context.json) printJson(context, { ok: true, problems: [], warnings });
    else {
      const hosts = [...configuration.hosts.values()];
      const farEnds = hosts.filter(({ kind }) => kind === 'far-end').length;
      const planes = configuration.planes.length;
      context.out(
        `${file}: ok, ${count(hosts.length - farEnds, 'host')}, ${count(farEnds, 'far end')}, ${count(planes, 'plane')}`,
      );
      for (const warning of warnings) context.out(`${formatProblem(warning)} (warning)`);
    }
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    if (context.json) printJson(context, { ok: false, problems: error.problems, warnings: [] });
    else for (const problem of error.problems) context.out(formatProblem(problem));
    return error.exitStatus;
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
