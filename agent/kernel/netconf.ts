import { Attributes } from './attributes';
import { AF_INET } from './bytes';
import type { KernelMessage } from './rtnetlink';

/** Length of what every message on settings begins with, padded (linux/netconf.h, struct netconfmsg). */
const HEADER = 4;
const NETCONFA = { device: 1, rpFilter: 3, ignoreRoutesWithLinkdown: 6 } as const;
/** What the settings for all devices have instead of an ifindex: NETCONFA_IFINDEX_ALL. */
export const ALL_DEVICES = 0xffffffff;

/**
 * The device whose settings a message tells, by whomever they were changed; undefined where it is about none that we look after. Of those the
 * kernel tells rp_filter and ignore_routes_with_linkdown alone (net/ipv4/devinet.c, devinet_conf_proc).
 */
export function configuredDevice({ body }: KernelMessage): number | undefined {
  if (body.length < HEADER || body[0] !== AF_INET) return undefined;
  const attributes = new Attributes(body, HEADER);
  const told = [NETCONFA.rpFilter, NETCONFA.ignoreRoutesWithLinkdown];
  return told.some((type) => attributes.number(type) !== undefined)
    ? attributes.number(NETCONFA.device)
    : undefined;
}
