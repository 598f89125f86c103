import { type ChildProcess, spawnSync } from 'node:child_process';
import type { LabHost } from '../../../deploy/lab/host';
import { LabError, waitUntil } from '../../../deploy/lab/wait';

/** What of a daemon's last words goes into a message, in characters. */
const SHOWN = 1000;
/** How long it may take to say something, and to end when it is asked to, in ms. */
const PATIENCE = 60_000;
const END_PATIENCE = 5000;

export interface DaemonOptions {
  /** gets each line of its output */
  readonly hear?: (line: string) => void;
  /** further variables of its environment */
  readonly env?: Readonly<Record<string, string>>;
  /** whether it reads its standard input, from `write`; default not */
  readonly input?: boolean;
}

/** A program that runs in the foreground on a host. */
export class Daemon {
  readonly #what: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #said = '';
  /** how it ended; undefined while it runs */
  #end: string | undefined;

  constructor(host: LabHost, command: string, args: readonly string[], options: DaemonOptions = {}) {
    this.#what = `${command} ${args.join(' ')} on ${host.name}`;
    this.#child = host.spawn(command, args, {
      stdio: [options.input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    this.#child.stdin?.on('error', () => undefined); // it has ended: `check` tells
    for (const output of [this.#child.stdout, this.#child.stderr]) {
      let rest = '';
      output?.setEncoding('utf8').on('data', (chunk: string) => {
        this.#said = (this.#said + chunk).slice(-SHOWN);
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) options.hear?.(line);
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

  get running(): boolean {
    return this.#end === undefined;
  }

  /** Writes to its standard input. */
  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /**
   * Waits until it has said something; what it said lately counts.
   *
   * @throws LabError where it doesn't, or ends
   */
  async waitFor(pattern: RegExp): Promise<void> {
    const said = (): boolean => {
      if (pattern.test(this.#said)) return true;
      this.check();
      return false;
    };
    await waitUntil(said, PATIENCE, `${this.#what} to say ${pattern}`);
  }

  /** Ends it by a signal, by SIGKILL where that takes long, and waits until it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_PATIENCE);
    this.#child.kill(signal);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Ends it by SIGKILL, and waits until it is gone. */
  kill(): Promise<void> {
    return this.end('SIGKILL');
  }
}

/**
 * @param option with which it tells its version
 * @returns the version that a program tells; undefined where there is no such program
 */
export function versionOf(program: string, option = '--version'): string | undefined {
  const { stdout, stderr, error } = spawnSync(program, [option], { encoding: 'utf8' });
  return error === undefined ? /\d+(\.\d+)+/.exec(stdout + stderr)?.[0] : undefined;
}
