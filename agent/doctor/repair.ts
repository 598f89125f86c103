import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FindingId } from './catalogue';
import type { Finding } from './finding';

/** Something that `--fix` changed, and where. */
export interface Repair {
  readonly id: FindingId;
  readonly subject: string;
  /** the file that was written */
  readonly where: string;
  readonly from: string;
  readonly to: string;
}

/** Sets what findings let be set, each once, and tells each change. Throws the system's error; what was set until then stays. */
export function repair(findings: readonly Finding[], tell: (repair: Repair) => void): void {
  const done = new Set<string>();
  for (const { id, subject, fix } of findings)
    for (const { path, value } of fix) {
      if (done.has(path)) continue;
      done.add(path);
      const where = join('/proc/sys', path);
      const from = readFileSync(where, 'utf8').trim();
      writeFileSync(where, String(value));
      tell({ id, subject, where, from, to: String(value) });
    }
}
