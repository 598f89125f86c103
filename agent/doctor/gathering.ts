import { DaemonNotRunning, request } from '../control/client';
import type { StatusReport } from '../control/protocol';
import type { Topology } from '../core/topology';
import { askOnWire } from './asking';
import { type Evidence, type Facts, Unknown } from './evidence';
import { readInterfaces, readNeighbors, readRoutes, readRules } from './iproute';
import { parseIptables } from './iptables';
import { readNetworkd, readNetworkManager } from './manager-files';
import { parseNftables } from './nftables';
import { readSessions, readSettings, textOf } from './proc';
import { factsFrom, outputOf } from './programs';

export interface GatheringOptions {
  /** what the daemon said; see {@link askDaemon} */
  readonly status: StatusReport | null | Unknown;
  /** whether to send on the links */
  readonly probe: boolean;
  readonly signal: AbortSignal;
}

/** Looks at this host. Changes nothing; with `probe` it sends ARP probes on the links. */
export async function gather(topology: Topology, options: GatheringOptions): Promise<Evidence> {
  const [interfaces, routes, rules, neighbors, firewall, networkManager] = await Promise.all([
    readInterfaces(),
    readRoutes(),
    readRules(),
    readNeighbors(),
    readFirewall(),
    readNetworkManager(),
  ]);
  return {
    ...{ interfaces, routes, rules, neighbors, networkManager, ...firewall },
    settings: readSettings(topology),
    networkd: interfaces instanceof Unknown ? interfaces : readNetworkd(interfaces),
    sessions: readSessions(),
    status: options.status,
    wire: await wireOf(topology, interfaces, options),
  };
}

async function wireOf(
  topology: Topology,
  interfaces: Evidence['interfaces'],
  { probe, signal }: GatheringOptions,
): Promise<Evidence['wire']> {
  if (!probe) return new Unknown('--no-probe');
  return interfaces instanceof Unknown ? interfaces : askOnWire(topology, interfaces, signal);
}

/** ms that the daemon has to answer. */
const ANSWER_TIME = 5000;

/** The report of this cluster's daemon, else of whichever answers at one of these sockets; null where none does. */
export async function askDaemon(
  cluster: string,
  sockets: readonly string[],
  signal: AbortSignal,
): Promise<StatusReport | null | Unknown> {
  let other: StatusReport | null | Unknown = null;
  for (const socket of new Set(sockets)) {
    const status = await askAt(socket, signal);
    if (status !== null && !(status instanceof Unknown) && status.cluster === cluster) return status;
    other ??= status;
  }
  return other;
}

async function askAt(socket: string, signal: AbortSignal): Promise<StatusReport | null | Unknown> {
  try {
    return await request(socket, { command: 'status' }, { timeout: ANSWER_TIME, signal });
  } catch (error) {
    if (signal.aborted || !(error instanceof Error)) throw error;
    return error instanceof DaemonNotRunning ? null : new Unknown(error.message);
  }
}

/** Both firewalls; what iptables keeps in nftables is read from iptables alone, which knows its extensions. */
async function readFirewall(): Promise<Pick<Evidence, 'nftables' | 'iptables'>> {
  const [version, saved, legacy] = await Promise.all([
    outputOf('iptables-save', ['-V']),
    outputOf('iptables-save', []),
    factsFrom('iptables-legacy-save', [], (text) => parseIptables(text, 'iptables-legacy')),
  ]);
  if (saved instanceof Unknown) {
    // Where the kernel has no tables of iptables, the program isn't missed.
    const none = version instanceof Unknown && (textOf('/proc/net/ip_tables_names') ?? '').trim() === '';
    return { nftables: await readNftables([]), iptables: none ? [] : saved };
  }
  const overNft = !(version instanceof Unknown) && version.includes('nf_tables');
  const old = overNft && !(legacy instanceof Unknown) ? legacy : [];
  const chains = parseIptables(saved);
  const kept = chains.map(({ family, table, name }) => `${family} ${table} ${name}`);
  return { nftables: await readNftables(overNft ? kept : []), iptables: [...chains, ...old] };
}

async function readNftables(skip: readonly string[]): Promise<Facts['nftables'] | Unknown> {
  const text = await outputOf('nft', ['list', 'ruleset']);
  if (text instanceof Unknown) return text;
  return factsFrom('nft', ['-j', 'list', 'ruleset'], (json) => parseNftables(json, text, skip));
}
