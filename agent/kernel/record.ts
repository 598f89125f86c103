import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { SettingName } from '../core/settings';
import type { Topology } from '../core/topology';
import { formatIpv4, type Ipv4, parseIpv4 } from '../wire/address';

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

/** A link that the operator has drained. */
export interface RecordedDrain {
  readonly link: string;
  /** ms since 1970; null for until told otherwise */
  readonly until: number | null;
}

/** What has to be known to take everything of ours away, also when no daemon runs. */
export interface RunRecord {
  readonly cluster: string;
  readonly host: string;
  readonly pid: number;
  readonly protocol: number;
  readonly table: number;
  /** the aliases that this cluster had here, as dotted quads: another cluster's have the same label */
  readonly aliases: readonly string[];
  readonly settings: readonly ChangedSetting[];
  /** of its beacons, in ms since 1970; absent in the records of older versions */
  readonly epoch?: number;
  /** absent in the records of older versions */
  readonly drains?: readonly RecordedDrain[];
}

/**
 * The epoch of an agent's beacons: `wall`, the time of its start in ms since 1970, but larger than the `former` one, since the peers take
 * beacons of an older epoch for replayed ones, and the system's clock may have been set back.
 */
export function nextEpoch(former: number | undefined, wall: number): number {
  return Math.max(Math.floor(wall), former === undefined ? 0 : former + 1);
}

/**
 * Where the record of the daemon at a control socket lies: `state.json` beside `control.sock`, `NAME.state.json` beside another one, so
 * that daemons of several clusters can share a directory.
 */
export function recordFile(socket: string): string {
  const name = basename(socket, '.sock');
  return join(dirname(socket), name === 'control' ? 'state.json' : `${name}.state.json`);
}

/** The record in a file; undefined where there is none, or none that can be read. */
export function readRecord(file: string): RunRecord | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isRecord(content) ? content : undefined;
  } catch {
    // Lost with the machine's restart, as the settings are; or damaged, and then nothing in it can be trusted.
    return undefined;
  }
}

/** Replaces the record in one step, so that a crash leaves the old one or the new one. Throws the system's error. */
export function writeRecord(file: string, record: RunRecord): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.new`;
  writeFileSync(draft, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o644 });
  renameSync(draft, file);
}

export function removeRecord(file: string): void {
  rmSync(file, { force: true });
}

/** The record of this run, kept up with what it changes, beside what the last run left. */
export class RecordKeeper {
  /** what the last run recorded */
  readonly former: RunRecord | undefined;
  private epoch: number | undefined;

  constructor(private readonly file: string) {
    this.former = readRecord(file);
    this.epoch = this.former?.epoch;
  }

  /** The epoch of this run, which starts at `wall` in ms since 1970: see {@link nextEpoch}. It is written with the next {@link keep}. */
  nextEpoch(wall: number): number {
    this.epoch = nextEpoch(this.epoch, wall);
    return this.epoch;
  }

  /** Aliases of the last run that may still be bound. */
  get formerAliases(): readonly Ipv4[] {
    return (this.former?.aliases ?? []).flatMap((alias) => parseIpv4(alias) ?? []);
  }

  /** Whether the last run had its routes in another table, or under another protocol number. */
  movedFrom({ route }: Topology): boolean {
    const { former } = this;
    return former !== undefined && (former.protocol !== route.protocol || former.table !== route.table);
  }

  /** Writes down what this run has, before it is changed. Throws the system's error. */
  keep(topology: Topology, settings: readonly ChangedSetting[], drains: readonly RecordedDrain[] = []): void {
    const { cluster, host, route } = topology;
    const aliases = [...new Set([...topology.aliases.map(formatIpv4), ...(this.former?.aliases ?? [])])];
    const { protocol, table } = route;
    const epoch = this.epoch === undefined ? {} : { epoch: this.epoch };
    const run = { cluster, host, pid: process.pid, protocol, table, aliases };
    const drained = drains.length === 0 ? {} : { drains };
    writeRecord(this.file, { ...run, settings, ...drained, ...epoch });
  }
}

const SETTINGS: readonly string[] = [
  'rp_filter',
  'arp_ignore',
  'ignore_routes_with_linkdown',
] satisfies SettingName[];

function isRecord(content: unknown): content is RunRecord {
  if (typeof content !== 'object' || content === null) return false;
  const { cluster, host, pid, protocol, table, aliases, settings, drains, epoch } = content as {
    readonly [field: string]: unknown;
  };
  return (
    typeof cluster === 'string' &&
    typeof host === 'string' &&
    [pid, protocol, table].every(Number.isSafeInteger) &&
    Array.isArray(aliases) &&
    aliases.every((alias) => typeof alias === 'string') &&
    Array.isArray(settings) &&
    settings.every(isChangedSetting) &&
    (drains === undefined || (Array.isArray(drains) && drains.every(isDrain))) &&
    (epoch === undefined || isEpoch(epoch))
  );
}

/** Another one follows it: beacons carry up to 2^53-1. */
function isEpoch(content: unknown): boolean {
  return Number.isSafeInteger(content) && Number(content) >= 0 && Number(content) < Number.MAX_SAFE_INTEGER;
}

function isDrain(content: unknown): content is RecordedDrain {
  if (typeof content !== 'object' || content === null) return false;
  const { link, until } = content as { readonly [field: string]: unknown };
  return typeof link === 'string' && (until === null || Number.isFinite(until));
}

/** Whether a link is drained at `wall`, in ms since 1970, by what was recorded of it. */
export function isDrainedBy({ drains = [] }: RunRecord, link: string, wall: number): boolean {
  return drains.some((drain) => drain.link === link && (drain.until === null || drain.until > wall));
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
