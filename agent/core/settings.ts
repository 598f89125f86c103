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
  /** whether the link has an IPv4 address of its own */
  readonly addressed: boolean;
}

/** A setting of a link under net.ipv4.conf that we change, and record before. */
export type SettingName = 'rp_filter' | 'arp_ignore' | 'ignore_routes_with_linkdown';

const OFF = 0;
const STRICT = 1;
const LOOSE = 2;

/**
 * What has to be set on a link. Strict reverse path filtering drops what a peer sends by the card that is not our preferred one, so it
 * becomes loose; on a link without an address the kernel is strict in the loose mode too, so there it is switched off. The effective
 * value is the larger one of `all` and the link's own (net/ipv4/fib_frontend.c, __fib_validate_source). `silence` keeps the kernel from
 * answering for the alias while the agent does.
 */
export function settingsToChange(current: LinkSettings, silence: boolean): ReadonlyMap<SettingName, number> {
  const changes = new Map<SettingName, number>();
  const { rpFilter, rpFilterAll, addressed } = current;
  if (current.ignoreRoutesWithLinkdown !== 1) changes.set('ignore_routes_with_linkdown', 1);
  if (addressed && Math.max(rpFilter, rpFilterAll) === STRICT) changes.set('rp_filter', LOOSE);
  if (!addressed && rpFilter !== OFF) changes.set('rp_filter', OFF);
  if (silence && kernelAnswers(Math.max(current.arpIgnore, current.arpIgnoreAll)))
    changes.set('arp_ignore', SILENT);
  return changes;
}

/** The settings of a link after some have been changed. */
export function withChanges(current: LinkSettings, changes: ReadonlyMap<SettingName, number>): LinkSettings {
  return {
    ...current,
    rpFilter: changes.get('rp_filter') ?? current.rpFilter,
    arpIgnore: changes.get('arp_ignore') ?? current.arpIgnore,
    ignoreRoutesWithLinkdown: changes.get('ignore_routes_with_linkdown') ?? current.ignoreRoutesWithLinkdown,
  };
}

/** Whether a setting of the link alone can keep the kernel from answering for the alias. */
export function isSilenceable({ arpIgnoreAll }: LinkSettings): boolean {
  return arpIgnoreAll <= SILENT;
}

/** Whether reverse path filtering drops what comes in by this link, and no setting of the link alone can help. */
export function isFiltered({ rpFilterAll, addressed }: LinkSettings): boolean {
  return !addressed && rpFilterAll !== OFF;
}
