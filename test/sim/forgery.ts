import { BROADCAST_MAC, type Ipv4, type Mac, ZERO_MAC } from '../../agent/wire/address';
import { type ArpFrame, arpAnnouncement, encodeArp } from '../../agent/wire/arp';
import { encodeBeacon, heardFrom } from '../../agent/wire/beacon';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import type { Cluster } from './cluster';
import type { Host } from './host';
import type { Random } from './random';
import { fakeSeal, keyIdOf } from './seal';
import { DEFAULT_BEACONS } from './topology';

/** Between two forged frames, in ms. */
const FORGING_PACE = 7;
/** A key that no host has. */
const FORGED_KEY = 99;
/** An address that no card of the cluster has. */
const FORGER = 0x02bad0000001 as Mac;

/** Does something again and again until told to stop. */
export function repeatedly({ clock }: Cluster, action: () => void): () => void {
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
 * Sends a forged frame. Answers for a host that doesn't answer itself, or is not trusted yet, are not among them: without a signature nobody can tell these from
 * the host's own.
 */
export function forge(cluster: Cluster, victim: Host, plane: number, random: Random): void {
  const other = random.pick(cluster.hosts.filter((candidate) => candidate !== victim));
  const mac = random.pick([FORGER, victim.link(plane).mac]);
  const known = other.agent?.core.registry.peerNamed(victim.name);
  const path = known && other.agent!.core.registry.paths.get(known)?.find((each) => each.plane === plane);
  const answers = path?.arp.state === 'up' && cluster.invariants.isHealthy(other, victim, plane);
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
export function forgeBeacon(cluster: Cluster, victim: Host, plane: number, random: Random): void {
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
