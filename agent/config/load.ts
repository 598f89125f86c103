import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type Parsed, parseConfiguration } from './parse';
import { NoInputError } from './problem';

export { type Parsed, parseConfiguration } from './parse';
export { hostNameIn, topologyOf } from './topology';

/** Largest configuration file in bytes: a hundred times what a cluster of a hundred hosts needs. */
export const LARGEST_FILE = 1024 * 1024;

/**
 * Reads and checks a configuration file.
 * @throws {NoInputError} it cannot be read (exit status 66)
 * @throws {ConfigurationError} it has errors (exit status 78)
 */
export function loadConfiguration(file: string): Parsed {
  return parseConfiguration(readText(file), file);
}

function readText(file: string): string {
  let descriptor: number;
  try {
    // A FIFO without a writer would block the daemon for ever; it is refused below.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw noInput(file, error);
  }
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new NoInputError(file, 'EINVAL', 'this is not a regular file');
    const buffer = Buffer.alloc(LARGEST_FILE + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = readSync(descriptor, buffer, length, buffer.length - length, null);
    if (length > LARGEST_FILE)
      throw new NoInputError(file, 'EFBIG', `the file is larger than ${LARGEST_FILE} bytes`);
    return buffer.toString('utf8', 0, length);
  } catch (error) {
    throw error instanceof NoInputError ? error : noInput(file, error);
  } finally {
    closeSync(descriptor);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission to read it is missing',
  EISDIR: 'this is a directory',
};

function noInput(file: string, error: unknown): NoInputError {
  const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
  return new NoInputError(file, code, `${REASONS[code] ?? 'the file cannot be read'} (${code})`);
}
