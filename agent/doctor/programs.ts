import { execFile } from 'node:child_process';
import { Unknown } from './evidence';

/** ms that a program has; a firewall of ten thousand rules is printed in a tenth of it. */
const TIME = 10_000;
const MOST_OUTPUT = 128 * 1024 * 1024;

/** A user's PATH often lacks the directories of ip and nft. */
const PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;

/** What a program prints, without a shell between; {@link Unknown} with the reason where it is missing or fails. */
export function outputOf(program: string, args: readonly string[]): Promise<string | Unknown> {
  const options = { timeout: TIME, maxBuffer: MOST_OUTPUT, env: { ...process.env, PATH, LC_ALL: 'C' } };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.code === 'ENOENT') resolve(new Unknown(`${program} is not installed`));
      else resolve(new Unknown(`${program}: ${firstLine(stderr) || error.message}`));
    });
  });
}

/** The output as `read` understands it; {@link Unknown} too where that throws, since then the program is another version. */
export async function factsFrom<T>(
  program: string,
  args: readonly string[],
  read: (output: string) => T,
): Promise<T | Unknown> {
  const output = await outputOf(program, args);
  if (output instanceof Unknown) return output;
  try {
    return read(output);
  } catch (error) {
    return new Unknown(
      `${program} printed what can't be read: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
