import { formatIpv4, type Ipv4 } from '../wire/address';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4 } from '../wire/ethernet';
import type { FindingId } from './catalogue';
import { check, finding } from './check';
import type { Plan } from './evidence';
import { type Finding, quote, shortList } from './finding';
import { type Fate, type FilterChain, fateIn, type Packet } from './packet-filter';

export const nftablesCheck = check('firewall (nftables)', ['nftables'], ({ nftables, topology }) =>
  examineChains(nftables, topology),
);

export const iptablesCheck = check('firewall (iptables)', ['iptables'], ({ iptables, topology }) =>
  examineChains(iptables, topology),
);

/** What each hook of a family sees. */
const HOOKS: Readonly<Record<string, Readonly<Record<string, Packet['direction']>>>> = {
  arp: { input: 'in', output: 'out' },
  netdev: { ingress: 'in', egress: 'out' },
  inet: { ingress: 'in', prerouting: 'in', input: 'in', output: 'out', postrouting: 'out' },
  ip: { prerouting: 'in', input: 'in', output: 'out', postrouting: 'out' },
};

const IDS: Readonly<Record<Packet['kind'], FindingId>> = {
  arp: 'firewall-arp',
  traffic: 'firewall-traffic',
  beacon: 'firewall-beacons',
};

/** What a chain does to the packets of one kind. */
interface Harm {
  readonly fate: Fate;
  readonly packet: Packet;
  readonly links: Set<string>;
  readonly peers: Set<string>;
}

function examineChains(chains: readonly FilterChain[], topology: Plan['topology']): Finding[] {
  return chains.flatMap((chain) => {
    const direction = chain.hook === undefined ? undefined : HOOKS[chain.family]?.[chain.hook];
    if (direction === undefined) return [];
    const harms = new Map<string, Harm>();
    for (const [plain, peer] of packetsFor(chain, direction, topology)) {
      const harmed = harmTo(plain, chain, chains);
      if (harmed === undefined) continue;
      const [packet, fate] = harmed;
      const key = `${fate.type} ${fate.by} ${packet.kind} ${packet.detour}`;
      const harm = harms.get(key) ?? { fate, packet, links: new Set(), peers: new Set() };
      harms.set(key, harm);
      harm.links.add(packet.link);
      harm.peers.add(peer);
    }
    return [...harms.values()].map((harm) => harmful(chain, harm, topology));
  });
}

/** What a chain surely does to a packet that it should let pass; undefined for nothing. */
function harmTo(
  plain: Packet,
  chain: FilterChain,
  chains: readonly FilterChain[],
): readonly [packet: Packet, fate: Fate] | undefined {
  // Any link can be the one that is not preferred.
  const detours = plain.kind === 'traffic' && plain.direction === 'in' ? [{ ...plain, detour: true }] : [];
  for (const packet of [plain, ...detours]) {
    const fate = fateIn(chain, chains, packet);
    if (fate.type === 'drop' || fate.type === 'rewrite') return [packet, fate];
  }
  return undefined;
}

/** A packet of each kind that the hook sees, for every link and peer. */
function* packetsFor(
  chain: FilterChain,
  direction: Packet['direction'],
  topology: Plan['topology'],
): Generator<readonly [packet: Packet, peer: string]> {
  const own = topology.aliases[0]!;
  for (const { name: link, plane } of topology.links) {
    if (chain.devices !== undefined && !chain.devices.includes(link)) continue;
    const kinds = kindsOf(chain.family, topology.beacon !== undefined);
    const base = { direction, link, detour: false };
    if (kinds.includes('beacon')) {
      const etherType = topology.beacon?.etherType ?? 0;
      const none = { source: undefined, destination: undefined, operation: undefined };
      yield [{ ...base, ...none, kind: 'beacon', etherType }, 'all'];
    }
    for (const peer of topology.peers) {
      if (peer.kind !== 'agent' || !peer.planes.includes(plane)) continue;
      const other = peer.aliases[0]!;
      const ends =
        direction === 'in' ? { source: other, destination: own } : { source: own, destination: other };
      if (kinds.includes('arp'))
        for (const operation of ['request', 'reply'] as const)
          yield [{ ...base, ...ends, kind: 'arp', etherType: ETHERTYPE_ARP, operation }, peer.name];
      if (kinds.includes('traffic'))
        yield [
          { ...base, ...ends, kind: 'traffic', etherType: ETHERTYPE_IPV4, operation: undefined },
          peer.name,
        ];
    }
  }
}

function kindsOf(family: string, beacons: boolean): Packet['kind'][] {
  if (family === 'arp') return ['arp'];
  if (family !== 'netdev') return ['traffic'];
  return beacons ? ['arp', 'traffic', 'beacon'] : ['arp', 'traffic'];
}

function harmful(
  chain: FilterChain,
  { fate, packet, links, peers }: Harm,
  topology: Plan['topology'],
): Finding {
  const dropped = packet.detour ? 'firewall-reverse-path' : IDS[packet.kind];
  const id = fate.type === 'rewrite' ? 'firewall-rewrite' : dropped;
  const severity = id === 'firewall-beacons' ? 'warning' : 'error';
  const does = fate.type === 'rewrite' ? 'rewrites the addresses of' : 'drops';
  const whom =
    packet.kind === 'beacon'
      ? 'beacons'
      : `${NOUNS[packet.kind]} ${TOWARD[packet.direction]} ${shortList([...peers])}`;
  const where = packet.detour ? ' where the way back leaves by another link' : '';
  const what = `${fate.by} ${does} ${whom} on ${shortList([...links])}${where}`;
  return finding(id, { severity, subject: titleOf(chain), what }, acceptCommand(chain, packet, topology));
}

const NOUNS = { arp: 'ARP', traffic: 'packets', beacon: 'beacons' } as const;
const TOWARD = { in: 'from', out: 'to' } as const;
function titleOf({ program, family, table, name }: FilterChain): string {
  return program === 'nft' ? `chain ${family} ${table} ${name}` : `chain ${table} ${name}`;
}

/** Puts a rule at the head of the chain that lets the cluster's own packets pass, and nothing else. */
function acceptCommand(
  chain: FilterChain,
  { kind, direction, etherType }: Packet,
  topology: Plan['topology'],
): string {
  const others = topology.peers.flatMap((peer) => (peer.kind === 'agent' ? peer.aliases : []));
  const [from, to] = direction === 'in' ? [others, topology.aliases] : [topology.aliases, others];
  const { program, family, table, name } = chain;
  if (program !== 'nft')
    return `${program} -t ${table} -I ${quote(name)} -s ${commas(from)} -d ${commas(to)} -j ACCEPT`;
  const device = direction === 'in' ? 'iifname' : 'oifname';
  const links = topology.links.map((link) => `"${link.name}"`).join(', ');
  const ether = `ether type 0x${etherType.toString(16).padStart(4, '0')}`;
  const selector =
    kind === 'traffic'
      ? `ip saddr ${set(from)} ip daddr ${set(to)}`
      : family === 'arp'
        ? `${device} { ${links} }`
        : ether;
  return `nft ${quote(`insert rule ${family} ${table} ${name} ${selector} accept`)}`;
}

function commas(addresses: readonly Ipv4[]): string {
  return addresses.map(formatIpv4).join(',');
}

function set(addresses: readonly Ipv4[]): string {
  return addresses.length === 1 ? formatIpv4(addresses[0]!) : `{ ${addresses.map(formatIpv4).join(', ')} }`;
}
