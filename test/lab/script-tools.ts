import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { CTL, write } from './daemon-tools';

/** The commands under a heading of the documentation for scripts, as they stand there; `index` counts the blocks. */
export function example(heading: string, index = 0): string {
  const text = readFileSync(join(ROOT, 'docs', 'scripts.md'), 'utf8');
  const section = text.split(/^## /m).find((one) => one.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`docs/scripts.md has no section ${heading}`);
  const blocks = section.split(/\n(?! {4})/).filter((block) => block.includes('    '));
  const lines = blocks.join('\n').split('\n');
  const commands: string[][] = [[]];
  for (const line of lines) {
    if (line.startsWith('    ')) commands.at(-1)!.push(line.slice(4));
    else if (commands.at(-1)!.length > 0) commands.push([]);
  }
  const command = commands.filter((one) => one.length > 0)[index];
  if (command === undefined) throw new Error(`${heading} has no example ${index}`);
  return command.join('\n');
}

/** Runs a shell on a host as a user would, with multihomectl in its path; the lines that it printed. */
export async function shell(host: LabHost, script: string): Promise<string[]> {
  await write(host, '/run/bin/multihomectl', `#!/bin/sh\nexec ${process.execPath} ${CTL} "$@"\n`);
  const { stdout } = await host.run('sh', ['-ec', `chmod +x /run/bin/*; PATH=/run/bin:$PATH\n${script}`]);
  return stdout.split('\n').filter((line) => line !== '');
}
