import type { ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { type LabHost, ROOT } from './host';
import { LabError } from './wait';

/** How long a traffic process may take to answer, in ms. */
const ANSWER_TIMEOUT = 15_000;

/** What goes to a traffic process: a question with its number. */
export interface Question<Q> {
  readonly id: number;
  readonly question: Q;
}

/** What comes back. The first message, number 0, says that it is ready. */
export interface Answer<A> {
  readonly id: number;
  readonly answer: A;
}

/** Further variables of a process's environment. */
type Environment = Readonly<Record<string, string>>;

interface Expected<A> {
  readonly resolve: (answer: A) => void;
  readonly reject: (error: LabError) => void;
}

/** A sender or receiver: a Node process of its own on a host, asked through its IPC channel. */
export class TrafficProcess<Q, A> {
  readonly #what: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #expected = new Map<number, Expected<A>>();
  #next = 1;
  #errors = '';
  /** how it ended; undefined while it runs */
  #end: string | undefined;

  private constructor(host: LabHost, script: string, args: readonly string[], env: Environment) {
    this.#what = `${script} ${args.join(' ')} on ${host.name}`;
    this.#child = host.spawn(process.execPath, [resolve(ROOT, 'dist', 'deploy', 'lab', script), ...args], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#errors += chunk;
    });
    this.#child.on('message', (message) => {
      const { id, answer } = message as Answer<A>;
      this.#expected.get(id)?.resolve(answer);
    });
    this.#ended = new Promise((resolve) => {
      const over = (end: string): void => {
        this.#end = end;
        for (const { reject } of this.#expected.values()) {
          reject(this.#failure(end));
        }
        resolve();
      };
      this.#child.once('error', (error) => over(error.message));
      this.#child.once('close', (code, signal) => over(`ended with ${code ?? signal}`));
    });
  }

  /**
   * Starts it and waits until it is ready.
   *
   * @param env further variables of its environment
   * @param script a file of this directory, as compiled, or the path of another
   * @throws LabError with what it wrote to standard error, where it ends before
   */
  static async start<Q, A>(
    host: LabHost,
    script: string,
    args: readonly (string | number)[],
    env: Environment = {},
  ): Promise<TrafficProcess<Q, A>> {
    const started = new TrafficProcess<Q, A>(host, script, args.map(String), env);
    try {
      await started.#expect(0);
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  /** @throws LabError where it has ended, or gives no answer in time */
  ask(question: Q): Promise<A> {
    const id = this.#next++;
    const answer = this.#expect(id);
    if (this.#end === undefined) {
      this.#child.send({ id, question } satisfies Question<Q>, () => undefined);
    }
    return answer;
  }

  /** Ends it and waits until it is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** @returns the answer with that number, once it is there */
  #expect(id: number): Promise<A> {
    if (this.#end !== undefined) {
      return Promise.reject(this.#failure(this.#end));
    }
    return new Promise<A>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(this.#failure(`gave no answer within ${ANSWER_TIMEOUT} ms`)),
        ANSWER_TIMEOUT,
      );
      const settled = (): void => {
        clearTimeout(timer);
        this.#expected.delete(id);
      };
      this.#expected.set(id, {
        resolve: (answer) => {
          settled();
          resolve(answer);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
    });
  }

  #failure(what: string): LabError {
    return new LabError(`${this.#what} ${what}: ${this.#errors.trim() || 'it said nothing'}`);
  }
}

/**
 * The other side: answers questions, for as long as the starter lives.
 *
 * @param answer for one question
 */
export function serve<Q, A>(answer: (question: Q) => A | Promise<A>): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', async (message) => {
    const { id, question } = message as Question<Q>;
    process.send?.({ id, answer: await answer(question) } satisfies Answer<A>);
  });
}

/** Tells the starter that questions are welcome now. */
export function ready(): void {
  process.send?.({ id: 0, answer: null });
}
