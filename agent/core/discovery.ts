import type { Ipv4 } from '../wire/address';
import { formatIpv4 } from '../wire/address';
import type { BeaconFrame } from '../wire/beacon';
import { Conflict } from './conflict';
import type { ReceivedFrame } from './event';
import type { Link } from './link';
import type { Outbox } from './outbox';
import type { Registry } from './registry';
import type { AgentPeer, BeaconOptions, Peer, Topology } from './topology';

/** Hosts that beacons may add. */
const MOST_DISCOVERED = 4096;

/** A frame that made a peer of its sender, to be taken again once the peer has paths. */
interface Introduction {
  readonly link: Link;
  readonly received: ReceivedFrame;
}

/** The peers that are known by their beacons alone, and those that a former run of the agent left routes to. */
export class Discovery {
  private readonly hosts = new Map<string, AgentPeer>();
  /** those that are silent, and when they are to be forgotten */
  private readonly expiring = new Map<string, number>();
  private introductions: Introduction[] = [];
  private altered = false;
  private readonly conflict = new Conflict();

  constructor(
    private readonly registry: Registry,
    private readonly outbox: Outbox,
    private readonly topology: () => Topology,
  ) {}

  get peers(): readonly AgentPeer[] {
    return [...this.hosts.values()];
  }

  /** When the next host is to be forgotten; infinite for none. */
  get wakeAt(): number {
    return Math.min(...this.expiring.values(), Number.POSITIVE_INFINITY);
  }

  /** The peer that sent a beacon, or why it is none. A new one is taken in, and the frame is kept for {@link changes}. */
  peerOf(
    beacon: BeaconFrame,
    received: ReceivedFrame,
    link: Link,
    now: number,
  ): AgentPeer | 'beacon-alias-taken' | 'beacon-undiscovered' | 'beacon-too-many' | 'beacons-heard' {
    const known = this.registry.peerNamed(beacon.host);
    if (known?.kind === 'agent' && !known.discovered && known.aliases.includes(beacon.aliases[0]!))
      return known;
    const taken = beacon.aliases.find((alias) => this.isTaken(alias, beacon.host));
    if (taken !== undefined || (known !== undefined && !isDiscovered(known))) {
      this.tellConflict(beacon, link, taken ?? beacon.aliases[0]!, now);
      return 'beacon-alias-taken';
    }
    if (this.topology().beacon?.discover !== true) return 'beacon-undiscovered';
    const former = this.hosts.get(beacon.host);
    const host = peerFrom(beacon, former, this.topology());
    if (former === undefined && this.hosts.size >= MOST_DISCOVERED) return 'beacon-too-many';
    if (former !== undefined && isSame(former, host)) {
      if (known === former) return former;
    } else {
      this.hosts.set(host.name, host);
      this.altered = true;
      this.tell(former === undefined ? 'host-discovered' : 'host-changed', host);
    }
    this.introductions.push({ link, received });
    return 'beacons-heard';
  }

  /** The frames that introduced new peers since the last call, where there are any; the caller makes their paths, and takes them again. */
  changes(): readonly Introduction[] | undefined {
    if (!this.altered) return undefined;
    const { introductions } = this;
    this.introductions = [];
    this.altered = false;
    return introductions;
  }

  /** A host is silent on all planes. */
  silent(peer: Peer, now: number): void {
    if (isDiscovered(peer)) this.expiring.set(peer.name, now + this.topology().beacon!.expire);
  }

  heard(peer: Peer): void {
    this.expiring.delete(peer.name);
  }

  /** Forgets those that were silent for too long. */
  tick(now: number): void {
    for (const [name, at] of this.expiring) if (at <= now) this.forget(name);
  }

  /** Forgets those that are in the file now, or all where nobody is to be discovered. */
  retain(options: BeaconOptions | undefined): void {
    const listed = new Set(this.topology().peers.map((peer) => peer.name));
    for (const name of this.hosts.keys()) {
      if (options?.discover !== true || listed.has(name)) this.forget(name);
    }
    this.altered = false;
  }

  private forget(name: string): void {
    const host = this.hosts.get(name);
    this.expiring.delete(name);
    this.hosts.delete(name);
    this.altered = true;
    if (host !== undefined) this.tell('host-forgotten', host);
  }

  /** Whether an address belongs to us, or to another peer than `host`. */
  private isTaken(address: Ipv4, host: string): boolean {
    const { aliases, peers } = this.topology();
    const owner = this.registry.peerOf(address);
    if (aliases.includes(address) || (owner !== undefined && owner.name !== host)) return true;
    return peers.some(
      (peer) =>
        peer.kind === 'far-end' &&
        ([...peer.addresses.values()].includes(address) ||
          peer.icmp === address ||
          peer.prefixes.some((prefix) => prefix.length === 32 && prefix.address === address)),
    );
  }

  private tell(event: string, { name, aliases, planes }: AgentPeer): void {
    const names = planes.map((plane) => this.topology().planes[plane]);
    this.outbox.note(event, { peer: name, aliases: aliases.map(formatIpv4), planes: names });
  }

  private tellConflict({ host }: BeaconFrame, link: Link, alias: Ipv4, now: number): void {
    if (!this.conflict.defend(now)) return;
    this.outbox.note('beacon-conflict', { host, link: link.name, alias: formatIpv4(alias) }, 'error');
  }
}

function isDiscovered(peer: Peer): boolean {
  return peer.kind === 'agent' && peer.discovered;
}

/**
 * The peer that a beacon describes. Planes that this host doesn't know are left out; one that the peer was on and doesn't name now is one
 * on which it lost its link.
 */
function peerFrom(
  { host, aliases, links }: BeaconFrame,
  former: AgentPeer | undefined,
  { planes }: Topology,
): AgentPeer {
  const stated = links.map(({ plane }) => planes.indexOf(plane)).filter((plane) => plane >= 0);
  const all = [...new Set([...stated, ...(former?.planes ?? [])])];
  return {
    kind: 'agent',
    name: host,
    aliases,
    planes: all.sort((one, other) => one - other),
    discovered: true,
  };
}

function isSame(one: AgentPeer, other: AgentPeer): boolean {
  return String(one.aliases) === String(other.aliases) && String(one.planes) === String(other.planes);
}
