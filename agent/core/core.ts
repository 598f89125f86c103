import type { Ipv4 } from '../wire/address';
import { ETHERNET_HEADER, readUint16 } from '../wire/ethernet';
import type { Responder } from './answering';
import type { Actions, CoreEvent, LinkState, ReceivedFrame, Voice } from './event';
import type { Failover } from './failover';
import { Inheritance } from './inheritance';
import type { Link } from './link';
import type { Liveness, LivenessStep } from './liveness';
import { Neighborhood } from './neighborhood';
import { Outbox } from './outbox';
import { OwnLinks } from './own-links';
import type { Path } from './path';
import { Pinning } from './pinning';
import { Planning } from './planning';
import { Registry } from './registry';
import { Resolution } from './resolution';
import { Responding } from './responding';
import type { KernelTable } from './routing';
import { Screening } from './screening';
import type { Seal } from './seal';
import { Sending } from './sending';
import { type Credentials, Speaking } from './speaking';
import type { BeaconOptions, Topology } from './topology';

/**
 * Everything that decides on one host: events in, actions out, time an argument. The daemon, the tests and the simulation run
 * this same class. It opens nothing, reads no clock and never waits.
 */
export class Core {
  /** frames by what became of them, since the start */
  readonly counters = new Map<string, number>();
  readonly registry: Registry;
  private readonly outbox = new Outbox();
  private readonly responding: Responding;
  private readonly sending: Sending;
  private readonly resolution: Resolution;
  private readonly speaking: Speaking;
  private readonly neighborhood: Neighborhood;
  private readonly inheritance: Inheritance;
  private readonly links: OwnLinks;
  private readonly planning: Planning;
  private readonly screening: Screening;
  private credentials: Credentials | undefined;

  /**
   * @param epoch of our beacons: ms since 1970 at the agent's start, or more, so that it grows from start to start
   * @param seal signs and checks beacons, where the topology has them
   */
  constructor(
    private current: Topology,
    now: number,
    readonly epoch = 0,
    seal?: Seal,
  ) {
    this.credentials = seal && { epoch, seal };
    const topology = () => this.current;
    const count = (what: string) => this.count(what);
    const follow = (path: Path, liveness: Liveness, step: LivenessStep) => this.follow(path, liveness, step);
    const isWithheld = (link: string) => this.registry.links.get(link)?.withheld === true;
    this.responding = new Responding(current.arp, this.outbox, isWithheld);
    this.registry = new Registry(current, now);
    const { registry, outbox, responding } = this;
    this.planning = new Planning(registry, outbox);
    this.inheritance = new Inheritance(registry, this.planning.ledger);
    this.sending = new Sending(registry, outbox, () => this.current.aliases, count);
    const pinning = new Pinning(outbox, () => this.current.planes);
    this.resolution = new Resolution({
      registry,
      outbox,
      responding,
      pinning,
      sending: this.sending,
      topology,
      follow,
    });
    this.speaking = new Speaking(registry, outbox, topology, count);
    this.neighborhood = new Neighborhood({
      registry,
      outbox,
      pinning,
      topology,
      follow,
      sequence: () => this.speaking.sequence,
      changed: (peer) => this.planning.touch(peer),
      reordered: (peer) => this.planning.reorder(peer),
      joined: (link, at) => this.responding.joined(link.name, at),
    });
    const { planning, neighborhood } = this;
    this.screening = new Screening({
      outbox,
      count,
      describe: (link) => this.links.describe(link),
      knownOn: (link, now) => registry.knownOn(responding.isJoined(now) ? registry.links.values() : [link]),
      unverifiedOn: (link) => registry.unverifiedOn(link),
    });
    const beacons = () => this.beacons;
    this.links = new OwnLinks({ registry, outbox, planning, neighborhood, responding, topology, beacons });
  }

  /** As it was configured; {@link registry} has the peers that were discovered as well. */
  get topology(): Topology {
    return this.current;
  }

  /** By which path the packets to each peer leave. */
  get failover(): Failover {
    return this.planning.failover;
  }

  get responder(): Responder {
    return this.responding.responder;
  }

  /** Whether this host sends and takes beacons. */
  get speaks(): boolean {
    return this.beacons !== undefined;
  }

  /** Whether nobody answers for our aliases on a link once it is drained. */
  isSilenceable(link: string): boolean {
    return this.responding.isSilenceable(link);
  }

  /** Whether two of our planes were seen to be one layer-2 network, not long before `now` ms. */
  planesJoined(now: number): boolean {
    return this.responding.isJoined(now);
  }

  /** The next time at which the core has something to do by itself, in ms; infinite for none. */
  get wakeAt(): number {
    const { registry, neighborhood, inheritance, links, screening } = this;
    let at = Math.min(registry.agenda.wakeAt, neighborhood.wakeAt, inheritance.wakeAt, links.draining.wakeAt);
    at = Math.min(at, screening.wakeAt);
    for (const { announcing, beaconing } of this.registry.links.values()) {
      at = Math.min(at, announcing.wakeAt, beaconing.wakeAt);
    }
    return at;
  }

  /** Takes over links that were drained in a former run, and until when, in ms. For before anything else is taken. */
  resume(drains: ReadonlyMap<string, number>, now: number): void {
    this.links.draining.resume(drains, now);
  }

  /** Takes the links, and what the kernel holds from a former run. */
  start(links: ReadonlyMap<string, LinkState>, table: KernelTable, now: number): Actions {
    this.planning.ledger.adopt(table);
    for (const link of this.registry.links.values()) {
      link.state = links.get(link.name);
      if (link.state === undefined) this.outbox.note('link-missing', this.links.describe(link), 'warn');
      this.links.place(link, now);
    }
    for (const peer of this.registry.paths.keys()) this.inheritance.adopt(this.current, peer, now);
    if (this.speaks) this.inheritance.spare(this.current, now);
    if (table.routes.length > 0) this.outbox.note('adopted', { routes: table.routes.length });
    this.planning.touchAll();
    return this.finish(now);
  }

  /** What follows from an event at `now`, in ms of the monotonic clock. */
  handle(event: CoreEvent, now: number): Actions {
    this.take(event, now);
    return this.finish(now);
  }

  /** The shell has done what it was asked to, and sent between `before` and `after`: the wait for the answers begins here. */
  sent(before: number, after: number): void {
    this.sending.sent(before, after);
    this.responding.settle(before);
  }

  /** Undefined where this host sends and takes no beacons. */
  private get beacons(): BeaconOptions | undefined {
    return this.credentials === undefined ? undefined : this.current.beacon;
  }

  private take(event: CoreEvent, now: number): void {
    switch (event.type) {
      case 'link':
        this.onLink(event.name, event.state, event.at, now);
        break;
      case 'frames':
        this.onFrames(event.link, event.frames, now);
        break;
      case 'echo':
        this.onEcho(event.link, event.source, event.at, now);
        break;
      case 'tick':
        this.onTick(now);
        break;
      case 'kernel':
        this.planning.reread(event.table);
        break;
      case 'settings':
        this.responding.take(event.links, this.registry.workingLinks, now);
        break;
      case 'drain':
        this.links.drain(event.links, event.until, now);
        break;
      case 'undrain':
        this.links.undrain(event.links, now);
        break;
      case 'topology':
        this.onTopology(event.topology, event.seal, now);
        break;
      case 'batch':
        for (const each of this.responding.arrange(event.events, now)) this.take(each, now);
        break;
    }
  }

  private onLink(name: string, after: LinkState | undefined, at: number, now: number): void {
    const link = this.registry.links.get(name);
    if (link === undefined) return;
    this.links.change(link, after, at, now);
    this.speak(now, true);
  }

  private onFrames(name: string, frames: readonly ReceivedFrame[], now: number): void {
    const link = this.registry.links.get(name);
    if (link === undefined) return;
    if (frames.length === 0) return;
    const voice = this.voiceOf(frames[0]!);
    // Most of what is read together is of one kind.
    let [kind, start] = ['', 0];
    const end = (index: number) => {
      this.count(kind, index - start);
      this.screening.take(link, voice, frames, [start, index], kind, now);
    };
    frames.forEach((frame, index) => {
      const became = this.onFrame(link, frame, now);
      if (became === kind) return;
      end(index);
      [kind, start] = [became, index];
    });
    end(frames.length);
  }

  /** What is read together is of one voice. */
  private voiceOf({ bytes }: ReceivedFrame): Voice {
    if (this.isBeacon(bytes)) return 'beacons';
    return (bytes[0]! & 1) === 0 ? 'directed' : 'broadcast';
  }

  private isBeacon(bytes: Uint8Array): boolean {
    return bytes.length >= ETHERNET_HEADER && readUint16(bytes, 12) === this.beacons?.etherType;
  }

  /** The name of the counter that tells what became of a frame. */
  private onFrame(link: Link, received: ReceivedFrame, now: number): string {
    const { credentials } = this;
    if (credentials === undefined || !this.isBeacon(received.bytes))
      return this.resolution.take(link, received, now);
    // It waited to be read until the link was lost, so no further one is to be awaited there.
    if (!link.works) return 'link-not-ready';
    return this.neighborhood.take(link, received, credentials, now);
  }

  private onEcho(link: string, source: Ipv4, at: number, now: number): void {
    for (const path of this.registry.allPaths()) {
      const { icmp, peer } = path;
      if (path.link !== link || icmp === undefined || peer.kind !== 'far-end' || peer.icmp !== source)
        continue;
      if (icmp.waits) this.follow(path, icmp, icmp.answer(undefined, at, now));
    }
  }

  private onTick(now: number): void {
    const due = this.registry.agenda.due(now).sort((one, other) => one.serial - other.serial);
    for (const path of due) {
      if (path.hearing.dueAt <= now) this.neighborhood.lapse(path, now);
      for (const liveness of path.probed) this.follow(path, liveness, liveness.tick(now));
    }
    this.neighborhood.tick(now);
    this.links.tick(now);
    this.screening.tick(now);
    if (this.inheritance.tick(now)) this.planning.touchAll();
  }

  /** Takes a new configuration; links, peers and paths that are the same go on as they are. */
  private onTopology(next: Topology, seal: Seal | undefined, now: number): void {
    this.current = next;
    this.credentials = seal && { epoch: this.epoch, seal };
    this.responding.retime(next.arp);
    this.resolution.retime();
    this.neighborhood.discovery.retain(this.beacons);
    this.regroup(now);
    this.neighborhood.retain(this.beacons, now);
    if (this.beacons?.discover !== true) this.inheritance.end();
  }

  /** Makes links and paths anew after the topology or the discovered peers have changed. */
  private regroup(now: number): void {
    const before = new Set([...this.registry.paths.keys()].map((peer) => peer.name));
    const peers = [...this.current.peers, ...this.neighborhood.discovery.peers];
    this.registry.rebuild(this.current, peers, now);
    this.failover.retain(peers);
    this.screening.retain(this.registry.links.values());
    for (const link of this.registry.links.values()) this.links.place(link, now);
    for (const peer of peers) if (!before.has(peer.name)) this.inheritance.adopt(this.current, peer, now);
    this.planning.touchAll();
  }

  /** Carries out what a liveness asks for. */
  private follow(path: Path, liveness: Liveness, step: LivenessStep): void {
    if (step.from !== undefined) this.planning.touch(path.peer);
    if (step.probe !== undefined) this.sending.request(path, liveness, step.probe);
    this.registry.agenda.update(path);
  }

  /** Plans what the event changed, tells it, and hands everything over. */
  private finish(now: number): Actions {
    this.introduce(now);
    this.planning.finish(this.current, now, (path) => this.neighborhood.tellUnheard(path, now));
    this.links.review(now);
    this.speak(now, false);
    return this.outbox.take();
  }

  /** Hosts that were discovered, changed or forgotten: makes their paths, and takes the beacons again that introduced them. */
  private introduce(now: number): void {
    const introductions = this.neighborhood.discovery.changes();
    if (introductions === undefined) return;
    this.regroup(now);
    this.neighborhood.retain(this.beacons, now);
    if (this.credentials === undefined) return;
    for (const { link, received } of introductions) {
      this.neighborhood.take(link, received, this.credentials, now);
    }
  }

  /** Sends the beacons and announcements that are due. */
  private speak(now: number, ahead: boolean): void {
    if (this.credentials !== undefined) this.speaking.speak(this.credentials, now, ahead);
    this.sending.announce(now, ahead);
  }

  private count(what: string, times = 1): void {
    if (times > 0) this.counters.set(what, (this.counters.get(what) ?? 0) + times);
  }
}
