import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Topology } from '../core/topology';
import { formatIpv4, type Ipv4, parseIpv4 } from '../wire/address';

/** A setting of a link that we changed. */
export interface ChangedSetting {
  readonly link: string;
  /** of the interface that had this name then; another one's settings are its own */
  readonly ifindex: number;
  /** name under net.ipv4.conf; it may be one that only another version changes */
  readonly setting: string;
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

/** Where a run had its routes and neighbor entries. */
export interface RecordedSpace {
  readonly protocol: number;
  readonly table: number;
}

/** What has to be known to take everything of ours away, also when no daemon runs. */
export interface RunRecord extends RecordedSpace {
  readonly cluster: string;
  readonly host: string;
  readonly pid: number;
  /** where earlier runs had theirs, that were not removed yet; absent where there is nothing */
  readonly unswept?: readonly RecordedSpace[];
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

/** The record in a file; undefined where there is none, none that can be read, or none that can be trusted. */
export function readRecord(file: string): RunRecord | undefined {
  try {
    return recordIn(readTrusted(file));
  } catch {
    // Lost with the machine's restart, as the settings are.
    return undefined;
  }
}

/** The record in a text; undefined where it is damaged, since then nothing in it can be trusted. */
export function recordIn(text: string): RunRecord | undefined {
  try {
    const content: unknown = JSON.parse(text);
    return isRecord(content) ? content : undefined;
  } catch {
    return undefined;
  }
}

/** Most that a record is read of, in bytes: thousands of times what one has. */
const LARGEST_RECORD = 1 << 20;
const WRITABLE_BY_OTHERS = 0o022;
const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;
const RT_TABLE_LOCAL = 255;
const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Why the record in a file is not believed, or anybody may take it away; undefined where neither is so, and where there is none. */
export function distrustOf(file: string): string | undefined {
  try {
    readTrusted(file);
    const folder = dirname(file);
    const { mode } = statSync(folder);
    return (mode & WRITABLE_BY_ALL) !== 0 && (mode & STICKY) === 0
      ? `${folder} can be written by everybody`
      : undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    return code === 'ELOOP' ? `${file} is a symbolic link` : message;
  }
}

/**
 * What a file of ours holds. Whatever it says, teardown would undo: so it is a file, no link to one, of root's, our own user's or of who has
 * the directory, and nobody else can write it. Throws otherwise.
 */
function readTrusted(file: string): string {
  const descriptor = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const status = fstatSync(descriptor);
    const owners = [0, process.geteuid?.(), statSync(dirname(file)).uid];
    if (!status.isFile()) throw new Error(`${file} is no regular file`);
    if (status.size > LARGEST_RECORD) throw new Error(`${file} is larger than ${LARGEST_RECORD} bytes`);
    if (!owners.includes(status.uid)) throw new Error(`${file} belongs to user ${status.uid}`);
    if ((status.mode & WRITABLE_BY_OTHERS) !== 0)
      throw new Error(`${file} can be written by others than its owner`);
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

/** Replaces the record in one step, so that a crash leaves the old one or the new one. Throws the system's error. */
export function writeRecord(file: string, record: RunRecord): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = draftOf(file);
  // Never what somebody else has put there, such as a link to a file that is not to be written.
  rmSync(draft, { force: true });
  const descriptor = openSync(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
  try {
    writeFileSync(descriptor, `${JSON.stringify(record, null, 2)}\n`);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
}

/** Removes the record, and the draft of one that a crash may have left. Throws the system's error. */
export function removeRecord(file: string): void {
  rmSync(file, { force: true });
  rmSync(draftOf(file), { force: true });
}

function draftOf(file: string): string {
  return `${file}.new`;
}

/** The record of this run, kept up with what it changes, beside what the last run left. */
export class RecordKeeper {
  /** what the last run recorded */
  readonly former: RunRecord | undefined;
  private epoch: number | undefined;
  /** aliases that were bound at any time since the last teardown, as far as is known */
  private readonly aliases: Set<string>;
  private unswept: readonly RecordedSpace[];

  constructor(private readonly file: string) {
    const former = readRecord(file);
    this.former = former;
    this.epoch = former?.epoch;
    this.aliases = new Set(former?.aliases);
    this.unswept = former === undefined ? [] : [...(former.unswept ?? []), spaceOf(former)];
  }

  /** Whether somebody has taken the record away. */
  get isMissing(): boolean {
    return !existsSync(this.file);
  }

  /** The epoch of this run, which starts at `wall` in ms since 1970: see {@link nextEpoch}. It is written with the next {@link keep}. */
  nextEpoch(wall: number): number {
    this.epoch = nextEpoch(this.epoch, wall);
    return this.epoch;
  }

  /** Aliases of former topologies that may still be bound. */
  get formerAliases(): readonly Ipv4[] {
    return [...this.aliases].flatMap((alias) => parseIpv4(alias) ?? []);
  }

  /** Where earlier runs had their routes, in other tables or under other protocol numbers than now. */
  formerSpaces({ route }: Topology): readonly RecordedSpace[] {
    return this.unswept.filter((space) => !isSameSpace(space, route));
  }

  /** Nothing stands any more where earlier runs had their routes. It is written with the next {@link keep}. */
  swept(): void {
    this.unswept = [];
  }

  /** Writes down what this run has, before it is changed. Throws the system's error. */
  keep(topology: Topology, settings: readonly ChangedSetting[], drains: readonly RecordedDrain[] = []): void {
    const { cluster, host, route } = topology;
    for (const alias of topology.aliases) this.aliases.add(formatIpv4(alias));
    const spaces = this.formerSpaces(topology);
    const unswept = spaces.length === 0 ? {} : { unswept: spaces };
    const epoch = this.epoch === undefined ? {} : { epoch: this.epoch };
    const run = { cluster, host, pid: process.pid, ...spaceOf(route), aliases: [...this.aliases] };
    const drained = drains.length === 0 ? {} : { drains };
    writeRecord(this.file, { ...run, settings, ...drained, ...epoch, ...unswept });
  }
}

function spaceOf({ protocol, table }: RecordedSpace): RecordedSpace {
  return { protocol, table };
}

function isSameSpace(one: RecordedSpace, other: RecordedSpace): boolean {
  return one.protocol === other.protocol && one.table === other.table;
}

/** A file name of /proc/sys, and none that leads elsewhere. */
const SETTING_NAME = /^[a-z][a-z0-9_]{1,63}$/;

function isRecord(content: unknown): content is RunRecord {
  if (typeof content !== 'object' || content === null) return false;
  const { cluster, host, pid, aliases, settings, drains, epoch, unswept } = content as {
    readonly [field: string]: unknown;
  };
  return (
    typeof cluster === 'string' &&
    typeof host === 'string' &&
    Number.isSafeInteger(pid) &&
    isSpace(content) &&
    Array.isArray(aliases) &&
    aliases.every((alias) => typeof alias === 'string') &&
    Array.isArray(settings) &&
    settings.every(isChangedSetting) &&
    (drains === undefined || (Array.isArray(drains) && drains.every(isDrain))) &&
    (epoch === undefined || isEpoch(epoch)) &&
    (unswept === undefined || (Array.isArray(unswept) && unswept.every(isSpace)))
  );
}

/** One that a configuration can name: what is swept in any other was never ours. */
function isSpace(content: unknown): content is RecordedSpace {
  if (typeof content !== 'object' || content === null) return false;
  const { protocol, table } = content as { readonly [field: string]: unknown };
  return isWithin(protocol, 5, 255) && isWithin(table, 1, 0xffffffff) && table !== RT_TABLE_LOCAL;
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
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
    /^(?!\.{1,2}$)[^/\s]{1,15}$/.test(link) &&
    typeof setting === 'string' &&
    SETTING_NAME.test(setting) &&
    [ifindex, before, value].every(Number.isSafeInteger)
  );
}
