import { BROADCAST_MAC, type Ipv4, type Mac, ZERO_MAC } from '../../agent/wire/address';
import { type ArpFrame, arpAnnouncement, encodeArp } from '../../agent/wire/arp';
import type { Cluster } from './cluster';
import type { Host } from './host';
import { Random } from './random';

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
  /** the agent ends, or stands still */
  | 'kill'
  | 'pause'
  /** the host loses its power */
  | 'crash'
  /** somebody else deletes one of our routes */
  | 'tamper'
  /** somebody on the plane forges announcements and answers of the host */
  | 'forge';

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
    case 'tamper':
      return `agent ${host}`;
    case 'forge':
      return `forger ${host} ${plane}`;
    case 'link-down':
      return `link ${host} ${plane}`;
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
    case 'kill':
      host.kill();
      return () => host.start();
    case 'pause':
      host.agent?.pause();
      return () => host.agent?.resume();
    case 'crash':
      host.crash();
      return () => host.boot();
    case 'tamper': {
      const { routes } = host.kernel;
      if (host.agent !== undefined && routes.length > 0) host.kernel.tamper(random.pick(routes));
      return () => undefined;
    }
    case 'forge':
      return forge(cluster, fault, random);
  }
}

/**
 * Sends forged frames again and again until told to stop. Answers for a host that doesn't answer itself are not among them: without a
 * signature nobody can tell these from the host's own.
 */
function forge(cluster: Cluster, { host, plane }: Fault, random: Random): () => void {
  const victim = cluster.hosts[host]!;
  const others = cluster.hosts.filter((other) => other !== victim);
  let forging = true;
  const next = () => {
    if (!forging) return;
    const other = random.pick(others);
    const mac = random.pick([FORGER, victim.link(plane).mac]);
    const answers = cluster.invariants.isHealthy(other, victim, plane);
    const forged =
      answers && random.chance(0.5)
        ? forgedReply(mac, victim.alias, other, plane, random)
        : arpAnnouncement(mac, victim.alias);
    cluster.inject(plane, encodeArp(forged));
    cluster.clock.after(FORGING_PACE, next);
  };
  next();
  return () => {
    forging = false;
  };
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
