import { readInput } from './input';
import { type Parsed, parseConfiguration } from './parse';

export { readKeys } from './key-file';
export { type Parsed, parseConfiguration } from './parse';
export { hostNameIn, topologyOf } from './topology';

/** Largest configuration file in bytes: a hundred times what a cluster of a hundred hosts needs. */
export const LARGEST_FILE = 1024 * 1024;

/**
 * Reads and checks a configuration file; `hasCongestionControl` asks the kernel that is to carry it out, where that is this one.
 * @throws {NoInputError} it cannot be read (exit status 66)
 * @throws {ConfigurationError} it has errors (exit status 78)
 */
export function loadConfiguration(file: string, hasCongestionControl?: (name: string) => boolean): Parsed {
  const text = readInput(file, { largest: LARGEST_FILE }).toString();
  return parseConfiguration(text, file, hasCongestionControl);
}
