import type { ChildProcess } from 'node:child_process';
import type { LabHost } from '../../deploy/lab/host';
import { waitUntil } from '../../deploy/lab/wait';
import { CTL, PATIENCE } from './daemon-tools';

/** A `multihomectl capture` that runs. */
export interface Capturing {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** lines of standard output and of standard error */
  readonly out: () => string[];
  readonly said: () => string[];
}

/** Starts `multihomectl capture` on a host, and waits until it sees these links. */
export async function capture(
  host: LabHost,
  links: readonly string[],
  ...args: readonly string[]
): Promise<Capturing> {
  const child = host.spawn(process.execPath, [CTL, 'capture', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      texts[stream] += text;
    });
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  const capturing = {
    child,
    exited: new Promise<number | null>((resolve) => child.once('close', resolve)),
    out: () => lines(texts.stdout),
    said: () => lines(texts.stderr),
  };
  for (const link of links) await hears(capturing, `${link}: capturing`);
  return capturing;
}

/** Waits until a line of its standard error has come so many times. */
export async function hears(capturing: Capturing, line: string, times = 1): Promise<void> {
  const count = () => capturing.said().filter((one) => one === line).length;
  await waitUntil(() => count() >= times, PATIENCE, `${line} (it said: ${capturing.said().join('; ')})`);
}
