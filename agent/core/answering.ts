import type { ArpOptions } from './topology';

/** The effective ARP settings of a link: for each the larger of `all` and the interface's own (Documentation/networking/ip-sysctl). */
export interface ArpSettings {
  readonly arpIgnore: number;
  /** the `all` value of `arp_ignore` alone: what no setting of a link can lower */
  readonly arpIgnoreAll: number;
  readonly arpFilter: number;
}

/** Who answers ARP requests for our aliases, and why. */
export interface Responder {
  readonly acting: 'kernel' | 'agent';
  /** a word for the status and the log */
  readonly reason:
    | 'configured'
    | 'kernel-answers'
    | 'arp-ignore'
    | 'arp-filter'
    | 'planes-joined'
    | 'not-silenceable';
  /** whether the kernel must be silenced with `arp_ignore=1` while the agent answers */
  readonly silence: boolean;
}

/** `arp_ignore`: answer only for addresses of the card that was asked, which an alias is not. */
export const SILENT = 1;

/** Whether the kernel answers for an alias of scope global on the loopback interface (net/ipv4/arp.c, arp_ignore). */
export function kernelAnswers(arpIgnore: number): boolean {
  return arpIgnore !== 1 && arpIgnore !== 2 && arpIgnore !== 8;
}

/**
 * Who should answer. `auto` leaves it to the kernel, which needs no running agent, unless it wouldn't answer on every link: the host
 * is hardened by `arp_ignore`, or `arp_filter` ties answers to the route back, which is by another card for a standby path. On joined
 * planes the kernel would answer a request on every card that hears it, so there the agent answers, once.
 */
export function chooseResponder(
  configured: ArpOptions['responder'],
  settings: readonly ArpSettings[],
  joined: boolean,
): Responder {
  const reason = reasonFor(configured, settings, joined);
  if (configured === 'kernel' || reason === 'kernel-answers')
    return { acting: 'kernel', reason, silence: false };
  const answering = settings.filter((link) => kernelAnswers(link.arpIgnore));
  // Two answers to one request would be worse than the kernel's alone.
  const insists = answering.some((link) => link.arpIgnoreAll > SILENT);
  if (insists) return { acting: 'kernel', reason: 'not-silenceable', silence: false };
  return { acting: 'agent', reason, silence: answering.length > 0 };
}

function reasonFor(
  configured: ArpOptions['responder'],
  settings: readonly ArpSettings[],
  joined: boolean,
): Responder['reason'] {
  if (configured !== 'auto') return 'configured';
  if (settings.some((link) => !kernelAnswers(link.arpIgnore))) return 'arp-ignore';
  if (settings.some((link) => link.arpFilter !== 0)) return 'arp-filter';
  return joined ? 'planes-joined' : 'kernel-answers';
}
