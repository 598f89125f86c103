import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FindingId } from './catalogue';
import { type Finding, type SettingChange, sysctlName } from './finding';

/** Something that `--fix` changed, and where. */
export interface Repair {
  readonly id: FindingId;
  readonly subject: string;
  /** the file that was written */
  readonly where: string;
  readonly from: string;
  readonly to: string;
}

/** A setting that the system refused; those before it are set. `code` is the errno name. */
export class RepairRefused extends Error {
  override readonly name = 'RepairRefused';
  readonly code: string | undefined;

  constructor({ path, value }: SettingChange, cause: NodeJS.ErrnoException) {
    const mend = cause.code === 'EACCES' || cause.code === 'EPERM' ? '; run it as root' : '';
    super(`setting ${sysctlName(path)}=${value}: ${cause.code ?? cause.message}${mend}`, { cause });
    this.code = cause.code;
  }
}

/** Sets what findings let be set, each once, and tells each change. @throws {RepairRefused} */
export function repair(findings: readonly Finding[], tell: (repair: Repair) => void): void {
  const done = new Set<string>();
  for (const { id, subject, fix } of findings)
    for (const change of fix) {
      if (done.has(change.path)) continue;
      done.add(change.path);
      tell({ id, subject, ...set(change) });
    }
}

function set(change: SettingChange): Pick<Repair, 'where' | 'from' | 'to'> {
  const where = join('/proc/sys', change.path);
  const to = String(change.value);
  try {
    const from = readFileSync(where, 'utf8').trim();
    writeFileSync(where, to);
    return { where, from, to };
  } catch (error) {
    throw new RepairRefused(change, error as NodeJS.ErrnoException);
  }
}
