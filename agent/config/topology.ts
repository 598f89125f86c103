import type { BeaconOptions, LinkPlace, Peer, Topology } from '../core/topology';
import type { Mac } from '../wire/address';
import { ConfigurationError } from './problem';
import type { AgentHostEntry, Configuration, HostEntry } from './schema';

/**
 * The name by which this host stands in the file: the system's host name as it is where the file has that, else its first
 * label, which is what a file for one cluster usually has.
 */
export function hostNameIn(configuration: Configuration, systemName: string): string {
  if (configuration.hosts.has(systemName)) return systemName;
  return systemName.split('.', 1)[0]!;
}

/**
 * The cluster as `host` sees it. Peers are all others that share a plane with it, in the order of the file.
 * @throws {ConfigurationError} the file doesn't name this host, or says that it runs no agent
 */
export function topologyOf(configuration: Configuration, host: string): Topology {
  const own = agentEntry(configuration, host);
  const links: LinkPlace[] = configuration.planes.flatMap((plane, index) => {
    const name = own.links.get(plane);
    if (name === undefined) return [];
    return [{ plane: index, name, priority: own.priority.get(plane) ?? 0, mac: own.macs.get(plane) }];
  });
  const planes = links.map((link) => link.plane);
  const peers = [...configuration.hosts].flatMap(([name, entry]) => {
    const peer = name === host ? undefined : peerOf(name, entry, planes, configuration.planes);
    return peer === undefined ? [] : [peer];
  });
  const { cluster, probe, arp, route } = configuration;
  return {
    cluster,
    host,
    planes: configuration.planes,
    aliases: own.aliases,
    links,
    peers,
    probe,
    arp,
    route,
    beacon: beaconOf(configuration),
  };
}

function beaconOf({ beacon }: Configuration): BeaconOptions | undefined {
  const { enabled, keyFile: _, ...options } = beacon;
  return enabled ? options : undefined;
}

function peerOf(
  name: string,
  entry: HostEntry,
  own: readonly number[],
  names: readonly string[],
): Peer | undefined {
  const has = entry.kind === 'agent' ? entry.links : entry.addresses;
  const planes = own.filter((plane) => has.has(names[plane]!));
  if (planes.length === 0) return undefined;
  const macs = macsOf(entry, planes, names);
  if (entry.kind === 'agent')
    return { kind: 'agent', name, aliases: entry.aliases, planes, macs, discovered: false };
  const addresses = new Map(planes.map((plane) => [plane, entry.addresses.get(names[plane]!)!]));
  return { kind: 'far-end', name, addresses, prefixes: entry.prefixes, icmp: entry.icmp, macs };
}

function macsOf(
  { macs }: HostEntry,
  planes: readonly number[],
  names: readonly string[],
): ReadonlyMap<number, Mac> | undefined {
  const known = planes.flatMap((plane): [number, Mac][] => {
    const mac = macs.get(names[plane]!);
    return mac === undefined ? [] : [[plane, mac]];
  });
  return known.length === 0 ? undefined : new Map(known);
}

function agentEntry(configuration: Configuration, host: string): AgentHostEntry {
  const entry = configuration.hosts.get(host);
  if (entry?.kind === 'agent') return entry;
  const agents = [...configuration.hosts].flatMap(([name, { kind }]) => (kind === 'agent' ? [name] : []));
  const message =
    entry === undefined
      ? `hosts: there is no host '${host}'`
      : `hosts.${host}: this is a far end, which runs no agent`;
  const mend =
    agents.length === 0
      ? 'add this host'
      : `name one of these with --host: ${agents.join(', ')}; or add this host`;
  const path = entry === undefined ? 'hosts' : `hosts.${host}`;
  throw new ConfigurationError([{ file: configuration.file, line: 1, column: 1, path, message, mend }]);
}
