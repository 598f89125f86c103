import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { NoInputError } from './problem';

/** Most bytes that a file may have, and what else must be true of it, which is asked before anything of it is read. */
export interface InputLimits {
  readonly largest: number;
  readonly check?: (status: Stats) => void;
}

/**
 * The content of a regular file. It never waits, whatever stands at that path.
 * @throws {NoInputError} it cannot be read, or is no such file; and what `check` throws
 */
export function readInput(file: string, limits: InputLimits): Buffer {
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
    limits.check?.(status);
    return readAll(file, descriptor, limits.largest);
  } finally {
    closeSync(descriptor);
  }
}

/** Counts what was read, since the size in the file's status may be another by then. */
function readAll(file: string, descriptor: number, largest: number): Buffer {
  const buffer = Buffer.alloc(largest + 1);
  let length = 0;
  try {
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = readSync(descriptor, buffer, length, buffer.length - length, null);
  } catch (error) {
    throw noInput(file, error);
  }
  if (length > largest) throw new NoInputError(file, 'EFBIG', `the file is larger than ${largest} bytes`);
  return buffer.subarray(0, length);
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
