/** Reads what ip(8) prints, numbers as numbers. */
import { type Ipv4, type Prefix, parseIpv4, parseMac } from '../wire/address';
import type { InterfaceFact, NeighborFact, RouteFact, RuleFact } from './evidence';
import { Unknown } from './evidence';
import { quote } from './finding';
import { factsFrom, outputOf } from './programs';

type Json = Readonly<Record<string, unknown>>;

const TABLE_MAIN = 254;
const UNICAST = 1;
/** ip(8) leaves this protocol out: what somebody typed (linux/rtnetlink.h, RTPROT_BOOT). */
const BOOT = 3;
/** Kinds of interfaces whose frames another one carries. */
const UPPER_KINDS = ['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap'];

export async function readInterfaces(): Promise<InterfaceFact[] | Unknown> {
  const addresses = await factsFrom('ip', ['-json', '-4', 'address', 'show'], objectsIn);
  if (addresses instanceof Unknown) return addresses;
  const details = ['-json', '-details', 'link', 'show'];
  return factsFrom('ip', details, (output) => objectsIn(output).map((link) => interfaceOf(link, addresses)));
}

function objectsIn(output: string): Json[] {
  // Nothing to print is printed as nothing.
  return output.trim() === '' ? [] : (JSON.parse(output) as Json[]);
}

export function interfaceOf(link: Json, addresses: readonly Json[]): InterfaceFact {
  const flags = link.flags as readonly string[];
  const own = addresses.find(({ ifindex }) => ifindex === link.ifindex)?.addr_info;
  const kind = (link.linkinfo as Json | undefined)?.info_kind;
  return {
    ifindex: Number(link.ifindex),
    name: String(link.ifname),
    mac: link.link_type === 'ether' ? parseMac(String(link.address)) : undefined,
    mtu: Number(link.mtu),
    up: flags.includes('UP'),
    carrier: flags.includes('LOWER_UP'),
    arp: !flags.includes('NOARP'),
    master: textIn(link.master),
    lower: UPPER_KINDS.includes(String(kind)) ? textIn(link.link) : undefined,
    addresses: ((own ?? []) as readonly Json[]).flatMap(({ local, prefixlen, label }) => {
      const address = parseIpv4(String(local));
      return address === undefined
        ? []
        : [{ address, length: Number(prefixlen), label: String(label ?? '') }];
    }),
  };
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function readRoutes(): Promise<RouteFact[] | Unknown> {
  const args = ['-json', '-Numeric', '-4', 'route', 'show', 'table', 'all'];
  return factsFrom('ip', args, (output) => objectsIn(output).map(routeOf));
}

export function routeOf(route: Json): RouteFact {
  return {
    table: Number(route.table ?? TABLE_MAIN),
    type: Number(route.type ?? UNICAST),
    destination: prefixIn(String(route.dst)),
    device: textIn(route.dev),
    gateway: textIn(route.gateway),
    metric: Number(route.metric ?? 0),
    protocol: Number(route.protocol ?? BOOT),
  };
}

/** `default`, an address or a prefix, whose bits beyond its length are zero. */
function prefixIn(text: string): Prefix {
  if (text === 'default' || text === 'all') return { address: 0 as Ipv4, length: 0 };
  const [quad = '', length = '32'] = text.split('/');
  const address = parseIpv4(quad);
  if (address === undefined) throw new Error(`${text} is no IPv4 prefix`);
  return { address, length: Number(length) };
}

export function readNeighbors(): Promise<NeighborFact[] | Unknown> {
  return factsFrom('ip', ['-json', '-4', 'neighbor', 'show'], (output) =>
    objectsIn(output).flatMap(({ dst, dev, lladdr }) => {
      const [address, mac] = [parseIpv4(String(dst)), parseMac(String(lladdr))];
      return address === undefined || mac === undefined ? [] : [{ device: String(dev), address, mac }];
    }),
  );
}

/** The rules as text, which is what `ip rule del` takes, and as JSON, which has the numbers. */
export async function readRules(): Promise<RuleFact[] | Unknown> {
  const text = await outputOf('ip', ['-4', 'rule', 'show']);
  if (text instanceof Unknown) return text;
  return factsFrom('ip', ['-json', '-Numeric', '-4', 'rule', 'show'], (json) => parseRules(text, json));
}

/** @throws Error where the two are not of the same rules, since one was added or removed between them */
export function parseRules(text: string, json: string): RuleFact[] {
  const objects = objectsIn(json);
  const lines = text.split('\n').filter((line) => line !== '');
  const priorities = lines.map((line) => Number.parseInt(line, 10));
  if (priorities.join() !== objects.map(({ priority }) => priority).join())
    throw new Error('the rules changed meanwhile');
  return lines.map((line, index) =>
    ruleOf(priorities[index]!, line.replace(/^[0-9]+:/, '').trim(), objects[index]!),
  );
}

/** Selectors that ordinary packets of ours never match: they bear no mark, and leave by no VRF and no tunnel. */
const MARKS = ['fwmark', 'tun_id', 'l3mdev'];
/** Selectors that some packets match. */
const SOME = ['tos', 'dsfield', 'uidrange', 'ipproto', 'sport', 'dport'];

function ruleOf(priority: number, text: string, object: Json): RuleFact {
  const words = text.split(/\s+/);
  const after = (word: string) => {
    const index = words.indexOf(word);
    return index < 0 ? undefined : words[index + 1];
  };
  const prefixAfter = (word: string) => {
    const value = after(word);
    return value === undefined || value === 'all' ? undefined : prefixIn(value);
  };
  const some = SOME.flatMap((word) => (words.includes(word) ? [`${word} ${after(word)}`] : []));
  return {
    priority,
    not: words[0] === 'not',
    source: prefixAfter('from'),
    destination: prefixAfter('to'),
    iif: after('iif'),
    oif: after('oif'),
    marked: words.some((word) => MARKS.includes(word) || word === '[l3mdev-table]'),
    some: some.join(' '),
    action: actionOf(object),
    text: ['pref', String(priority), ...words.filter((word) => !word.startsWith('['))].map(quote).join(' '),
  };
}

function actionOf({ table, suppress_prefixlen: suppress, goto: target, nop }: Json): RuleFact['action'] {
  if (table !== undefined) return { type: 'table', table: Number(table), suppress: Number(suppress ?? -1) };
  if (target !== undefined) return { type: 'goto', target: Number(target) };
  // What is neither has an action of its own: blackhole, unreachable or prohibit.
  return { type: nop === undefined ? 'refuse' : 'nop' };
}
