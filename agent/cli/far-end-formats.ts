/** The static routes of a far end in the languages of the systems that far ends run. */

export const FORMATS = ['iproute2', 'cisco-ios', 'junos'] as const;
export type Format = (typeof FORMATS)[number];

/** One way from the far end to one alias. Field names are those of `--json`. */
export interface FarEndRoute {
  /** whose alias it is */
  readonly host: string;
  /** the alias, as a dotted quad */
  readonly destination: string;
  readonly plane: string;
  /** place of the plane in order of preference, from 0 */
  readonly rank: number;
  /** what the agents use for this plane */
  readonly metric: number;
  /** the far end's interface on the plane; null where it wasn't given */
  readonly interface: string | null;
  /** the host's own address on the plane; null where it wasn't given */
  readonly via: string | null;
}

/**
 * Administrative distances and preferences, lower first. 1 and 5 are the defaults of IOS and Junos for static routes: these
 * lie behind, so that a route somebody sets by hand wins.
 */
const distance = (route: FarEndRoute) => 10 * (route.rank + 1);

/** Lines to give to the far end, comments included. Names that weren't given stand as `<what-is-missing>`. */
export function formatRoutes(format: Format, name: string, routes: readonly FarEndRoute[]): string[] {
  const sign = format === 'cisco-ios' ? '!' : '#';
  const [notes, lines] = LANGUAGES[format](routes);
  return [
    `${sign} ${name}: routes toward the aliases, in order of preference`,
    ...notes.map((note) => `${sign} ${note}`),
    ...lines,
  ];
}

type Language = (
  routes: readonly FarEndRoute[],
) => readonly [notes: readonly string[], lines: readonly string[]];

const LANGUAGES: Readonly<Record<Format, Language>> = { iproute2, 'cisco-ios': ciscoIos, junos };

/** Linux asks by ARP for the alias itself on the interface of the route, and the host answers there. */
function iproute2(routes: readonly FarEndRoute[]): ReturnType<Language> {
  const interfaces = [...new Set(routes.map(interfaceOf))];
  const settings = interfaces.flatMap((name) => [
    `sysctl -w net/ipv4/conf/${name}/ignore_routes_with_linkdown=1`,
    `sysctl -w net/ipv4/conf/${name}/rp_filter=2`,
  ]);
  const commands = routes.map((route) => {
    const via = route.via === null ? '' : ` via ${route.via}`;
    return `ip route replace ${route.destination}/32${via} dev ${interfaceOf(route)} metric ${route.metric}`;
  });
  const notes = [
    'Linux leaves a route when its link loses carrier. It does not notice a silent failure: for that, run the agent there.',
  ];
  return [notes, [...settings, ...commands]];
}

/**
 * A static route to an Ethernet interface makes IOS ask by ARP for each destination under it, which is one for a host route.
 * With an address as well, it asks for that.
 */
function ciscoIos(routes: readonly FarEndRoute[]): ReturnType<Language> {
  const lines = routes.map((route) => {
    const via = route.via === null ? '' : ` ${route.via}`;
    return `ip route ${route.destination} 255.255.255.255 ${interfaceOf(route)}${via} ${distance(route)}`;
  });
  const notes = [
    'IOS leaves a route when its interface goes down. For silent failures, add `track` with an IP SLA icmp-echo to the',
    "host's own address on that plane. The hosts speak no BFD.",
  ];
  return [notes, lines];
}

/**
 * Junos takes an Ethernet interface alone as next hop only if it is unnumbered, so the next hop is the host's own address
 * (CLI reference, qualified-next-hop).
 */
function junos(routes: readonly FarEndRoute[]): ReturnType<Language> {
  const lines = routes.flatMap((route) => {
    const via = route.via ?? `<address-of-${route.host}-on-plane-${route.plane}>`;
    const hop = `set routing-options static route ${route.destination}/32 qualified-next-hop ${via}`;
    const bound = route.interface === null ? [] : [`${hop} interface ${route.interface}`];
    return [`${hop} preference ${distance(route)}`, ...bound];
  });
  const notes = [
    'Junos reaches a host on Ethernet by an address in the subnet of its own interface: name it with --via HOST:PLANE=ADDRESS.',
    'Junos leaves a next hop when its interface goes down. For silent failures, use RPM with ip-monitoring (SRX). The hosts',
    'speak no BFD.',
  ];
  return [notes, lines];
}

function interfaceOf(route: FarEndRoute): string {
  return route.interface ?? `<interface-on-plane-${route.plane}>`;
}
