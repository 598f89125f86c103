import type { ExitStatus } from '../exit-status';

/** What a subcommand works with. Everything that touches the outside is here, so that tests run the very command. */
export interface Context {
  /** path of the control socket */
  readonly socket: string;
  /** JSON for scripts instead of text for people */
  readonly json: boolean;
  /** whether text may be coloured */
  readonly colour: boolean;
  /** aborted when the user interrupts */
  readonly signal: AbortSignal;
  /** one line to standard output */
  out(line: string): void;
  /** one line to standard error */
  err(line: string): void;
  /** ms since 1970 */
  now(): number;
}

/** What a subcommand does. It reports what goes wrong by throwing, and returns its exit status. */
export type Action = (context: Context) => Promise<ExitStatus>;

/** Carries an action out for commander, which knows no exit statuses. */
export type Run = (action: Action) => Promise<void>;

/** Indented JSON: a script doesn't mind, and a person may look as well. */
export function printJson(context: Context, value: unknown): void {
  context.out(JSON.stringify(value, null, 2));
}

/** An argument that makes no sense, with the exit status for it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    readonly exitStatus: ExitStatus,
    message: string,
  ) {
    super(message);
  }
}
