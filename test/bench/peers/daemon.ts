import { type ChildProcess, spawnSync } from 'node:child_process';
import type { LabHost } from '../../../deploy/lab/host';
import { LabError } from '../../../deploy/lab/wait';

/** What of a daemon's last words goes into a message, in characters. */
const SHOWN = 1000;

/** A program that runs in the foreground on a host. */
export class Daemon {
  readonly #what: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #said = '';
  /** how it ended; undefined while it runs */
  #end: string | undefined;

  constructor(host: LabHost, command: string, args: readonly string[]) {
    this.#what = `${command} ${args.join(' ')} on ${host.name}`;
    this.#child = host.spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const output of [this.#child.stdout, this.#child.stderr]) {
      output?.setEncoding('utf8').on('data', (chunk: string) => {
        this.#said = (this.#said + chunk).slice(-SHOWN);
      });
    }
    this.#ended = new Promise((resolve) => {
      const over = (end: string): void => {
        this.#end ??= end;
        resolve();
      };
      this.#child.once('error', (error) => over(error.message));
      this.#child.once('close', (code, signal) => over(`${code ?? signal}`));
    });
  }

  /** @throws LabError with its last words, where it doesn't run any more */
  check(): void {
    if (this.#end !== undefined) {
      throw new LabError(`${this.#what} ended (${this.#end}): ${this.#said.trim() || 'it said nothing'}`);
    }
  }

  /** Ends it by SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** @returns the version that a program tells with `--version`; undefined where there is no such program */
export function versionOf(program: string): string | undefined {
  const { stdout, stderr, error } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return error === undefined ? /\d+(\.\d+)+/.exec(stdout + stderr)?.[0] : undefined;
}
