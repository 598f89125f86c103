import { formatIpv4, formatPrefix, type Ipv4, type Prefix } from '../wire/address';
import { check, finding } from './check';
import { START_AGENT } from './daemon';
import type { Plan, RouteFact, RuleFact } from './evidence';
import { type Finding, quote, shortList } from './finding';
import { decide } from './policy';

const TABLE_MAIN = 254;
const TABLE_LOCAL = 255;
const UNICAST = 1;
/** Types of routes (linux/rtnetlink.h, rtm_type) as ip(8) writes them. */
const TYPES: Readonly<Record<number, string>> = {
  2: 'local',
  3: 'broadcast',
  5: 'multicast',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
  9: 'throw',
};

/** Where packets to the aliases of the peers leave, by the kernel's own rules. */
export const routeCheck = check(
  'routes to the peers',
  ['routes', 'rules', 'status'],
  ({ routes, rules, topology, status }) => {
    const findings = new Map<string, Finding>();
    const add = (found: Finding | undefined) => {
      if (found !== undefined) findings.set(`${found.id} ${found.subject} ${found.command}`, found);
    };
    const missing: string[] = [];
    const partial = [undefined, ...rules.filter((rule) => rule.some !== '')];
    const source = topology.aliases[0]!;
    for (const peer of topology.peers)
      for (const { prefix, whole } of destinationsOf(peer)) {
        const own = routes.filter(
          (route) => isOurs(route, topology) && samePrefix(route.destination, prefix),
        );
        if (own.length === 0) missing.push(`${formatPrefix(prefix, true)} (${peer.name})`);
        else add(foreignRoute(routes, own, topology, whole));
        if (own.length === 0 || !whole) continue;
        for (const some of partial) add(overruled(rules, routes, topology, source, prefix.address, some));
      }
    if (missing.length > 0) add(missingRoutes(missing, status === null));
    return [...findings.values()];
  },
);

/** `whole`: a host that has to be reached by our routes alone; else a prefix behind it, in which others may have a better way. */
function destinationsOf(peer: Plan['topology']['peers'][number]): { prefix: Prefix; whole: boolean }[] {
  if (peer.kind === 'far-end') return peer.prefixes.map((prefix) => ({ prefix, whole: false }));
  return peer.aliases.map((address) => ({ prefix: { address, length: 32 }, whole: true }));
}

function isOurs(route: RouteFact, { route: options }: Plan['topology']): boolean {
  return route.table === options.table && route.protocol === options.protocol;
}

function samePrefix(one: Prefix, other: Prefix): boolean {
  return one.address === other.address && one.length === other.length;
}

function missingRoutes(destinations: readonly string[], stopped: boolean): Finding {
  const particulars = {
    severity: 'error',
    subject: shortList(destinations),
    what: 'there is no route of ours',
  } as const;
  return finding('route-missing', particulars, stopped ? START_AGENT : 'multihomectl reload');
}

/** A route that somebody else made to the same destination, and that wins by its metric. */
function foreignRoute(
  routes: readonly RouteFact[],
  standing: readonly RouteFact[],
  topology: Plan['topology'],
  whole: boolean,
): Finding | undefined {
  const { destination } = standing[0]!;
  const least = Math.min(...standing.map(({ metric }) => metric));
  const rivals = routes.filter(
    (route) =>
      route.table === topology.route.table &&
      !isOurs(route, topology) &&
      samePrefix(route.destination, destination),
  );
  const winner = rivals.find(({ metric }) => metric < least) ?? rivals.find(({ metric }) => metric === least);
  if (winner === undefined) return undefined;
  const subject = formatPrefix(destination, true);
  const what = `a route with the metric ${winner.metric} is not ours, and ours begin at ${least}: ${words(winner)}`;
  const particulars = { severity: whole ? 'error' : 'warning', subject, what } as const;
  return finding('route-foreign', particulars, `ip route del ${words(winner)}`);
}

/** As `ip route del` takes it. */
function words({ type, destination, gateway, device, metric, protocol, table }: RouteFact): string {
  const text = destination.length === 0 ? 'default' : formatPrefix(destination);
  return [
    ...(type === UNICAST ? [] : [TYPES[type] ?? String(type)]),
    text,
    ...(gateway === undefined ? [] : ['via', gateway]),
    ...(device === undefined ? [] : ['dev', quote(device)]),
    ...['proto', String(protocol), 'metric', String(metric)],
    ...(table === TABLE_MAIN ? [] : ['table', String(table)]),
  ].join(' ');
}

/** Another table, or a rule, that decides before ours. */
function overruled(
  rules: readonly RuleFact[],
  routes: readonly RouteFact[],
  topology: Plan['topology'],
  source: Ipv4,
  destination: Ipv4,
  some: RuleFact | undefined,
): Finding | undefined {
  const decision = decide(rules, routes, source, destination, some);
  const { table } = topology.route;
  // The peer's alias on this host itself is a finding of its own, and so is a rival in our own table.
  if (decision?.route?.table === TABLE_LOCAL || decision?.route?.table === table) return undefined;
  if (!leadsTo(rules, table)) {
    const what = `no rule leads packets to the peers to the table ${table}`;
    const particulars = { severity: 'error', subject: `table ${table}`, what } as const;
    return finding('table-unreached', particulars, `ip rule add pref 32000 lookup ${table}`);
  }
  if (decision === undefined) return undefined;
  const { rule, route } = decision;
  const packets = rule.some === '' ? '' : ` packets with ${rule.some}`;
  const way = route === undefined ? 'refuses' : `leads by the table ${route.table} (${words(route)})`;
  const what = `it comes first, and ${way}${packets} to ${formatIpv4(destination)}`;
  const severity = rule.some === '' ? 'error' : 'warning';
  const particulars = { severity, subject: `rule ${rule.priority}`, what } as const;
  return finding('rule-override', particulars, `ip rule del ${rule.text}`);
}

function leadsTo(rules: readonly RuleFact[], table: number): boolean {
  return rules.some(({ action }) => action.type === 'table' && action.table === table);
}
