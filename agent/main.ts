#!/usr/bin/env -S node --max-semi-space-size=4 --no-allocation-site-pretenuring --single-threaded-gc
// A young generation of 4 MiB, since nearly all garbage is gone at once: the usual 16 would be a quarter of the memory with a thousand peers.
// No pretenuring: what all lives long at the start, when each peer is new, would be taken to live long ever after, and fill the old generation.
// One thread collects: waking others takes longer than so little work.
import { parseArgs } from 'node:util';
import { SystemError } from '../native-bindings/system-error';
import { missingCapabilities } from './capability';
import { systemClock } from './clock';
import { ConfigurationError, formatProblem, NoInputError } from './config/problem';
import { SocketInUse } from './control/listener';
import { Daemon } from './daemon';
import { EXIT, type ExitStatus } from './exit-status';
import { AlreadyRunning } from './instance';
import { KernelError } from './kernel/error';
import { openLog } from './log';
import { formatVersion } from './version';

const USAGE = 'usage: multihomed --config FILE [--host NAME] | --version | --help';

/** The command line; undefined after it has been answered or refused. */
function commandLine(): { readonly config: string; readonly host: string | undefined } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        config: { type: 'string', short: 'c' },
        host: { type: 'string' },
        version: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) say(USAGE);
    else if (values.version) say(formatVersion());
    else if (values.config !== undefined) return { config: values.config, host: values.host };
    else leave(EXIT.usage, `--config FILE is missing; ${USAGE}`);
  } catch (error) {
    leave(EXIT.usage, `${messageOf(error)}; ${USAGE}`);
  }
  return undefined;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One clear line, and the exit status. */
function leave(status: ExitStatus, ...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`multihomed: ${line}\n`);
  process.exitCode = status;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The exit status for an error that keeps the daemon from starting, or ends it. */
function statusOf(error: unknown): ExitStatus {
  if (error instanceof ConfigurationError) return EXIT.configuration;
  if (error instanceof NoInputError) return EXIT.noInput;
  if (error instanceof AlreadyRunning || error instanceof SocketInUse) return EXIT.unavailable;
  if (error instanceof KernelError || error instanceof SystemError) {
    return error.code === 'EPERM' || error.code === 'EACCES' ? EXIT.noPermission : EXIT.software;
  }
  return EXIT.software;
}

async function run(options: { readonly config: string; readonly host: string | undefined }): Promise<void> {
  const log = openLog();
  let daemon: Daemon | undefined;
  let ending = false;

  /** Ends at once; alias, routes and neighbor entries stay. */
  const fail = (error: unknown) => {
    if (ending) return;
    ending = true;
    const fields = { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined };
    log.write({
      time: new Date(systemClock.wall()).toISOString(),
      level: 'error',
      event: 'fatal',
      ...fields,
    });
    try {
      daemon?.abandon();
    } finally {
      log.flush();
      leave(statusOf(error), messageOf(error));
      process.exit();
    }
  };
  const stop = (reason: string) => {
    if (ending) return;
    ending = true;
    void (daemon?.stop(reason) ?? Promise.resolve()).then(() => {
      log.flush();
      process.exit(EXIT.ok);
    }, fail);
  };

  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGHUP', () => {
    try {
      daemon?.reload();
    } catch {
      // Told as `reload-refused`; the old configuration stays.
    }
  });

  try {
    daemon = await Daemon.start({ file: options.config, host: options.host }, log, systemClock, (status) =>
      status === 'stopped' ? stop('teardown') : fail(status),
    );
  } catch (error) {
    log.flush();
    const lines =
      error instanceof ConfigurationError ? error.problems.map(formatProblem) : [messageOf(error)];
    leave(statusOf(error), ...lines);
    process.exit();
  }
}

const options = commandLine();
if (options !== undefined) {
  const missing = missingCapabilities();
  if (missing.length > 0) {
    leave(EXIT.noPermission, `${missing.join(' and ')} missing; run it as root or by the systemd unit`);
  } else {
    void run(options);
  }
}
