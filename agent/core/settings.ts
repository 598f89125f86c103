import { kernelAnswers, SILENT } from './answering';

/** The settings of one link under net.ipv4.conf that we read, the `all` values beside the interface's own. */
export interface LinkSettings {
  readonly rpFilter: number;
  readonly rpFilterAll: number;
  readonly arpIgnore: number;
  /** its value before we changed it; the same as `arpIgnore` where we didn't */
  readonly arpIgnoreBefore: number;
  readonly arpIgnoreAll: number;
  readonly arpFilter: number;
  readonly arpFilterAll: number;
  readonly ignoreRoutesWithLinkdown: number;
}

/** A setting of a link under net.ipv4.conf that we change, and record before. */
export type SettingName = 'rp_filter' | 'arp_ignore' | 'ignore_routes_with_linkdown';

const STRICT = 1;
const LOOSE = 2;

/**
 * What has to be set on a link. Strict reverse path filtering drops what a peer sends by the card that is not our preferred one, so it
 * becomes loose; the effective value is the larger one (net/ipv4/fib_frontend.c). `silence` keeps the kernel from answering for the
 * alias while the agent does.
 */
export function settingsToChange(current: LinkSettings, silence: boolean): ReadonlyMap<SettingName, number> {
  const changes = new Map<SettingName, number>();
  if (current.ignoreRoutesWithLinkdown !== 1) changes.set('ignore_routes_with_linkdown', 1);
  if (Math.max(current.rpFilter, current.rpFilterAll) === STRICT) changes.set('rp_filter', LOOSE);
  if (silence && kernelAnswers(Math.max(current.arpIgnore, current.arpIgnoreAll)))
    changes.set('arp_ignore', SILENT);
  return changes;
}
