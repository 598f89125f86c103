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
  /** `hosts.alpha.links.c`, long keys cut; empty for the whole file */
  readonly path: string;
  /** what is wrong, in one clause that names the option */
  readonly message: string;
  /** what to do about it */
  readonly mend: string;
}

/** Problems that are told at once: whoever has more of them begins with these. */
export const MOST_PROBLEMS = 100;
/** Longest message, and longest mend, in a line, in characters. */
const LONGEST = 400;
/** Longest key in a path, in characters: longer than any name that is allowed. */
const LONGEST_KEY = 80;

/** `FILE:LINE:COLUMN: message; mend`, the form that editors and terminals make a link of. It is one line, whatever the file holds. */
export function formatProblem({ file, line, column, message, mend }: Problem): string {
  return `${printable(file)}:${line}:${column}: ${cut(printable(message), LONGEST)}; ${cut(printable(mend), LONGEST)}`;
}

/** A path as messages write it: `hosts.alpha.alias[1]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += `${text === '' ? '' : '.'}${cut(part, LONGEST_KEY)}`;
  }
  return text;
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

/** What a terminal would obey or not show (control and format characters, separators of lines, halves of pairs) as JSON writes it. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (odd) =>
    [...Array(odd.length).keys()]
      .map((index) => `\\u${odd.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** A configuration or key file was read and is not valid; `problems` has those that were found, {@link MOST_PROBLEMS} at most, in order of position. */
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
