import { examine } from '../../agent/doctor/check';
import { CHECKS } from '../../agent/doctor/checks';
import type {
  Evidence,
  Facts,
  InterfaceFact,
  Plan,
  RouteFact,
  RuleFact,
  WireFact,
} from '../../agent/doctor/evidence';
import type { Finding } from '../../agent/doctor/finding';
import { parseRules } from '../../agent/doctor/iproute';
import { confPath } from '../../agent/doctor/settings';
import type { Mac } from '../../agent/wire/address';
import { path, statusReport } from './cli-harness';
import { ALPHA, ALPHA_MACS, BETA, BETA_MACS, ip, prefix, topologyOf } from './core-fixtures';

/** The settings of a host that nothing is wrong with, by path below /proc/sys. */
export function settings(changes: Readonly<Record<string, number>> = {}): Facts['settings'] {
  const links = ['eth0', 'eth1'];
  const conf = links.flatMap((link) => [
    [confPath(link, 'rp_filter'), 2] as const,
    [confPath(link, 'ignore_routes_with_linkdown'), 1] as const,
  ]);
  const tcp = { 'net/ipv4/tcp_retries2': 15, 'net/ipv4/tcp_syn_retries': 6 };
  return new Map([...conf, ...Object.entries(tcp), ...Object.entries(changes)]);
}

export function link(plane: number, changes: Partial<InterfaceFact> = {}): InterfaceFact {
  return {
    ifindex: 2 + plane,
    name: `eth${plane}`,
    mac: ALPHA_MACS[plane]!,
    mtu: 1500,
    up: true,
    carrier: true,
    arp: true,
    master: undefined,
    lower: undefined,
    addresses: [{ address: ip(`10.77.${plane}.1`), length: 24, label: `eth${plane}` }],
    ...changes,
  };
}

export const LO: InterfaceFact = {
  ...link(0),
  ifindex: 1,
  name: 'lo',
  mac: undefined,
  mtu: 65536,
  addresses: [{ address: ALPHA, length: 32, label: 'lo:mh0' }],
};

export const MAIN = 254;

/** A route in the main table; ours by eth0 unless told otherwise. */
export function route(changes: Partial<RouteFact> & { readonly to?: string } = {}): RouteFact {
  const { to = '10.78.0.2', ...rest } = changes;
  return {
    table: MAIN,
    type: 1,
    destination: prefix(to),
    device: 'eth0',
    gateway: undefined,
    metric: 100,
    protocol: 77,
    ...rest,
  };
}

export const ROUTES: readonly RouteFact[] = [
  route(),
  route({ device: 'eth1', metric: 110 }),
  route({ type: 7, device: undefined, metric: 0xffffffff }),
  route({ to: '0.0.0.0/0', protocol: 3, metric: 0 }),
];

/** The rules that every host has, with others, as ip(8) prints them but for numbers in the place of the tables' names. */
export function rules(...more: readonly string[]): RuleFact[] {
  const usual = ['0:\tfrom all lookup 255', '32766:\tfrom all lookup 254', '32767:\tfrom all lookup 253'];
  const lines = [...usual, ...more].sort(
    (one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10),
  );
  return parseRules(`${lines.join('\n')}\n`, JSON.stringify(lines.map(ruleJson)));
}

/** What the JSON says of a rule beyond its text. */
function ruleJson(line: string): object {
  const after = (word: string) => new RegExp(`\\b${word} ([0-9]+)`).exec(line)?.[1];
  const [table, suppress, goto] = [after('lookup'), after('suppress_prefixlength'), after('goto')];
  return {
    priority: Number.parseInt(line, 10),
    ...(table === undefined ? {} : { table }),
    ...(line.includes('l3mdev') ? { table: '1', l3mdev: null } : {}),
    ...(suppress === undefined ? {} : { suppress_prefixlen: Number(suppress) }),
    ...(goto === undefined ? {} : { goto: Number(goto) }),
    ...(line.endsWith(' nop') ? { nop: null } : {}),
    ...(/ (prohibit|unreachable)$/.test(line) ? { action: '7' } : {}),
  };
}

export const QUESTIONS: WireFact['questions'] = [0, 1].map((plane) => ({
  link: `eth${plane}`,
  peer: 'beta',
  address: BETA,
  mac: BETA_MACS[plane] as Mac,
}));

/** What asking on the wire finds where all is well. */
export function wire(changes: Partial<WireFact> = {}): WireFact {
  return { links: ['eth0', 'eth1'], joined: [], claims: [], questions: QUESTIONS, beacons: [], ...changes };
}

export const STATUS = statusReport({
  links: statusReport().links.map((one) => ({ ...one, carrier: true })),
  peers: [
    {
      ...statusReport().peers[0]!,
      paths: [path('a', 'eth0', 'up', { active: true }), path('b', 'eth1', 'up')],
    },
  ],
});

/** Alpha, with nothing wrong, but for `changes`. */
export function evidence(changes: Partial<Evidence> = {}): Evidence {
  return {
    settings: settings(),
    interfaces: [LO, link(0), link(1)],
    routes: ROUTES,
    rules: rules(),
    neighbors: [0, 1].map((plane) => ({
      device: `eth${plane}`,
      address: BETA,
      mac: BETA_MACS[plane] as Mac,
    })),
    nftables: [],
    iptables: [],
    networkd: { configures: [], foreignRoutes: true },
    networkManager: { manages: [] },
    sessions: [],
    status: STATUS,
    wire: wire(),
    ...changes,
  };
}

export const PLAN: Plan = { topology: topologyOf(), heartbeats: new Map() };

/** What all checks find. */
export function found(changes: Partial<Evidence> = {}, plan: Partial<Plan> = {}): readonly Finding[] {
  return examine(CHECKS, { ...PLAN, ...plan }, evidence(changes)).findings;
}

/** The ids and subjects of what is found. */
export function ids(changes: Partial<Evidence> = {}, plan: Partial<Plan> = {}): string[] {
  return found(changes, plan).map(({ id, subject }) => `${id} ${subject}`);
}
