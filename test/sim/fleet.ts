import { Core } from '../../agent/core/core';
import type { Actions, CoreEvent, LinkState, Note, ReceivedFrame, Send } from '../../agent/core/event';
import type { Seal } from '../../agent/core/seal';
import type { ArpOptions, BeaconOptions, ProbeOptions, Topology } from '../../agent/core/topology';
import { BROADCAST_MAC, type Ipv4, type Mac } from '../../agent/wire/address';
import { type ArpFrame, arpReply, decodeArp, encodeArp, isAnnouncement } from '../../agent/wire/arp';
import { FLAGS_OFFSET, TAG_LENGTH, URGENT } from '../../agent/wire/beacon';
import { readMac, readUint16 } from '../../agent/wire/ethernet';

/** 10.79.0.1 */
const FIRST_ALIAS = 0x0a4f0001;
const FIRST_MAC = 0x020000000000;
const PLANES = [0, 1] as const;
/** How long a frame is on its way, in ms. */
const DELAY = 0.05;
/** The first hosts boot within this, in ms. */
const BOOT = 100;

const PROBE: ProbeOptions = { interval: 50, retry: 5, misses: 3, rise: 3, hold: 1000, hints: 60 };
const ARP: ArpOptions = { responder: 'auto', repeat: 3, spacing: 1100, refresh: 30_000 };

/** No cryptography: every tag is the same, so that the cost is the core's. */
const SEAL: Seal = {
  keyId: 1,
  sign: (bytes, _start, end) => {
    bytes.fill(0x5a, end, end + TAG_LENGTH);
  },
  verify: () => 'good',
};

export interface FleetOptions {
  readonly hosts: number;
  /** between two ARP requests on a path, in ms */
  readonly interval: number;
  /** between two beacons on a link, in ms; undefined for ARP alone */
  readonly beacons: number | undefined;
}

/** What one host sent and got in a time, all links together. */
export interface Traffic {
  framesSent: number;
  bytesSent: number;
  framesReceived: number;
  bytesReceived: number;
}

/** A frame that arrives at a time: at one host, or at all others of a plane. */
interface Arrival {
  readonly at: number;
  readonly from: Member;
  readonly to: Member | undefined;
  readonly plane: number;
  readonly bytes: Uint8Array;
  readonly urgent: boolean;
}

/** A host: an unmodified core, and as much of a kernel as answers ARP. */
class Member {
  core: Core;
  powered = false;
  wakeAt = Number.POSITIVE_INFINITY;
  /** frames that wake nobody, and wait to be read, by plane */
  readonly waiting: ReceivedFrame[][] = PLANES.map(() => []);
  readonly carriers = PLANES.map(() => true);
  readonly notes: Note[] = [];
  readonly traffic: Traffic = { framesSent: 0, bytesSent: 0, framesReceived: 0, bytesReceived: 0 };

  constructor(
    readonly index: number,
    readonly topology: Topology,
    public epoch: number,
  ) {
    this.core = new Core(topology, 0, epoch, SEAL);
  }

  get alias(): Ipv4 {
    return (FIRST_ALIAS + this.index) as Ipv4;
  }

  mac(plane: number): Mac {
    return (FIRST_MAC + plane * 0x1000000 + this.index) as Mac;
  }

  state(plane: number): LinkState {
    const carrier = this.carriers[plane]!;
    return { ifindex: 2 + plane, mac: this.mac(plane), up: true, carrier, addresses: [] };
  }

  hears(plane: number): boolean {
    return this.powered && this.carriers[plane]!;
  }
}

/**
 * Hundreds of whole cores on two planes and a virtual clock. Lighter than the cluster of the other tests: frames all take the same time, no
 * packets but the agents' own are on the wire, and each kernel does nothing but answer ARP.
 */
export class Fleet {
  readonly members: readonly Member[];
  now = 0;
  private arrivals: Arrival[] = [];
  private next = 0;

  constructor(private readonly options: FleetOptions) {
    this.members = Array.from(
      { length: options.hosts },
      (_, index) => new Member(index, this.topologyOf(index), 1),
    );
  }

  /** All boot, evenly spread over a short time. */
  startAll(): void {
    for (const member of this.members) {
      this.run((member.index * BOOT) / this.members.length);
      this.boot(member);
    }
  }

  /** Starts a host's agent, with no memory of former ones. */
  boot(member: Member): void {
    member.powered = true;
    member.epoch += 1;
    member.core = new Core(member.topology, this.now, member.epoch, SEAL);
    for (const frames of member.waiting) frames.length = 0;
    const links = new Map(PLANES.map((plane) => [`eth${plane}`, member.state(plane)]));
    this.carryOut(member, member.core.start(links, { routes: [], neighbors: [], aliases: [] }, this.now));
  }

  /** The power of a host fails. */
  fail(member: Member): void {
    member.powered = false;
    member.wakeAt = Number.POSITIVE_INFINITY;
  }

  /** A plane's switch dies, or is back: every host's carrier changes. */
  setPlane(plane: number, carrier: boolean): void {
    for (const member of this.members) {
      member.carriers[plane] = carrier;
      if (!member.powered) continue;
      this.feed(member, { type: 'link', name: `eth${plane}`, state: member.state(plane), at: this.now });
    }
  }

  /** Lets time pass until `until` ms. */
  run(until: number): void {
    for (;;) {
      const arrival = this.arrivals[this.next];
      const sleeper = this.earliest();
      const at = Math.min(
        arrival?.at ?? Number.POSITIVE_INFINITY,
        sleeper?.wakeAt ?? Number.POSITIVE_INFINITY,
      );
      if (at > until) break;
      this.now = Math.max(this.now, at);
      if (arrival !== undefined && arrival.at <= at) {
        this.next += 1;
        this.arrive(arrival);
      } else if (sleeper !== undefined) this.wake(sleeper);
      if (this.next > 4096) {
        this.arrivals = this.arrivals.slice(this.next);
        this.next = 0;
      }
    }
    this.now = Math.max(this.now, until);
  }

  /** Forgets what was told and counted. */
  forget(): void {
    for (const { notes, traffic } of this.members) {
      notes.length = 0;
      Object.assign(traffic, { framesSent: 0, bytesSent: 0, framesReceived: 0, bytesReceived: 0 });
    }
  }

  /** Paths on which packets between two powered hosts don't leave by `plane`, as `HOST PEER`. */
  astray(plane: number): string[] {
    const alive = this.members.filter(({ powered }) => powered);
    return alive.flatMap((member) =>
      alive.flatMap((peer) => {
        if (peer === member) return [];
        const known = member.core.registry.peerNamed(`host${peer.index}`);
        const active = known && member.core.failover.activeOf(known);
        return active?.plane === plane ? [] : [`${member.index} ${peer.index}`];
      }),
    );
  }

  /** How often an event was told by all hosts together. */
  told(event: string): number {
    return this.members.reduce(
      (sum, { notes }) => sum + notes.filter((note) => note.event === event).length,
      0,
    );
  }

  /** The mean over the powered hosts. */
  get meanTraffic(): Traffic {
    const alive = this.members.filter(({ powered }) => powered);
    const mean = (key: keyof Traffic) =>
      alive.reduce((sum, { traffic }) => sum + traffic[key], 0) / alive.length;
    return {
      framesSent: mean('framesSent'),
      bytesSent: mean('bytesSent'),
      framesReceived: mean('framesReceived'),
      bytesReceived: mean('bytesReceived'),
    };
  }

  private topologyOf(index: number): Topology {
    const { hosts, interval, beacons } = this.options;
    const beacon: BeaconOptions | undefined =
      beacons === undefined
        ? undefined
        : { interval: beacons, etherType: 0x88b5, verify: 1000, discover: true, expire: 60_000 };
    return {
      cluster: 'fleet',
      host: `host${index}`,
      planes: ['a', 'b'],
      aliases: [(FIRST_ALIAS + index) as Ipv4],
      links: PLANES.map((plane) => ({ plane, name: `eth${plane}`, priority: 0 })),
      peers: Array.from({ length: hosts }, (_, peer) => peer)
        .filter((peer) => peer !== index)
        .map((peer) => ({
          kind: 'agent',
          name: `host${peer}`,
          aliases: [(FIRST_ALIAS + peer) as Ipv4],
          planes: PLANES,
          discovered: false,
        })),
      probe: { ...PROBE, interval },
      arp: ARP,
      route: { protocol: 77, metric: 100, table: 254, rtoMin: 5 },
      beacon,
    };
  }

  private earliest(): Member | undefined {
    let first: Member | undefined;
    for (const member of this.members)
      if (member.wakeAt < (first?.wakeAt ?? Number.POSITIVE_INFINITY)) first = member;
    return first;
  }

  /** As the daemon does: everything that was received is read before the core is woken. */
  private wake(member: Member): void {
    this.read(member);
    this.feed(member, { type: 'tick' });
  }

  private read(member: Member): void {
    member.waiting.forEach((frames, plane) => {
      if (frames.length > 0)
        this.feed(member, { type: 'frames', link: `eth${plane}`, frames: frames.splice(0) });
    });
  }

  private feed(member: Member, event: CoreEvent): void {
    this.carryOut(member, member.core.handle(event, this.now));
  }

  private carryOut(member: Member, actions: Actions): void {
    member.notes.push(...actions.notes);
    for (const send of actions.hints) this.transmit(member, send);
    for (const send of actions.sends) this.transmit(member, send);
    member.core.sent(this.now, this.now);
    member.wakeAt = Math.max(this.now, member.core.wakeAt);
  }

  private transmit(from: Member, { link, frame: bytes }: Send): void {
    const plane = link === 'eth0' ? 0 : 1;
    if (!from.carriers[plane]) return;
    from.traffic.framesSent += 1;
    from.traffic.bytesSent += bytes.length;
    const target = readMac(bytes, 0);
    const to = target === BROADCAST_MAC ? undefined : this.members[target - FIRST_MAC - plane * 0x1000000];
    const urgent = readUint16(bytes, 12) !== 0x88b5 || (bytes[FLAGS_OFFSET]! & URGENT) !== 0;
    this.arrivals.push({ at: this.now + DELAY, from, to, plane, bytes, urgent });
  }

  private arrive(arrival: Arrival): void {
    const { to, from, plane, bytes } = arrival;
    const arp = readUint16(bytes, 12) === 0x88b5 ? undefined : (decodeArp(bytes) as ArpFrame);
    if (arp?.operation === 'request' && !isAnnouncement(arp)) {
      // The kernel of the one that has the address answers; to the agents it is nothing.
      for (const member of to === undefined ? this.members : [to]) {
        if (member !== from && member.hears(plane)) this.receive(member, bytes);
      }
      const owner = this.members[arp.targetIp - FIRST_ALIAS];
      if (owner?.hears(plane) && (to === undefined || to === owner)) this.answer(owner, from, plane, arp);
      return;
    }
    for (const member of to === undefined ? this.members : [to]) {
      if (member !== from && member.hears(plane)) this.deliver(member, arrival);
    }
  }

  private answer(owner: Member, asker: Member, plane: number, request: ArpFrame): void {
    const bytes = encodeArp(arpReply(request, owner.mac(plane)));
    owner.traffic.framesSent += 1;
    owner.traffic.bytesSent += bytes.length;
    this.arrivals.push({ at: this.now + DELAY, from: owner, to: asker, plane, bytes, urgent: true });
  }

  private receive(member: Member, bytes: Uint8Array): void {
    member.traffic.framesReceived += 1;
    member.traffic.bytesReceived += bytes.length;
  }

  private deliver(member: Member, { plane, bytes, urgent, to }: Arrival): void {
    this.receive(member, bytes);
    const kind = to === undefined ? 'broadcast' : 'host';
    member.waiting[plane]!.push({ bytes, at: this.now, kind, vlan: false });
    if (urgent) this.read(member);
  }
}
