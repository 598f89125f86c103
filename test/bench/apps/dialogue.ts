import type { LabHost } from '../../../deploy/lab/host';
import { monotonic, waitUntil } from '../../../deploy/lab/wait';
import { Daemon } from '../peers/daemon';
import type { RunningApplication } from './application';

/** What a line means that the client says. */
export interface Meaning {
  /** whether it ends the exchange under way */
  readonly answered: boolean;
  /** the ms that the exchange took, where the client measures that itself */
  readonly took?: number;
  /** that a session was lost, in words */
  readonly loss?: string;
}

export interface DialogueOptions {
  /** what is written to the client for one exchange, with its line feed */
  readonly request: string;
  /** @returns undefined for a line that means nothing */
  readonly read: (line: string) => Meaning | undefined;
  /** what else runs for the application, and ends after the client */
  readonly servers: readonly Daemon[];
  /** where the servers' `hear` takes losses down; default nowhere */
  readonly losses?: string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Exchange {
  readonly ended: number;
  readonly took: number;
}

/** How long the first answer may take, in ms. */
const PATIENCE = 60_000;
/** From an answer to the next request, in ms. */
const PAUSE = 5;
/** How many exchanges are remembered: some minutes of them. */
const REMEMBERED = 2 ** 16;

/** An application whose client is asked for one exchange after the other by its standard input. */
export class Dialogue implements RunningApplication {
  readonly #client: Daemon;
  readonly #options: DialogueOptions;
  readonly #exchanges: Exchange[] = [];
  readonly #losses: string[];
  /** when the exchange under way began */
  #began: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  private constructor(host: LabHost, command: string, args: readonly string[], options: DialogueOptions) {
    this.#options = options;
    this.#losses = options.losses ?? [];
    const hear = (line: string): void => {
      const meaning = options.read(line);
      if (meaning !== undefined) this.#take(meaning);
    };
    const env = options.env ?? {};
    this.#client = new Daemon(host, command, args, { hear, input: true, env });
  }

  /**
   * Starts a client, and returns when the first exchange is done.
   *
   * @throws LabError where none is, or the client ends
   */
  static async start(
    host: LabHost,
    command: string,
    args: readonly string[],
    options: DialogueOptions,
  ): Promise<Dialogue> {
    const dialogue = new Dialogue(host, command, args, options);
    dialogue.#ask();
    const answered = (): boolean => {
      dialogue.#client.check();
      return dialogue.#count > 0;
    };
    await waitUntil(answered, PATIENCE, `an answer of ${command}`);
    return dialogue;
  }

  losses(): readonly string[] {
    return [...this.#losses];
  }

  /** The longest exchange, of those that were not over at the moment or began later. */
  stall(from: number): number {
    const current = this.#began === undefined ? 0 : monotonic() - this.#began;
    return this.#exchanges.reduce(
      (longest, { ended, took }) => (ended >= from ? Math.max(longest, took) : longest),
      current,
    );
  }

  async alive(timeout: number): Promise<boolean> {
    // The next answer may be that of an exchange under way.
    const enough = this.#count + 2;
    const deadline = monotonic() + timeout;
    await waitUntil(
      () => this.#count >= enough || !this.#client.running || monotonic() >= deadline,
      2 * timeout,
      'an exchange, or its time to be over',
    );
    return this.#count >= enough;
  }

  async stop(): Promise<void> {
    // Killed, it asks no more; the timer may be set between the two.
    await this.#client.kill();
    clearTimeout(this.#timer);
    await Promise.all(this.#options.servers.map((server) => server.end('SIGTERM')));
  }

  #ask(): void {
    this.#began = monotonic();
    this.#client.write(this.#options.request);
  }

  #take({ answered, took, loss }: Meaning): void {
    if (loss !== undefined) this.#losses.push(loss);
    if (!answered || this.#began === undefined) return;
    const ended = monotonic();
    this.#exchanges.push({ ended, took: took ?? ended - this.#began });
    if (this.#exchanges.length > REMEMBERED) this.#exchanges.splice(0, REMEMBERED / 2);
    this.#count++;
    this.#began = undefined;
    this.#timer = setTimeout(() => this.#ask(), PAUSE);
  }
}
