import { LabError } from '../../../deploy/lab/wait';

/** By the name of a placeholder. */
export type Values = Readonly<Record<string, string>>;

const PLACEHOLDER = /@([a-z][a-z-]*)@/g;

function fillLine(line: string, values: Values): string {
  return line.replace(PLACEHOLDER, (_, name: string) => {
    const value = values[name];
    if (value === undefined) {
      throw new LabError(`a configuration file has @${name}@, for which there is no value`);
    }
    return value;
  });
}

/**
 * Fills in a configuration file.
 *
 * @param text with placeholders such as `@alias@`; a line with one that begins with `@peer` stands once for each peer
 * @param values of all lines
 * @param peers further values for each peer
 * @throws LabError for a placeholder without a value
 */
export function fillTemplate(text: string, values: Values, peers: readonly Values[]): string {
  const fill = (line: string): string[] =>
    line.includes('@peer')
      ? peers.map((peer) => fillLine(line, { ...values, ...peer }))
      : [fillLine(line, values)];
  return text.split('\n').flatMap(fill).join('\n');
}

/** @returns the lines that are neither empty nor a comment, which begins with # */
export function commandsOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
}
