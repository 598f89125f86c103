import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readInput } from './input';
import { ConfigurationError, NoInputError } from './problem';

/** Largest key file in bytes: two keys with plenty of comment. */
const LARGEST_KEY_FILE = 4096;
/** Hexadecimal digits of one key: 32 bytes, the length of a SHA-256, more than which add no strength (RFC 2104, 3). */
const KEY_DIGITS = 64;
const MOST_KEYS = 2;
const READABLE_BY_OTHERS = 0o077;
const PERMISSIONS = 0o7777;

/**
 * The keys of the cluster's beacons, one or two: the first signs, all are accepted. A line each; blank lines and those that begin with `#`
 * are skipped. What was read never appears in an error, nor does a KeyObject show its bytes in a log.
 * @param anyOwner whether another user than this process's may own the file: root looks at it for the daemon, which is another user
 * @throws {NoInputError} the file cannot be read (exit status 66)
 * @throws {ConfigurationError} others than its owner may use it, its owner is a stranger, or it holds no such keys (exit status 78)
 */
export function readKeys(file: string, anyOwner = false): readonly KeyObject[] {
  return keysIn(textOf(file, anyOwner), file);
}

/**
 * The keys in the `text` of a key file; `file` is the name that messages give it.
 * @throws {ConfigurationError} it holds no such keys
 */
export function keysIn(text: string, file: string): readonly KeyObject[] {
  const keys: KeyObject[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const written = line.trim();
    if (written === '' || written.startsWith('#')) continue;
    const place = { line: index + 1, column: line.indexOf(written) + 1 };
    if (keys.length === MOST_KEYS)
      throw refusal(file, 'a third key stands here', `keep ${MOST_KEYS}: the one that signs first`, place);
    keys.push(keyIn(file, written, place));
  }
  if (keys.length === 0) throw refusal(file, 'this file holds no key', `make one: ${makingOf(file)}`);
  return keys;
}

interface Place {
  readonly line: number;
  readonly column: number;
}

/** The key that `text` writes. What is wrong is told by position and number alone. */
function keyIn(file: string, text: string, { line, column }: Place): KeyObject {
  const mend = `write a key as ${KEY_DIGITS} hexadecimal digits`;
  const odd = text.search(/[^0-9a-f]/i);
  if (odd >= 0) throw refusal(file, 'this is no hexadecimal digit', mend, { line, column: column + odd });
  if (text.length !== KEY_DIGITS) {
    throw refusal(file, `this key has ${text.length} digits`, mend, { line, column });
  }
  return createSecretKey(text, 'hex');
}

/** One character for each byte, so that whatever stands there keeps its position. */
function textOf(file: string, anyOwner: boolean): string {
  const limits = {
    largest: LARGEST_KEY_FILE,
    check: (status: Stats) => {
      if (!anyOwner) checkOwner(file, status);
      checkMode(file, status);
    },
  };
  try {
    return readInput(file, limits).toString('latin1');
  } catch (error) {
    if (!(error instanceof NoInputError)) throw error;
    throw new NoInputError(file, error.code, error.reason, mendOf(error));
  }
}

/** Of the opened file, since what a path names may be another one later. */
function checkOwner(file: string, { uid }: Stats): void {
  const own = process.geteuid?.() ?? 0;
  if (uid === 0 || uid === own) return;
  const said = `the owner is user ${uid}, who can read and change the keys`;
  throw refusal(file, said, `chown ${own} ${file}`);
}

function checkMode(file: string, { mode }: Stats): void {
  if ((mode & READABLE_BY_OTHERS) === 0) return;
  const octal = (mode & PERMISSIONS).toString(8).padStart(4, '0');
  throw refusal(file, `mode ${octal} lets others than the owner use the keys`, `chmod 600 ${file}`);
}

function mendOf({ code, file }: NoInputError): string {
  if (code === 'ENOENT') return `make a key: ${makingOf(file)}`;
  const user = process.geteuid?.() ?? 0;
  if (code === 'EACCES') return user === 0 ? 'run this as the owner of the file' : `chown ${user} ${file}`;
  return 'name a file with one or two keys as beacon.key-file';
}

function makingOf(file: string): string {
  return `(umask 077; openssl rand -hex ${KEY_DIGITS / 2} > ${file})`;
}

function refusal(
  file: string,
  message: string,
  mend: string,
  place: Place = { line: 1, column: 1 },
): ConfigurationError {
  return new ConfigurationError([{ file, ...place, path: '', message, mend }]);
}
