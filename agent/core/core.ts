import { formatIpv4, formatMac, type Ipv4 } from '../wire/address';
import type { ArpFrame } from '../wire/arp';
import type { Responder } from './answering';
import { Conflict } from './conflict';
import type { Actions, CoreEvent, LinkState, ReceivedArp } from './event';
import { Failover, pathNote } from './failover';
import { Ledger } from './ledger';
import { changeOf, type Link } from './link';
import type { Liveness, LivenessStep } from './liveness';
import { Outbox } from './outbox';
import type { Path } from './path';
import { meaningOf, type Receiver } from './receiving';
import { Registry } from './registry';
import { Responding } from './responding';
import type { KernelTable } from './routing';
import { Sending } from './sending';
import type { Peer, Topology } from './topology';

/**
 * Everything that decides on one host: events in, actions out, time an argument. The daemon, the tests and the simulation run
 * this same class. It opens nothing, reads no clock and never waits.
 */
export class Core {
  /** frames by what became of them, since the start */
  readonly counters = new Map<string, number>();
  readonly registry: Registry;
  readonly failover = new Failover();
  private readonly ledger = new Ledger();
  private readonly conflict = new Conflict();
  private readonly outbox = new Outbox();
  private readonly responding: Responding;
  /** peers of which a path changed during the event at hand */
  private readonly dirty = new Set<Peer>();
  /** whether the event at hand calls for a plan of everything */
  private everything = false;
  /** whether it is that the kernel was read again: what then differs, somebody else changed */
  private rereading = false;
  private readonly sending: Sending;

  constructor(
    private current: Topology,
    now: number,
  ) {
    this.responding = new Responding(current.arp, this.outbox);
    this.registry = new Registry(current, now);
    this.sending = new Sending(
      this.registry,
      this.outbox,
      () => this.current.aliases,
      (what) => this.count(what),
    );
  }

  get topology(): Topology {
    return this.current;
  }

  get responder(): Responder {
    return this.responding.responder;
  }

  /** The next time at which the core has something to do by itself, in ms; infinite for none. */
  get wakeAt(): number {
    let at = Number.POSITIVE_INFINITY;
    for (const link of this.registry.links.values()) at = Math.min(at, link.announcing.wakeAt);
    for (const path of this.registry.allPaths()) at = Math.min(at, path.wakeAt);
    return at;
  }

  /**
   * Takes the links, and what the kernel holds from a former run. A path whose route the former run had taken out is not trusted;
   * the others are presumed to work until judged. Verified addresses are taken over.
   */
  start(links: ReadonlyMap<string, LinkState>, table: KernelTable, now: number): Actions {
    this.ledger.adopt(table);
    for (const link of this.registry.links.values()) {
      link.state = links.get(link.name);
      if (link.state === undefined) this.outbox.note('link-missing', this.describe(link), 'warn');
      this.place(link, now);
    }
    for (const [peer, paths] of this.registry.paths) {
      const standing = new Set(this.ledger.routesTo(peer).map((route) => route.device));
      for (const path of paths) {
        path.arp.mac = this.ledger.neighborOf(path)?.mac;
        if (standing.size === 0 || path.device === undefined || standing.has(path.device)) continue;
        for (const liveness of path.probed) liveness.distrust(now, 'adopted');
      }
    }
    if (table.routes.length > 0) this.outbox.note('adopted', { routes: table.routes.length });
    this.everything = true;
    return this.finish(now);
  }

  /** What follows from an event at `now`, in ms of the monotonic clock. */
  handle(event: CoreEvent, now: number): Actions {
    this.take(event, now);
    return this.finish(now);
  }

  /** The shell has sent what it was asked to, at `now`: the wait for the answers begins here. */
  sent(now: number): void {
    this.sending.sent(now);
  }

  private take(event: CoreEvent, now: number): void {
    switch (event.type) {
      case 'link':
        this.onLink(event.name, event.state, event.at, now);
        break;
      case 'frames':
        for (const frame of event.frames) this.onFrame(event.link, frame, now);
        break;
      case 'echo':
        this.onEcho(event.link, event.source, event.at, now);
        break;
      case 'tick':
        this.onTick(now);
        break;
      case 'kernel':
        this.ledger.adopt(event.table);
        this.everything = true;
        this.rereading = true;
        break;
      case 'settings':
        this.responding.take(event.links, now);
        break;
      case 'topology':
        this.onTopology(event.topology, now);
        break;
      case 'batch':
        for (const each of event.events) this.take(each, now);
        break;
    }
  }

  private onLink(name: string, after: LinkState | undefined, at: number, now: number): void {
    const link = this.registry.links.get(name);
    if (link === undefined) return;
    const before = link.state;
    const worked = link.works;
    const change = changeOf(before, after);
    link.state = after;
    if (change === undefined) return;
    if (before !== undefined) {
      // The kernel drops these without a word; the next dump would tell, but the plan must be right at once.
      if (before.ifindex !== after?.ifindex || !after.up) this.ledger.forgetDevice(before.ifindex);
      else if (before.mac !== after.mac) this.ledger.forgetNeighbors(before.ifindex);
    }
    const lost = worked && !link.works;
    this.outbox.note(change, this.describe(link), lost ? 'warn' : 'info', at);
    this.place(link, now);
    const moved = change === 'link-mac-changed' || change === 'link-replaced';
    if (moved && link.works) link.announcing.start(now);
    if (lost) for (const other of this.registry.links.values()) if (other.works) other.announcing.hint(now);
    this.sending.announce(now, true);
  }

  /** Brings the paths and announcements of a link in line with its state. */
  private place(link: Link, now: number): void {
    for (const path of this.registry.pathsOver(link)) {
      const worked = path.works;
      path.device = link.device;
      path.works = link.works;
      for (const liveness of path.probed) {
        if (!link.works) liveness.fail(now, link.trouble);
        else if (!worked) liveness.revive(now);
      }
      this.dirty.add(path.peer);
    }
    if (!link.works) link.announcing.stop();
    else if (link.announcing.idle) link.announcing.start(now);
  }

  private onFrame(name: string, received: ReceivedArp, now: number): void {
    const link = this.registry.links.get(name);
    if (link === undefined) return;
    const meaning = meaningOf(received, this.receiver(link));
    switch (meaning.type) {
      case 'ignored':
        this.count(meaning.reason);
        break;
      case 'joined':
        this.count('own-frame');
        this.responding.joined(name, now);
        break;
      case 'conflict':
        this.onConflict(link, meaning.frame, now);
        break;
      case 'question':
        this.count(this.onQuestion(link, meaning.frame, received.at, now));
        break;
      case 'hint':
        this.onHint(link, meaning.frame, now);
        break;
      case 'answer': {
        const { path, frame } = meaning;
        this.count('answers');
        this.follow(path, path.arp, path.arp.answer(frame.senderMac, received.at, now));
        break;
      }
    }
  }

  private receiver(link: Link): Receiver {
    const { registry } = this;
    return {
      aliases: this.current.aliases,
      mac: link.state?.mac,
      isOurs: (mac) => registry.isOurs(mac),
      isPeer: (address) => registry.peerOf(address) !== undefined,
      pathTo: (address) => registry.pathTo(link, address),
      asksFrom: (address) => this.current.aliases[0] === address || link.hasAddress(address),
    };
  }

  /** Answers a request for one of our aliases where that is ours to do; what became of it. */
  private onQuestion(link: Link, request: ArpFrame, at: number, now: number): string {
    if (this.responding.actingAt(at) === 'kernel') return 'kernel-answers';
    const { links } = this.registry;
    if (!this.responding.answersOn(link, request.senderMac, links.values(), this.registry.allPaths(), now)) {
      return 'asked-on-another-link';
    }
    if (link.state === undefined) return 'link-not-ready';
    this.sending.reply(link, request);
    return 'answered';
  }

  /** A peer announced itself. Outside its schedule, that says that it lost or regained a link: its paths are verified. */
  private onHint(link: Link, frame: ArpFrame, now: number): void {
    const peer = this.registry.peerOf(frame.senderIp);
    if (peer === undefined) return;
    const paths = this.registry.paths.get(peer) ?? [];
    const heardOn = paths.find((path) => path.link === link.name);
    const expected = heardOn?.announcements.take(now, this.current.arp) === true;
    this.count(expected ? 'announcements-heard' : 'hints');
    for (const path of paths) {
      const settled = path.state === 'up' && (expected || path === heardOn);
      const moved = path === heardOn && path.mac !== frame.senderMac;
      if (path.works && (moved || !settled)) this.follow(path, path.arp, path.arp.verify(now));
    }
  }

  private onConflict(link: Link, frame: ArpFrame, now: number): void {
    this.count('conflicts');
    if (!this.conflict.defend(now)) return;
    const alias = formatIpv4(frame.senderIp);
    this.outbox.note(
      'alias-conflict',
      { ...this.describe(link), alias, mac: formatMac(frame.senderMac) },
      'error',
    );
    this.sending.defend(link, frame.senderIp);
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
    for (const path of this.registry.allPaths()) {
      if (path.wakeAt > now) continue;
      for (const liveness of path.probed) this.follow(path, liveness, liveness.tick(now));
    }
  }

  /** Takes a new configuration; links, peers and paths that are the same go on as they are. */
  private onTopology(next: Topology, now: number): void {
    this.current = next;
    this.responding.retime(next.arp);
    this.registry.rebuild(next, now);
    this.failover.retain(next.peers);
    for (const link of this.registry.links.values()) this.place(link, now);
    this.everything = true;
  }

  /** Carries out what a liveness asks for. */
  private follow(path: Path, liveness: Liveness, step: LivenessStep): void {
    if (step.from !== undefined) this.dirty.add(path.peer);
    if (step.probe !== undefined) this.sending.request(path, liveness, step.probe);
  }

  /** Plans what the event changed, tells it, and hands everything over. */
  private finish(now: number): Actions {
    this.sending.announce(now, false);
    if (this.everything) for (const peer of this.registry.paths.keys()) this.dirty.add(peer);
    for (const peer of this.dirty) this.settle(peer, now);
    if (this.everything) {
      const steps = this.ledger.planAll(this.current, this.registry.paths);
      this.outbox.plan(steps);
      if (this.rereading && steps.length > 0) this.outbox.note('repaired', { steps: steps.length }, 'warn');
    }
    this.dirty.clear();
    this.everything = false;
    this.rereading = false;
    return this.outbox.take();
  }

  private settle(peer: Peer, now: number): void {
    const paths = this.registry.paths.get(peer);
    if (paths === undefined) return;
    for (const path of paths) {
      const from = path.settle(now);
      if (from !== undefined) this.outbox.tell(pathNote(this.current, path, from));
    }
    if (!this.everything) this.outbox.plan(this.ledger.planPeer(this.current, peer, paths));
    this.outbox.tell(this.failover.update(this.current, peer, paths));
  }

  private describe(link: Link): { readonly link: string; readonly plane: string | undefined } {
    return { link: link.name, plane: this.current.planes[link.place.plane] };
  }

  private count(what: string): void {
    this.counters.set(what, (this.counters.get(what) ?? 0) + 1);
  }
}
