import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SettingName } from '../core/settings';

/** A setting of a link that we changed. */
export interface ChangedSetting {
  readonly link: string;
  /** of the interface that had this name then; another one's settings are its own */
  readonly ifindex: number;
  readonly setting: SettingName;
  /** the value that it had, and the one that we gave it */
  readonly before: number;
  readonly value: number;
}

/** What has to be known to take everything of ours away, also when no daemon runs. */
export interface Record {
  readonly cluster: string;
  readonly host: string;
  readonly pid: number;
  readonly protocol: number;
  readonly table: number;
  readonly settings: readonly ChangedSetting[];
}

/** The record in a file; undefined where there is none, or none that can be read. */
export function readRecord(file: string): Record | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isRecord(content) ? content : undefined;
  } catch {
    // Lost with the machine's restart, as the settings are; or damaged, and then nothing in it can be trusted.
    return undefined;
  }
}

/** Replaces the record in one step, so that a crash leaves the old one or the new one. Throws the system's error. */
export function writeRecord(file: string, record: Record): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.new`;
  writeFileSync(draft, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o644 });
  renameSync(draft, file);
}

export function removeRecord(file: string): void {
  rmSync(file, { force: true });
}

const SETTINGS: readonly string[] = [
  'rp_filter',
  'arp_ignore',
  'ignore_routes_with_linkdown',
] satisfies SettingName[];

function isRecord(content: unknown): content is Record {
  if (typeof content !== 'object' || content === null) return false;
  const { cluster, host, pid, protocol, table, settings } = content as { readonly [field: string]: unknown };
  return (
    typeof cluster === 'string' &&
    typeof host === 'string' &&
    [pid, protocol, table].every(Number.isSafeInteger) &&
    Array.isArray(settings) &&
    settings.every(isChangedSetting)
  );
}

function isChangedSetting(content: unknown): content is ChangedSetting {
  if (typeof content !== 'object' || content === null) return false;
  const { link, ifindex, setting, before, value } = content as { readonly [field: string]: unknown };
  return (
    typeof link === 'string' &&
    /^[^/\s]{1,15}$/.test(link) &&
    typeof setting === 'string' &&
    SETTINGS.includes(setting) &&
    [ifindex, before, value].every(Number.isSafeInteger)
  );
}
