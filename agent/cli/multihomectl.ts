#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { EXIT, type ExitStatus } from '../exit-status';
import { formatVersion } from '../version';
import { addCapture } from './capture';
import { addCheck } from './check';
import type { Action, Context } from './context';
import { addDoctor } from './doctor';
import { addDrain, addUndrain } from './drain';
import { addEvents } from './events';
import { addFarEnd } from './far-end';
import { addReload } from './reload';
import { addRoutes } from './routes';
import { addStatus } from './status';
import { addRelease, addTeardown } from './teardown';
import { printable } from './text';
import { addWait } from './wait';

/** Where the daemon listens where its configuration doesn't say otherwise. */
const SOCKET = '/run/multihomed/control.sock';

/** The outside of one run. */
export type Surroundings = Omit<Context, 'socket' | 'json'>;

const SUBCOMMANDS = [
  addStatus,
  addRoutes,
  addEvents,
  addWait,
  addCheck,
  addDoctor,
  addReload,
  addDrain,
  addUndrain,
  addTeardown,
  addRelease,
  addFarEnd,
  addCapture,
] as const;

/**
 * Runs one command line, without the program's name. Never throws: whatever goes wrong is one line on standard error and an
 * exit status from sysexits.h.
 */
export async function main(words: readonly string[], surroundings: Surroundings): Promise<ExitStatus> {
  let status: ExitStatus = EXIT.ok;
  const program = new Command('multihomectl');
  program
    .description('talks to the multihomed daemon of this host')
    .version(formatVersion())
    .option('--socket <path>', "the daemon's control socket", SOCKET)
    .option('--json', 'JSON for scripts', false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => surroundings.out(text.trimEnd()),
      writeErr: (text) => surroundings.err(text.trimEnd()),
      getOutHasColors: () => surroundings.colour,
    });
  const run = async (action: Action) => {
    const { socket, json } = program.opts<{ socket: string; json: boolean }>();
    status = await action({ ...surroundings, socket, json });
  };
  for (const add of SUBCOMMANDS) add(program, run);
  try {
    await program.parseAsync(words, { from: 'user' });
    return status;
  } catch (error) {
    return failure(error, surroundings);
  }
}

function failure(error: unknown, { err, signal }: Surroundings): ExitStatus {
  // Commander has said already what is wrong; help and version that were asked for are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (signal.aborted) {
    // What can be interrupted without harm has ended by itself; the rest did not do what it was asked for.
    err('multihomectl: interrupted');
    return EXIT.temporary;
  }
  const message = error instanceof Error ? error.message : String(error);
  err(`multihomectl: ${printable(message)}`);
  return exitStatusOf(error);
}

/** An error of ours knows its status; of the system's, those that a person can mend are told apart. */
function exitStatusOf(error: unknown): ExitStatus {
  const { exitStatus, code } = error as { readonly exitStatus?: unknown; readonly code?: unknown };
  const known = Object.values(EXIT).find((status) => status === exitStatus);
  if (known !== undefined) return known;
  if (code === 'EPERM' || code === 'EACCES') return EXIT.noPermission;
  return typeof code === 'string' && code.startsWith('E') ? EXIT.io : EXIT.software;
}

/** The process itself: streams, signals and the time. */
function surroundings(): Surroundings {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
  // `multihomectl events | head` is no error: whoever read has seen enough.
  const onError = (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.io);
  process.stdout.on('error', onError);
  process.stderr.on('error', onError);
  return {
    colour: process.stdout.isTTY && !process.env.NO_COLOR,
    signal: interrupted.signal,
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    now: Date.now,
  };
}

if (require.main === module)
  void main(process.argv.slice(2), surroundings()).then((status) => {
    process.exitCode = status;
  });
