import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where iproute2 keeps its names, the administrator's before the package's (lib/rt_names.c). */
const DIRECTORIES = ['/etc/iproute2', '/usr/share/iproute2'];

/** The name that `ip route` prints for a protocol number, or the number where it has none. */
export function protocolName(protocol: number): string {
  for (const directory of DIRECTORIES) {
    for (const file of [...namesIn(join(directory, 'rt_protos.d')), join(directory, 'rt_protos')]) {
      const name = nameIn(file, protocol);
      if (name !== undefined) return name;
    }
  }
  return String(protocol);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.conf'))
      .map((name) => join(directory, name));
  } catch {
    // Neither directory need exist.
    return [];
  }
}

function nameIn(file: string, protocol: number): string | undefined {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    const words = lines.map((line) => line.replace(/#.*/, '').trim().split(/\s+/));
    return words.find(([number, name]) => name !== undefined && Number(number) === protocol)?.[1];
  } catch {
    return undefined;
  }
}
