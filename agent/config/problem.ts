import { EXIT } from '../exit-status';

/** Keys and indexes from the root of the file to a value, such as `['hosts', 'alpha', 'links', 'c']`. */
export type Path = readonly (string | number)[];

/** One thing that is wrong in a configuration file or a key file, or, as a warning, that is not what it seems. */
export interface Problem {
  /** as it was given on the command line */
  readonly file: string;
  /** counted from 1 */
  readonly line: number;
  /** counted from 1 */
  readonly column: number;
  /** `hosts.alpha.links.c`; empty for the whole file */
  readonly path: string;
  /** what is wrong, in one clause that names the option */
  readonly message: string;
  /** what to do about it */
  readonly mend: string;
}

/** `FILE:LINE:COLUMN: message; mend`, the form that editors and terminals make a link of. */
export function formatProblem(problem: Problem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}; ${problem.mend}`;
}

/** A path as messages write it: `hosts.alpha.alias[1]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** A configuration or key file was read and is not valid; `problems` has every one that was found, in order of position. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly exitStatus = EXIT.configuration;

  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
  }
}

/** The file could not be read at all: it does not exist, may not be read, or is not a file. */
export class NoInputError extends Error {
  override readonly name = 'NoInputError';
  readonly exitStatus = EXIT.noInput;

  constructor(
    readonly file: string,
    /** errno name, such as `ENOENT`; `EINVAL` for what is no regular file */
    readonly code: string,
    readonly reason: string,
    /** what to do about it; empty where the reason says it all */
    readonly mend = '',
  ) {
    super([`${file}: ${reason}`, mend].filter((text) => text !== '').join('; '));
  }
}
