/** Reads what `nft -j list ruleset` prints (libnftables-json(5)). */
import { parseIpv4 } from '../wire/address';
import type { Condition, Field, FilterChain, FilterRule, Value, Verdict } from './packet-filter';

type Json = Readonly<Record<string, unknown>>;

const FAMILIES = ['arp', 'netdev', 'inet', 'ip'];
/** Names of EtherTypes as nft prints them. */
const ETHER_TYPES: Readonly<Record<string, number>> = { arp: 0x0806, ip: 0x0800, ip6: 0x86dd, vlan: 0x8100 };

/**
 * The chains of the families that see our packets. `skip` names chains that another program keeps there, as `ip filter INPUT`; `text` is what
 * `nft list ruleset` prints, since older versions leave the devices of chains out of the JSON.
 */
export function parseNftables(json: string, text = '', skip: readonly string[] = []): FilterChain[] {
  const objects = (JSON.parse(json) as { readonly nftables: readonly Json[] }).nftables;
  const of = (kind: string) =>
    objects.flatMap((object) => {
      const found = object[kind] as Json | undefined;
      return found !== undefined && FAMILIES.includes(String(found.family)) ? [found] : [];
    });
  const sets = new Map(
    of('set').map((set) => [`${set.family} ${set.table} ${set.name}`, valuesIn(set.elem)]),
  );
  const rules = of('rule');
  const devices = devicesIn(text);
  const chains = of('chain').filter(
    ({ family, table, name }) => !skip.includes(`${family} ${table} ${name}`),
  );
  return chains.map((chain) => {
    const place = `${chain.family} ${chain.table}`;
    const own = rules.filter((rule) => `${rule.family} ${rule.table}` === place && rule.chain === chain.name);
    return {
      program: 'nft',
      family: String(chain.family),
      table: String(chain.table),
      name: String(chain.name),
      hook: chain.hook === undefined ? undefined : String(chain.hook),
      policy: chain.policy === 'drop' ? 'drop' : 'accept',
      devices: namesIn(chain.dev) ?? devices.get(`${place} ${chain.name}`),
      rules: own.flatMap((rule) => rulesOf(rule, (name) => sets.get(`${place} ${name}`))),
    };
  });
}

function namesIn(device: unknown): string[] | undefined {
  if (device === undefined) return undefined;
  return Array.isArray(device) ? device.map(String) : [String(device)];
}

/** The devices of chains in the text form: `type filter hook ingress device "eth0" …` or `devices = { "eth0", "eth1" }`. */
function devicesIn(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let [table, chain] = ['', ''];
  for (const line of text.split('\n')) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table;
    chain = /^\s+chain (\S+) \{/.exec(line)?.[1] ?? chain;
    const listed = /\bhook (?:in|e)gress devices? (?:= )?(\{[^}]*\}|\S+)/.exec(line)?.[1];
    if (listed !== undefined) found.set(`${table} ${chain}`, listed.match(/[^\s{},"]+/g) ?? []);
  }
  return found;
}

type SetLookup = (name: string) => readonly Value[] | undefined;

/** One rule, or one for each element of a verdict map. */
function rulesOf(rule: Json, sets: SetLookup): FilterRule[] {
  const conditions: Condition[] = [];
  const text = `the rule with handle ${rule.handle}`;
  const found: FilterRule[] = [];
  for (const statement of (rule.expr ?? []) as readonly Json[]) {
    if ('match' in statement) conditions.push(conditionOf(statement.match as Json, sets));
    else if ('vmap' in statement) found.push(...mapped(statement.vmap as Json, conditions, text, sets));
    else if ('limit' in statement || 'xt' in statement) conditions.push(OTHER);
    else {
      const verdict = verdictOf(statement);
      if (verdict !== undefined) found.push({ conditions: [...conditions], verdict, text });
    }
  }
  return found;
}

const OTHER: Condition = { field: 'other', negated: false, values: [] };

function mapped(vmap: Json, before: readonly Condition[], text: string, sets: SetLookup): FilterRule[] {
  const elements = (vmap.data as Json | undefined)?.set;
  if (!Array.isArray(elements)) return [{ conditions: [...before, OTHER], verdict: { type: 'other' }, text }];
  return (elements as readonly (readonly [unknown, Json])[]).map(([key, verdict]) => ({
    conditions: [...before, conditionOf({ op: '==', left: vmap.key, right: key }, sets)],
    verdict: verdictOf(verdict) ?? { type: 'none' },
    text,
  }));
}

function verdictOf(statement: Json): Verdict | undefined {
  const [kind = ''] = Object.keys(statement);
  if (kind === 'accept' || kind === 'drop' || kind === 'return') return { type: kind };
  if (kind === 'reject') return { type: 'drop' };
  if (kind === 'jump' || kind === 'goto')
    return { type: kind, target: String((statement[kind] as Json).target) };
  if (kind === 'masquerade' || kind === 'snat' || kind === 'dnat' || kind === 'redirect')
    return { type: 'rewrite' };
  return kind === 'queue' || kind === 'tproxy' || kind === 'fwd' ? { type: 'other' } : undefined;
}

function conditionOf({ op, left, right }: Json, sets: SetLookup): Condition {
  const field = fieldOf(left as Json);
  const negated = op === '!=';
  if (field === 'way-back') return wayBack(right, negated);
  const named = typeof right === 'string' && right.startsWith('@') ? sets(right.slice(1)) : undefined;
  const values = named ?? valuesIn(right);
  const plain = op === '==' || op === '!=' || op === 'in';
  // A comparison that can't be read is one that can't be judged.
  if (field === 'other' || values === undefined || !plain) return OTHER;
  return { field, negated, values };
}

/** `oif missing`, which is also `oif 0`, is true where the way back leaves elsewhere; `oif exists` where it doesn't. */
function wayBack(right: unknown, negated: boolean): Condition {
  if (typeof right !== 'boolean' && Number(right) !== 0) return OTHER;
  return { field: 'way-back', negated: negated !== (right === true), values: ['elsewhere'] };
}

function fieldOf(left: Json): Field {
  const { meta, payload, ct, fib } = left as Readonly<Record<string, Json | undefined>>;
  if (meta !== undefined) return META[String(meta.key)] ?? 'other';
  if (payload !== undefined) return PAYLOAD[`${payload.protocol} ${payload.field}`] ?? 'other';
  if (ct !== undefined) return ct.key === 'state' ? 'state' : 'other';
  const flags = fib?.result === 'oif' ? fib.flags : undefined;
  return Array.isArray(flags) && flags.includes('saddr') && flags.includes('iif') ? 'way-back' : 'other';
}

const META: Readonly<Record<string, Field>> = {
  iif: 'iif',
  iifname: 'iif',
  oif: 'oif',
  oifname: 'oif',
  nfproto: 'family',
  protocol: 'ether-type',
};

const PAYLOAD: Readonly<Record<string, Field>> = {
  'ip saddr': 'source',
  'ip daddr': 'destination',
  'arp saddr ip': 'source',
  'arp daddr ip': 'destination',
  'arp operation': 'arp-operation',
  'ether type': 'ether-type',
};

/** The values on the right of a comparison; undefined where one of them can't be read. */
function valuesIn(right: unknown): Value[] | undefined {
  if (Array.isArray(right)) return all(right.map(valuesIn));
  if (typeof right === 'number') return [right];
  if (typeof right === 'string') return [parseIpv4(right) ?? ETHER_TYPES[right] ?? right];
  if (typeof right !== 'object' || right === null) return right === undefined ? [] : undefined;
  const { set, prefix, range, elem } = right as Json;
  if (set !== undefined) return valuesIn(set);
  if (elem !== undefined) return valuesIn((elem as Json).val);
  if (prefix !== undefined) {
    const { addr, len } = prefix as { readonly addr: string; readonly len: number };
    const first = parseIpv4(addr);
    return first === undefined ? undefined : [[first, first + 2 ** (32 - len) - 1]];
  }
  const [first, last] = (Array.isArray(range) ? range : []).map(
    (one) => parseIpv4(String(one)) ?? Number(one),
  );
  return first === undefined || last === undefined ? undefined : [[first, last]];
}

function all(parts: readonly (Value[] | undefined)[]): Value[] | undefined {
  return parts.some((part) => part === undefined) ? undefined : parts.flatMap((part) => part ?? []);
}
