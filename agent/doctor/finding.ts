import type { FindingId } from './catalogue';

/** `error`: a failure will cost sessions; `warning`: it may, or it costs more than it need; `notice`: worth knowing before one looks for it. */
export type Severity = 'error' | 'warning' | 'notice';

/** A setting under /proc/sys, and the value that it should have. */
export interface SettingChange {
  /** below /proc/sys, such as `net/ipv4/conf/eth0/rp_filter` */
  readonly path: string;
  readonly value: number;
}

/** Something that would make a failover fail, or hide that it would. */
export interface Finding {
  readonly id: FindingId;
  readonly severity: Severity;
  /** what it is about: an interface, an address, a chain of the firewall */
  readonly subject: string;
  /** what is wrong, with the value that was found */
  readonly what: string;
  /** what it leads to, in one sentence */
  readonly why: string;
  /** what to do: the command, or words where there is none, or where a person has to decide before running it */
  readonly mend: string;
  /** the command that mends it, to be run as it stands by a shell as root; null where a person has to */
  readonly command: string | null;
  /** what `--fix` sets; empty where it must not, since it touches more than our links */
  readonly fix: readonly SettingChange[];
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, notice: 2 };

/** Errors first; within a severity in the order in which they were found. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((one, other) => RANK[one.severity] - RANK[other.severity]);
}

/** The command that sets settings as sysctl(8) takes them: with slashes where a name has a dot of its own. */
export function sysctlCommand(changes: readonly SettingChange[]): string {
  return ['sysctl -w', ...changes.map(({ path, value }) => quote(`${sysctlName(path)}=${value}`))].join(' ');
}

/** The name of a setting as people write it. */
export function sysctlName(path: string): string {
  return path.includes('.') ? path : path.replaceAll('/', '.');
}

/** A word as a shell reads it back. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** More names than this make a line unreadable. */
const SHOWN = 4;

export function shortList(names: readonly string[]): string {
  return names.length <= SHOWN
    ? names.join(', ')
    : `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`;
}
