import type { Command } from 'commander';
import type { Diagnosis, DoctorOptions } from '../doctor/doctor';
import type { Repair } from '../doctor/repair';
import { EXIT, type ExitStatus } from '../exit-status';
import { type Context, printJson, type Run } from './context';
import { CONFIGURATION } from './far-end';
import { doctoring } from './lazy';

interface Options {
  readonly config: string;
  readonly host?: string;
  readonly fix: boolean;
  readonly probe: boolean;
}

export function addDoctor(program: Command, run: Run): void {
  program
    .command('doctor')
    .description('looks for everything on this host that would make a failover fail, and says what mends it')
    .option('--config <file>', 'the configuration file', CONFIGURATION)
    .option('--host <name>', 'which host of the file this is')
    .option('--fix', 'applies what concerns nothing but our links, and looks again', false)
    .option('--no-probe', 'sends nothing on the links')
    .action((options: Options) => run((context) => doctor(context, options)));
}

/** Exit status 1 where there are findings; with `--fix`, where some remain. Changes nothing without it. */
export async function doctor(context: Context, { config, host, fix, probe }: Options): Promise<ExitStatus> {
  const { diagnose, repair, formatDiagnosis, formatRepair } = doctoring();
  const options: DoctorOptions = {
    ...{ config, host, probe },
    socket: context.socket,
    signal: context.signal,
  };
  let diagnosis = await diagnose(options);
  const fixed: Repair[] = [];
  if (fix && diagnosis.findings.some((finding) => finding.fix.length > 0)) {
    repair(diagnosis.findings, (done) => {
      fixed.push(done);
      if (!context.json) context.out(formatRepair(done));
    });
    diagnosis = await diagnose(options);
  }
  if (context.json) printJson(context, report(diagnosis, fixed));
  else for (const line of formatDiagnosis(diagnosis, context.colour)) context.out(line);
  return diagnosis.findings.length === 0 ? EXIT.ok : EXIT.found;
}

/** Field names are stable: fields are added, never renamed. */
function report({ findings, ...rest }: Diagnosis, fixed: readonly Repair[]) {
  return {
    ...rest,
    findings: findings.map(({ fix, ...finding }) => ({ ...finding, fixable: fix.length > 0 })),
    fixed,
  };
}
