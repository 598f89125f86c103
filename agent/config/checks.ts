/** What must be true across the sections of one configuration. Each check works on what could be read. */
import { METRIC_STEP } from '../core/routing';
import type { ProbeOptions, RouteOptions } from '../core/topology';
import { formatIpv4, formatMac, formatPrefix, type Ipv4 } from '../wire/address';
import { MOST_ALIASES } from '../wire/beacon';
import { Fault } from './fault';
import type { Path } from './problem';
import {
  type AgentHostEntry,
  type BeaconSection,
  type FarEndEntry,
  HIGHEST_METRIC,
  type HostEntry,
  MOST_PLANES,
} from './schema';
import type { Reader } from './sections';
import { nearest } from './spelling';
import { formatTime } from './time';

/** Beacons of a discovered host that may be lost in a row before it is forgotten, as for a path by default. */
const LEAST_BEACONS = 3;

/** Planes have distinct names, and there are 1 to {@link MOST_PLANES}. */
export function checkPlanes(reader: Reader, planes: readonly string[]): void {
  if (planes.length === 0)
    reader.refuse(['planes'], new Fault('names no plane', 'write two or more, such as [a, b]'));
  if (planes.length > MOST_PLANES) {
    reader.refuse(['planes', MOST_PLANES], new Fault(`more than ${MOST_PLANES} planes`, 'remove some'));
    return;
  }
  if (planes.length === 1)
    reader.warn(['planes'], new Fault('one plane alone leaves no second way', 'add the second backplane'));
  planes.forEach((plane, index) => {
    const mend = 'remove it, or give the plane another name';
    if (planes.indexOf(plane) < index)
      reader.refuse(['planes', index], new Fault(`'${plane}' stands here for the second time`, mend));
  });
}

/** The metric of the last plane's route, and one behind it, are still metrics. */
export function checkRoute(reader: Reader, route: RouteOptions, planes: number): void {
  const highest = HIGHEST_METRIC - METRIC_STEP * planes;
  if (route.metric <= highest) return;
  const said = `${route.metric} leaves no room for ${planes} planes, ${METRIC_STEP} apart`;
  reader.refuse(['route', 'metric'], new Fault(said, `write at most ${highest}`));
}

/** The kernel has the congestion control. */
export function checkCongestionControl(
  reader: Reader,
  { congctl }: RouteOptions,
  has: (congctl: string) => boolean,
): void {
  if (congctl === undefined || has(congctl)) return;
  const mend = 'name one of net.ipv4.tcp_available_congestion_control, or load its module';
  reader.refuse(['route', 'congctl'], new Fault(`this kernel has no congestion control '${congctl}'`, mend));
}

/** A suspect path is asked more often than one that is up. */
export function checkProbe(reader: Reader, { retry, interval }: ProbeOptions): void {
  if (retry <= interval) return;
  const mend = `write a time of at most probe.interval, ${interval}ms`;
  reader.refuse(['probe', 'retry'], new Fault('is longer than probe.interval', mend));
}

/** What beacons ask of other times, where they are enabled. `probe` is undefined where that section has errors. */
export function checkBeacon(reader: Reader, beacon: BeaconSection, probe: ProbeOptions | undefined): void {
  const { enabled, interval, verify, expire } = beacon;
  if (!enabled) return;
  if (probe !== undefined && verify < probe.interval) {
    const mend = `write a time of at least probe.interval, ${formatTime(probe.interval)}`;
    const said = `${formatTime(verify)} is shorter than probe.interval`;
    reader.refuse(['beacon', 'verify'], new Fault(said, mend));
  }
  const least = LEAST_BEACONS * interval;
  if (expire < least) {
    const said = `${formatTime(expire)} is shorter than ${LEAST_BEACONS} beacon intervals`;
    reader.refuse(['beacon', 'expire'], new Fault(said, `write a time of at least ${formatTime(least)}`));
  }
}

/** Beacons have room for what the hosts are to tell by them, and what only they tell is told. */
export function checkTold(reader: Reader, hosts: ReadonlyMap<string, HostEntry>, enabled: boolean): void {
  let warned = enabled;
  for (const [name, host] of hosts) {
    if (host.kind !== 'agent') continue;
    if (enabled && host.aliases.length > MOST_ALIASES) {
      const said = `more than ${MOST_ALIASES} aliases, for which a beacon has no room`;
      reader.refuse(['hosts', name, 'alias', MOST_ALIASES], new Fault(said, 'remove some'));
    }
    if (!warned && host.priority.size > 0) {
      const said = 'is told by beacons alone, and these are not enabled';
      reader.warn(
        ['hosts', name, 'priority'],
        new Fault(said, 'write beacon: { enabled: true }, or remove it'),
      );
      warned = true;
    }
  }
}

/** Planes exist, addresses and interfaces are not used twice. `planes` is undefined where that list has errors. */
export function checkHosts(
  reader: Reader,
  hosts: ReadonlyMap<string, HostEntry>,
  planes: readonly string[] | undefined,
): void {
  const used = new Uses(reader);
  for (const [name, host] of hosts) {
    const map = host.kind === 'agent' ? host.links : host.addresses;
    const key = host.kind === 'agent' ? 'links' : 'addresses';
    const path = ['hosts', name, key];
    if (map.size === 0) reader.refuse(path, new Fault('is empty', `write one of the host's ${key} at least`));
    if (planes !== undefined && planes.length <= MOST_PLANES)
      for (const plane of map.keys()) checkPlane(reader, plane, [...path, plane], planes);
    checkOwnPlanes(reader, name, 'mac', host.macs, host);
    if (host.kind === 'agent') checkAgentHost(reader, name, host);
  }
  // Aliases first, so that an address which is both is reported where the far end has it.
  for (const [name, host] of hosts) if (host.kind === 'agent') used.aliases(name, host);
  for (const [name, host] of hosts) if (host.kind === 'agent') used.cards(name, host);
  for (const [name, host] of hosts) if (host.kind === 'far-end') used.farEnd(name, host);
}

function checkPlane(reader: Reader, plane: string, path: Path, planes: readonly string[]): void {
  if (planes.includes(plane)) return;
  const meant = nearest(plane, planes);
  const known = `name one of the planes (${planes.join(', ')}), or add it to planes`;
  reader.refuse(
    path,
    new Fault(`there is no plane '${plane}'`, meant === undefined ? known : `did you mean '${meant}'?`),
    'key',
  );
}

function checkAgentHost(reader: Reader, name: string, host: AgentHostEntry): void {
  const planeOf = new Map<string, string>();
  for (const [plane, link] of host.links) {
    const other = planeOf.get(link);
    if (other !== undefined) {
      const said = `${link} is already the link on plane ${other}`;
      reader.refuse(
        ['hosts', name, 'links', plane],
        new Fault(said, 'name a card of its own for each plane'),
      );
    }
    planeOf.set(link, plane);
  }
  checkOwnPlanes(reader, name, 'priority', host.priority, host);
}

/** What a host says by plane, it says of planes that it is on. */
function checkOwnPlanes(
  reader: Reader,
  name: string,
  key: string,
  stated: ReadonlyMap<string, unknown>,
  host: HostEntry,
): void {
  const [own, one] = host.kind === 'agent' ? [host.links, 'link'] : [host.addresses, 'address'];
  const planes = [...own.keys()];
  for (const plane of stated.keys()) {
    if (own.has(plane)) continue;
    const meant = nearest(plane, planes);
    const all = host.kind === 'agent' ? 'links' : 'addresses';
    const known = `name a plane of its ${all} (${planes.join(', ')}), or add the ${one}`;
    const mend = meant === undefined ? known : `did you mean '${meant}'?`;
    const said = `${name} has no ${one} on plane '${plane}'`;
    reader.refuse(['hosts', name, key, plane], new Fault(said, mend), 'key');
  }
}

/** Who has each address and each prefix, to find what is used twice. */
class Uses {
  private readonly aliasOf = new Map<Ipv4, string>();
  private readonly farEndOf = new Map<string, string>();
  private readonly prefixOf = new Map<string, string>();
  private readonly cardOf = new Map<string, string>();

  constructor(private readonly reader: Reader) {}

  aliases(name: string, host: AgentHostEntry): void {
    host.aliases.forEach((alias, index) => {
      const owner = this.aliasOf.get(alias);
      if (owner === undefined) this.aliasOf.set(alias, name);
      else
        this.refuse(['hosts', name, 'alias', index], `${formatIpv4(alias)} is already an alias of ${owner}`);
    });
  }

  /** Far ends may share a card, as two addresses of one router do. */
  cards(name: string, host: AgentHostEntry): void {
    for (const [plane, mac] of host.macs) {
      const key = `${plane} ${mac}`;
      const owner = this.cardOf.get(key);
      if (owner === undefined) this.cardOf.set(key, name);
      else {
        const said = `${formatMac(mac)} is already ${owner}'s on plane ${plane}`;
        this.refuse(['hosts', name, 'mac', plane], said, 'give each host the address of its own card');
      }
    }
  }

  farEnd(name: string, host: FarEndEntry): void {
    const path = ['hosts', name];
    for (const [plane, address] of host.addresses)
      this.address([...path, 'addresses', plane], plane, address, name);
    if (host.icmp !== undefined && this.aliasOf.has(host.icmp))
      this.refuse(
        [...path, 'icmp'],
        `${formatIpv4(host.icmp)} is an alias of ${this.aliasOf.get(host.icmp)}`,
      );
    host.prefixes.forEach((prefix, index) => {
      const text = formatPrefix(prefix);
      const place = [...path, 'prefixes', index];
      const owner = this.prefixOf.get(text);
      const alias = prefix.length === 32 ? this.aliasOf.get(prefix.address) : undefined;
      // Two routes to one prefix with one metric are the same route to the kernel.
      if (owner !== undefined)
        this.refuse(place, `${text} is already reached through ${owner}`, 'remove one of the two');
      else if (alias !== undefined) this.refuse(place, `${text} is an alias of ${alias}`, 'remove it');
      this.prefixOf.set(text, name);
    });
  }

  private address(path: Path, plane: string, address: Ipv4, name: string): void {
    const alias = this.aliasOf.get(address);
    const key = `${plane} ${address}`;
    const other = this.farEndOf.get(key);
    if (alias !== undefined) this.refuse(path, `${formatIpv4(address)} is an alias of ${alias}`);
    else if (other !== undefined)
      this.refuse(path, `${formatIpv4(address)} is already ${other}'s on plane ${plane}`);
    this.farEndOf.set(key, name);
  }

  private refuse(path: Path, said: string, mend = 'give each host an address of its own'): void {
    this.reader.refuse(path, new Fault(said, mend));
  }
}
