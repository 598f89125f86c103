import { formatIpv4, formatMac } from '../wire/address';
import type { ArpFrame } from '../wire/arp';
import { Budget } from './budget';
import { Conflict } from './conflict';
import type { ReceivedFrame } from './event';
import type { Link } from './link';
import type { Liveness, LivenessStep } from './liveness';
import type { Outbox } from './outbox';
import type { Path } from './path';
import { meaningOf, type Receiver } from './receiving';
import type { Registry } from './registry';
import type { Responding } from './responding';
import type { Sending } from './sending';
import type { Peer, Topology } from './topology';

/** What taking ARP needs of the core. */
export interface ArpSurroundings {
  readonly registry: Registry;
  readonly outbox: Outbox;
  readonly sending: Sending;
  readonly responding: Responding;
  topology(): Topology;
  follow(path: Path, liveness: Liveness, step: LivenessStep): void;
}

/** Takes ARP: answers to our requests, requests for our aliases, announcements of peers, and addresses that are used twice. */
export class Resolution {
  private readonly conflict = new Conflict();
  /** what hints may cause, by the peer that they tell of */
  private readonly budgets = new Map<string, Budget>();

  constructor(private readonly around: ArpSurroundings) {}

  /** Takes a frame that was heard on a link; the name of the counter that tells what became of it. */
  take(link: Link, received: ReceivedFrame, now: number): string {
    const meaning = meaningOf(received, this.receiver(link));
    switch (meaning.type) {
      case 'ignored':
        return meaning.reason;
      case 'joined':
        this.around.responding.joined(link.name, now);
        return 'own-frame';
      case 'conflict':
        this.takeConflict(link, meaning.frame, now);
        return 'conflicts';
      case 'question':
        return this.takeQuestion(link, meaning.frame, received, now);
      case 'hint':
        return this.takeAnnouncement(link, meaning.frame, now);
      case 'answer': {
        const { path, frame } = meaning;
        this.around.follow(path, path.arp, path.arp.answer(frame.senderMac, received.at, now));
        return 'answers';
      }
    }
  }

  /** Other options hold from now on. */
  retime(): void {
    this.budgets.clear();
  }

  private receiver(link: Link): Receiver {
    const { registry } = this.around;
    const { aliases } = this.around.topology();
    return {
      aliases,
      mac: link.state?.mac,
      isOurs: (mac) => registry.isOurs(mac),
      isOwnAddress: (address) =>
        aliases.includes(address) || [...registry.links.values()].some((own) => own.hasAddress(address)),
      isPeer: (address) => registry.peerOf(address) !== undefined,
      pathTo: (address) => registry.pathTo(link, address),
      asksFrom: (address) => aliases[0] === address || link.hasAddress(address),
    };
  }

  /** Answers a request for one of our aliases where that is ours to do. */
  private takeQuestion(link: Link, request: ArpFrame, received: ReceivedFrame, now: number): string {
    const { responding, registry, sending } = this.around;
    if (link.withheld) return 'drained-link';
    if (responding.actingAt(received.at) === 'kernel') return 'kernel-answers';
    if (!responding.answersOn(link, request, received, registry.allPaths(), now))
      return 'asked-on-another-link';
    if (link.state === undefined) return 'link-not-ready';
    sending.reply(link, request);
    return 'answered';
  }

  /** A peer announced itself. Outside its schedule, that says that it lost or regained a link: its paths are verified. */
  private takeAnnouncement(link: Link, frame: ArpFrame, now: number): string {
    const { registry } = this.around;
    const { arp } = this.around.topology();
    const peer = registry.peerOf(frame.senderIp);
    if (peer === undefined) return 'unknown-sender';
    const paths = registry.paths.get(peer) ?? [];
    const heardOn = paths.find((path) => path.link === link.name);
    // The copy of what the peer announced on another plane says nothing of this one.
    const copied = paths.some((path) => path !== heardOn && path.mac === frame.senderMac);
    if (copied && this.around.responding.isJoined(now)) return 'announced-on-another-link';
    const expected = heardOn?.announcements.take(now, arp) === true;
    for (const path of paths) {
      const settled = path.state === 'up' && (expected || path === heardOn);
      const moved = path === heardOn && path.mac !== frame.senderMac;
      if (path.works && (moved || !settled)) this.verify(peer, path, now);
    }
    return expected ? 'announcements-heard' : 'hints';
  }

  /** Nobody signs an announcement, so what a stream of forged ones can cause is bounded. */
  private verify(peer: Peer, path: Path, now: number): void {
    const { misses, hints } = this.around.topology().probe;
    let budget = this.budgets.get(peer.name);
    if (budget === undefined) {
      budget = new Budget(hints, now);
      this.budgets.set(peer.name, budget);
    }
    if (!budget.allows(misses, now)) return;
    const step = path.arp.verify(now);
    // As many as go out where none is answered.
    if (step.probe !== undefined) budget.spend(misses);
    this.around.follow(path, path.arp, step);
  }

  private takeConflict(link: Link, frame: ArpFrame, now: number): void {
    if (!this.conflict.defend(now)) return;
    const plane = this.around.topology().planes[link.place.plane];
    const alias = formatIpv4(frame.senderIp);
    const mac = formatMac(frame.senderMac);
    this.around.outbox.note('alias-conflict', { link: link.name, plane, alias, mac }, 'error');
    this.around.sending.defend(link, frame.senderIp);
  }
}
