import type { Readable, Writable } from 'node:stream';
import { LabError, monotonic } from './wait';

/** When something was done to the lab, in ms on the clock of {@link monotonic}: at some instant between the two. */
export interface Moment {
  readonly before: number;
  readonly after: number;
}

/** Not a command of ip(8): its failure, reported with its line number, says that all lines before it are done. */
const SENTINEL = 'done';
/** What the holder of the console prints when ip(8) has ended. */
export const CONSOLE_GONE = 'gone';

interface Pending {
  readonly lines: readonly string[];
  /** of the first of them, as ip(8) counts */
  readonly first: number;
  readonly resolve: () => void;
  readonly reject: (error: LabError) => void;
}

/**
 * A running `ip -force -batch -`: commands take effect without starting a process, so that the moment of a fault is
 * known to some tens of µs.
 */
export class IpConsole {
  readonly #name: string;
  readonly #input: Writable;
  /** lines written so far */
  #count = 0;
  /** what ip(8) said since the current commands were written */
  #said = '';
  #pending: Pending | undefined;
  #gone = false;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @param name of the namespace, for messages
   * @param input its standard input
   * @param output its standard output and error, in one stream, so that their order is kept
   */
  constructor(name: string, input: Writable, output: Readable) {
    this.#name = name;
    this.#input = input;
    input.on('error', () => this.#end()); // EPIPE: the process is gone
    output.on('data', (chunk: string) => this.#hear(chunk));
    output.on('close', () => this.#end());
  }

  /**
   * Carries out commands, one after the other; those of several callers don't mix.
   *
   * @param lines each without the leading `ip`
   * @throws LabError with ip's message, after all lines were tried; or at once where the namespace is gone
   */
  execute(lines: readonly string[]): Promise<Moment> {
    const done = this.#turn.then(() => this.#execute(lines));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #execute(lines: readonly string[]): Promise<Moment> {
    if (this.#gone) {
      throw this.#refusal(lines);
    }
    const first = this.#count + 1;
    this.#count += lines.length + 1;
    this.#said = '';
    const before = monotonic();
    await new Promise<void>((resolve, reject) => {
      this.#pending = { lines, first, resolve, reject };
      this.#input.write(`${lines.map((line) => `${line}\n`).join('')}${SENTINEL}\n`);
    });
    return { before, after: monotonic() };
  }

  #hear(chunk: string): void {
    this.#said += chunk;
    const pending = this.#pending;
    if (new RegExp(`^${CONSOLE_GONE}$`, 'm').test(this.#said)) {
      this.#end();
    } else if (pending !== undefined && this.#said.endsWith(`Command failed -:${this.#count}\n`)) {
      this.#pending = undefined;
      const failed = [...this.#said.matchAll(/^Command failed -:(\d+)$/gm)].map((match) => Number(match[1]));
      const wrong = failed
        .filter((line) => line !== this.#count)
        .map((line) => pending.lines[line - pending.first]);
      if (wrong.length === 0) {
        pending.resolve();
      } else {
        pending.reject(
          new LabError(`ip failed in ${this.#name} at "${wrong.join('", "')}": ${this.#said.trim()}`),
        );
      }
    }
  }

  #end(): void {
    this.#gone = true;
    this.#pending?.reject(this.#refusal(this.#pending.lines));
    this.#pending = undefined;
  }

  #refusal(lines: readonly string[]): LabError {
    return new LabError(`no ip console in ${this.#name} for "${lines.join('", "')}": ${this.#said.trim()}`);
  }
}
