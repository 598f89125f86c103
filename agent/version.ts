import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The version in package.json, such as `0.1.0`. The file lies one directory above the sources and two above the compiled
 * code; 'unknown' where neither place has it.
 */
export const VERSION =
  stringIn('../package.json', 'version') ?? stringIn('../../package.json', 'version') ?? 'unknown';

/** The commit that was built, abbreviated, as `make build` wrote it to dist/build.json; 'unknown' without a build. */
export const BUILD_COMMIT = stringIn('../build.json', 'commit') ?? 'unknown';

/** What `--version` prints: `multihomed 0.1.0 (abc1234)`. */
export function formatVersion(): string {
  return `multihomed ${VERSION} (${BUILD_COMMIT})`;
}

function stringIn(file: string, field: string): string | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(join(__dirname, file), 'utf8'));
    const value = (content as Readonly<Record<string, unknown>> | null)?.[field];
    return typeof value === 'string' ? value : undefined;
  } catch {
    // A missing or damaged file must not keep the daemon from starting; the version then says that it is unknown.
    return undefined;
  }
}
