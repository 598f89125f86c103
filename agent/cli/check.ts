import type { Command } from 'commander';
import { ConfigurationError, formatProblem, NoInputError, type Problem } from '../config/problem';
import type { Configuration } from '../config/schema';
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

/** Exit status 78 with one line for each problem, those of the key file included; 66 where the file cannot be read. */
export async function check(context: Context, file: string): Promise<ExitStatus> {
  try {
    const { configuration, warnings: own } = configurationLoader().loadConfiguration(file);
    const warnings = [...own, ...keyWarnings(configuration)];
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

/**
 * What is to be said of the key file. One that cannot be read is no error, since the configuration is often checked where no key is, or by
 * somebody who may not see it. Throws ConfigurationError where the daemon would refuse it.
 */
function keyWarnings({ beacon }: Configuration): Problem[] {
  if (!beacon.enabled) return [];
  try {
    // Root looks at it for the daemon, which reads it as a user of its own.
    configurationLoader().readKeys(beacon.keyFile, process.geteuid?.() === 0);
    return [];
  } catch (error) {
    if (!(error instanceof NoInputError)) throw error;
    const { file, reason, mend } = error;
    return [{ file, line: 1, column: 1, path: '', message: reason, mend }];
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
