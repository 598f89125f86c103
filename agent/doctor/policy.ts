/** The kernel's choice of a route by policy rules, tables, prefix lengths and metrics (net/ipv4/fib_rules.c, fib_trie.c). */
import { contains, type Ipv4 } from '../wire/address';
import type { RouteFact, RuleFact } from './evidence';

const THROW = 9;

/** How a packet of ours comes to its route. */
export interface Decision {
  /** the rule that decided */
  readonly rule: RuleFact;
  /** undefined where the rule refuses the packet itself */
  readonly route: RouteFact | undefined;
}

/** Rules that some packets match and others don't are passed over, unless `some` names one that is taken to match. */
export function decide(
  rules: readonly RuleFact[],
  routes: readonly RouteFact[],
  source: Ipv4,
  destination: Ipv4,
  some?: RuleFact,
): Decision | undefined {
  let least = 0;
  for (const rule of rules) {
    if (rule.priority < least || !matches(rule, source, destination, rule === some)) continue;
    const { action } = rule;
    if (action.type === 'goto') least = action.target;
    else if (action.type === 'refuse') return { rule, route: undefined };
    else if (action.type === 'table') {
      const route = lookUp(routes, action.table, destination);
      if (route === undefined || route.type === THROW) continue;
      if (route.destination.length > action.suppress) return { rule, route };
    }
  }
  return undefined;
}

/** Whether a rule applies to ordinary packets that this host sends: without a mark, and from sockets bound to no interface. */
function matches(rule: RuleFact, source: Ipv4, destination: Ipv4, some: boolean): boolean {
  if (rule.some !== '' && !some) return false;
  const selected =
    !rule.marked &&
    (rule.source === undefined || contains(rule.source, source)) &&
    (rule.destination === undefined || contains(rule.destination, destination)) &&
    (rule.iif === undefined || rule.iif === 'lo') &&
    rule.oif === undefined;
  return selected !== rule.not;
}

/** The most specific route, and of those the one with the lowest metric; among equals the kernel's first. */
function lookUp(routes: readonly RouteFact[], table: number, destination: Ipv4): RouteFact | undefined {
  let best: RouteFact | undefined;
  for (const route of routes) {
    if (route.table !== table || !contains(route.destination, destination)) continue;
    const better =
      best === undefined ||
      route.destination.length > best.destination.length ||
      (route.destination.length === best.destination.length && route.metric < best.metric);
    if (better) best = route;
  }
  return best;
}
