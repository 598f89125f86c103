import { BROADCAST_MAC, type Ipv4, type Mac, ZERO_MAC } from '../../agent/wire/address';
import { type ArpFrame, arpAnnouncement, encodeArp } from '../../agent/wire/arp';
import { encodeBeacon, heardFrom } from '../../agent/wire/beacon';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import type { Cluster } from './cluster';
import type { Host } from './host';
import { Random } from './random';
import { fakeSeal, keyIdOf } from './seal';
import { DEFAULT_BEACONS } from './topology';

/** What can be done to a cluster. */
export type FaultKind =
  /** the card's cable is pulled */
  | 'pull'
  /** the switch port drops every frame, without a word */
  | 'silence'
  /** only those toward the card, or only those from it */
  | 'deaf'
  | 'mute'
  /** the whole switch loses its power, or keeps it and passes nothing */
  | 'switch-off'
  | 'switch-hang'
  /** the link is administratively taken down */
  | 'link-down'
  /** the card gets another address */
  | 'new-mac'
  /** the operator drains the link, and then gives it back */
  | 'drain'
  /** the agent ends, or stands still */
  | 'kill'
  | 'pause'
  /** the host loses its power, and in the second case comes back with an earlier time */
  | 'crash'
  | 'clock-back'
  /** somebody else deletes one of our routes */
  | 'tamper'
  /** somebody on the plane forges announcements and answers of the host */
  | 'forge'
  /** somebody without the key sends beacons of the host: forged, damaged or recorded ones */
  | 'forge-beacon';

/** One fault at one place, from a time until it is mended. */
export interface Fault {
  readonly kind: FaultKind;
  /** ms after the start of the schedule */
  readonly at: number;
  /** ms */
  readonly lasts: number;
  /** index of the host; of no meaning for a switch */
  readonly host: number;
  readonly plane: number;
}

/** Between two forged frames, in ms. */
const FORGING_PACE = 7;
/** A key that no host has. */
const FORGED_KEY = 99;
/** How far a system's clock is set back, in ms. */
const CLOCK_STEP = 3_600_000;
/** An address that no card of the cluster has. */
const FORGER = 0x02bad0000001 as Mac;

/** What a fault holds on to until it is mended: two faults never share it. */
export function placeOf({ kind, host, plane }: Fault): string {
  switch (kind) {
    case 'switch-off':
    case 'switch-hang':
      return `switch ${plane}`;
    case 'kill':
    case 'pause':
    case 'crash':
    case 'clock-back':
    case 'tamper':
      return `agent ${host}`;
    case 'forge':
    case 'forge-beacon':
      return `forger ${host} ${plane}`;
    case 'link-down':
      return `link ${host} ${plane}`;
    case 'drain':
      return `operator ${host} ${plane}`;
    case 'new-mac':
      return `mac ${host} ${plane}`;
    default:
      return `port ${host} ${plane}`;
  }
}

export function describeFault({ kind, at, lasts, host, plane }: Fault): string {
  return `${kind} host ${host} plane ${plane} at ${at.toFixed(2)} for ${lasts.toFixed(2)} ms`;
}

/** Makes something fail at a named host now; what mends it. */
export function fail(cluster: Cluster, kind: FaultKind, host: string, plane = 0): () => void {
  const index = cluster.hosts.indexOf(cluster.host(host));
  return inflict(cluster, { kind, at: 0, lasts: 0, host: index, plane }, new Random(1));
}

/** Makes a fault happen now; what mends it. */
export function inflict(cluster: Cluster, fault: Fault, random: Random): () => void {
  const { kind, plane } = fault;
  const host = cluster.hosts[fault.host]!;
  const link = host.link(plane);
  const { port } = link;
  const backplane = cluster.backplane(plane);
  switch (kind) {
    case 'pull':
      port.setCable(false);
      return () => port.setCable(true);
    case 'silence':
    case 'deaf':
    case 'mute':
      port.setPassing(kind === 'mute', kind === 'deaf');
      return () => port.setPassing(true, true);
    case 'switch-off':
      backplane.setPower(false);
      return () => backplane.setPower(true);
    case 'switch-hang':
      backplane.setForwards(false);
      return () => backplane.setForwards(true);
    case 'link-down':
      link.setUp(false);
      return () => link.setUp(true);
    case 'new-mac':
      host.changeMac(plane);
      return () => undefined;
    case 'drain':
      host.agent?.drain(link.name);
      return () => host.undrain(link);
    case 'kill':
      host.kill();
      return () => host.start();
    case 'pause':
      host.agent?.pause();
      return () => host.agent?.resume();
    case 'crash':
      host.crash();
      return () => host.boot();
    case 'clock-back':
      host.crash();
      host.wallOffset -= CLOCK_STEP;
      return () => host.boot();
    case 'tamper': {
      const { routes } = host.kernel;
      if (host.agent !== undefined && routes.length > 0) host.kernel.tamper(random.pick(routes));
      return () => undefined;
    }
    case 'forge':
      return repeatedly(cluster, () => forge(cluster, fault, random));
    case 'forge-beacon':
      return repeatedly(cluster, () => forgeBeacon(cluster, fault, random));
  }
}

/** Does something again and again until told to stop. */
function repeatedly({ clock }: Cluster, action: () => void): () => void {
  let going = true;
  const next = () => {
    if (!going) return;
    action();
    clock.after(FORGING_PACE, next);
  };
  next();
  return () => {
    going = false;
  };
}

/**
 * Sends a forged frame. Answers for a host that doesn't answer itself are not among them: without a signature nobody can tell these from
 * the host's own.
 */
function forge(cluster: Cluster, { host, plane }: Fault, random: Random): void {
  const victim = cluster.hosts[host]!;
  const other = random.pick(cluster.hosts.filter((candidate) => candidate !== victim));
  const mac = random.pick([FORGER, victim.link(plane).mac]);
  const answers = cluster.invariants.isHealthy(other, victim, plane);
  const forged =
    answers && random.chance(0.5)
      ? forgedReply(mac, victim.alias, other, plane, random)
      : arpAnnouncement(mac, victim.alias);
  cluster.inject(plane, encodeArp(forged));
}

/**
 * Sends a beacon that nobody may believe: one signed with another key that withdraws the victim's link, or a recorded one, as it was or with a bit
 * changed. Of those as they were only such as everybody knows newer ones than: for an agent that has just started, and for one that has
 * long missed the sender, the recorded beacon may be the newest.
 */
function forgeBeacon(cluster: Cluster, { host, plane }: Fault, random: Random): void {
  const victim = cluster.hosts[host]!;
  const kind = random.pick(['sign', 'damage', 'replay'] as const);
  if (kind === 'sign') cluster.inject(plane, forgedBeacon(victim, plane));
  const recorded = cluster.overheard(plane);
  if (kind === 'sign' || recorded.length === 0) return;
  const bytes = Uint8Array.from(random.pick(recorded));
  const at = ETHERNET_HEADER + random.below(bytes.length - ETHERNET_HEADER);
  if (kind === 'damage') bytes[at]! ^= 1 << random.below(8);
  if (kind !== 'replay' || cluster.invariants.beacons.isOldNews(bytes)) cluster.inject(plane, bytes);
}

/** A beacon that says all links of a host but one are down, signed with a key of the forger's own. */
function forgedBeacon(victim: Host, plane: number): Uint8Array {
  const { cluster, planes, aliases } = victim.topology;
  const seal = fakeSeal([FORGED_KEY]);
  const { bytes, signed } = encodeBeacon(
    {
      urgent: true,
      keyId: keyIdOf(DEFAULT_BEACONS.keys(0)[0]!),
      epoch: Number.MAX_SAFE_INTEGER,
      sequence: 1,
      interval: 1000,
      cluster,
      host: victim.name,
      aliases,
      links: victim.links.map(({ mac }, index) => ({
        plane: planes[index]!,
        priority: 255,
        state: index === plane ? 'up' : 'down',
        mac,
      })),
      sentOn: plane,
      heard: heardFrom([]),
    },
    victim.link(plane).mac,
    DEFAULT_BEACONS.options.etherType,
  );
  seal.sign(bytes, ETHERNET_HEADER, signed);
  return bytes;
}

function forgedReply(mac: Mac, alias: Ipv4, to: Host, plane: number, random: Random): ArpFrame {
  return {
    destination: random.pick([BROADCAST_MAC, to.link(plane).mac]),
    source: mac,
    operation: 'reply',
    senderMac: mac,
    senderIp: alias,
    targetMac: ZERO_MAC,
    targetIp: to.alias,
  };
}
