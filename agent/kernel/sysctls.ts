import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { LinkSettings, SettingName } from '../core/settings';
import { KernelError } from './error';
import type { ChangedSetting } from './record';

/** Writes the changes down before they are made. Throws the system's error. */
export type Recorder = (changes: readonly ChangedSetting[]) => void;

/** The settings of our links under net.ipv4.conf: changed only after the former value has been written down. */
export class Sysctls {
  private readonly changed = new Map<string, ChangedSetting>();

  constructor(
    private readonly record: Recorder,
    former: readonly ChangedSetting[],
  ) {
    for (const change of former) this.changed.set(keyOf(change.link, change.setting), change);
  }

  /** The settings of a link as they are; undefined where it is gone meanwhile. */
  read(link: string, ifindex: number, addressed: boolean): LinkSettings | undefined {
    try {
      const arpIgnore = readSetting(link, 'arp_ignore');
      return {
        rpFilter: readSetting(link, 'rp_filter'),
        rpFilterAll: readSetting('all', 'rp_filter'),
        arpIgnore,
        arpIgnoreBefore: this.valueBefore(link, ifindex, 'arp_ignore', arpIgnore),
        arpIgnoreAll: readSetting('all', 'arp_ignore'),
        arpFilter: readSetting(link, 'arp_filter'),
        arpFilterAll: readSetting('all', 'arp_filter'),
        ignoreRoutesWithLinkdown: readSetting(link, 'ignore_routes_with_linkdown'),
        addressed,
      };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw kernelError(error, `reading the settings of ${link}`);
    }
  }

  /** Gives a setting a value. Throws {@link KernelError}; then the setting is as it was. */
  change(link: string, ifindex: number, setting: SettingName, value: number): void {
    const doing = `setting ${setting}=${value} on ${link}`;
    try {
      const before = this.valueBefore(link, ifindex, setting, readSetting(link, setting));
      const key = keyOf(link, setting);
      // Where somebody only took our value away, it is written down already, and a full disk keeps us from nothing.
      if (!this.has(link, ifindex, setting, value)) {
        const changes = new Map(this.changed).set(key, { link, ifindex, setting, before, value });
        this.record([...changes.values()]);
        this.changed.set(key, { link, ifindex, setting, before, value });
      }
      writeSetting(link, setting, value);
    } catch (error) {
      throw kernelError(error, doing);
    }
  }

  /**
   * Gives a setting its former value back, unless somebody else has changed it since; whether it did.
   * @param nameOf the present name of an interface; undefined where it is gone
   */
  restore(link: string, setting: string, nameOf: (ifindex: number) => string | undefined): boolean {
    const key = keyOf(link, setting);
    const change = this.changed.get(key);
    if (change === undefined) return false;
    try {
      const restored = restoreSetting(change, nameOf(change.ifindex));
      this.changed.delete(key);
      this.record([...this.changed.values()]);
      return restored;
    } catch (error) {
      throw kernelError(error, `restoring ${setting} on ${link}`);
    }
  }

  /** Whether it was us who gave a setting this value. */
  has(link: string, ifindex: number, setting: string, value: number): boolean {
    const change = this.changed.get(keyOf(link, setting));
    return change?.ifindex === ifindex && change.value === value;
  }

  /** Forgets what was changed on interfaces that are gone, which took it along; the names that they had. */
  forgetGone(exists: (ifindex: number) => boolean): Set<string> {
    const gone = [...this.changed].filter(([, { ifindex }]) => !exists(ifindex));
    for (const [key] of gone) this.changed.delete(key);
    return new Set(gone.map(([, { link }]) => link));
  }

  /** What is changed now. */
  get changes(): readonly ChangedSetting[] {
    return [...this.changed.values()];
  }

  private valueBefore(link: string, ifindex: number, setting: SettingName, now: number): number {
    const change = this.changed.get(keyOf(link, setting));
    return change?.ifindex === ifindex ? change.before : now;
  }
}

/**
 * Gives one setting of a link, by its present name, its former value back where it still has ours; whether it had. A link that is gone took its
 * settings along.
 */
export function restoreSetting(change: ChangedSetting, link: string | undefined): boolean {
  if (link === undefined) return false;
  try {
    if (readSetting(link, change.setting) !== change.value) return false;
    writeSetting(link, change.setting, change.before);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function keyOf(link: string, setting: string): string {
  return `${link} ${setting}`;
}

function fileOf(link: string, setting: string): string {
  return `/proc/sys/net/ipv4/conf/${link}/${setting}`;
}

function readSetting(link: string, setting: string): number {
  return Number(readFileSync(fileOf(link, setting), 'utf8'));
}

function writeSetting(link: string, setting: string, value: number): void {
  writeFileSync(fileOf(link, setting), String(value));
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function kernelError(error: unknown, doing: string): KernelError {
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : constants.errno.EIO;
  return new KernelError(Math.abs(errno), doing, undefined);
}
