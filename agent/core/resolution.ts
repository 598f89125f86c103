import { formatIpv4, formatMac, type Ipv4 } from '../wire/address';
import type { ArpFrame } from '../wire/arp';
import { Budget } from './budget';
import { Conflict } from './conflict';
import type { ReceivedFrame } from './event';
import type { Link } from './link';
import type { Liveness, LivenessStep } from './liveness';
import type { Outbox } from './outbox';
import type { Path } from './path';
import type { Pinning } from './pinning';
import { meaningOf, type Receiver } from './receiving';
import type { Registry } from './registry';
import type { Responding } from './responding';
import type { Sending } from './sending';
import type { Peer, Topology } from './topology';

/** Answers a second and link to requests for our alias from others than the peers that were verified there; half of it at once. */
const STRANGERS_ANSWERS = 500;
/**
 * A request of others than these that waited so long to be read, in ms, since we stood still, is not answered: who asked has asked again, as
 * kernels do each second. A peer may have stood still as well, and wait for this very answer.
 */
const ASKED_LONG_AGO = 1000;

/** What taking ARP needs of the core. */
export interface ArpSurroundings {
  readonly registry: Registry;
  readonly outbox: Outbox;
  readonly sending: Sending;
  readonly responding: Responding;
  readonly pinning: Pinning;
  topology(): Topology;
  follow(path: Path, liveness: Liveness, step: LivenessStep): void;
}

/** Takes ARP: answers to our requests, requests for our aliases, announcements of peers, and addresses that are used twice. */
export class Resolution {
  /** by alias */
  private readonly conflicts = new Map<Ipv4, Conflict>();
  /** what hints may cause, by the peer that they tell of: those from the address that it has there are likely its own, those from another not */
  private readonly budgets = { likely: new Map<string, Budget>(), doubtful: new Map<string, Budget>() };

  /** answers to those that are no peers */
  private readonly strangers = new WeakMap<Link, Budget>();

  constructor(private readonly around: ArpSurroundings) {}

  /** Takes a frame that was heard on a link; the name of the counter that tells what became of it. */
  take(link: Link, received: ReceivedFrame, now: number): string {
    const meaning = meaningOf(received, this.receiver(link, now));
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
        return this.takeAnnouncement(link, meaning.frame, Math.min(received.at, now), now);
      case 'answer': {
        const { path, frame } = meaning;
        this.around.follow(path, path.arp, path.arp.answer(frame.senderMac, received.at, now));
        return 'answers';
      }
    }
  }

  /** Other options hold from now on. */
  retime(): void {
    this.budgets.likely.clear();
    this.budgets.doubtful.clear();
  }

  private receiver(link: Link, now: number): Receiver {
    const { registry, pinning } = this.around;
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
      refuses: (address, mac) => pinning.refuses(registry.pathAt(link, address), mac, now),
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
    const known = registry.pathTo(link, request.senderIp)?.mac === request.senderMac;
    if (!known && now - received.at > ASKED_LONG_AGO) return 'asked-long-ago';
    if (!known && !this.answersStranger(link, now)) return 'asked-too-often';
    sending.reply(link, request);
    return 'answered';
  }

  /** An answer costs more than a frame that is only counted: while it is written, peers wait for theirs. */
  private answersStranger(link: Link, now: number): boolean {
    let budget = this.strangers.get(link);
    if (budget === undefined) {
      budget = new Budget(STRANGERS_ANSWERS, now);
      this.strangers.set(link, budget);
    }
    if (!budget.allows(1, now)) return false;
    budget.spend(1);
    return true;
  }

  /**
   * A peer announced itself. Outside its schedule, that says that it lost or regained a link: its paths are verified. From another address than
   * the one that it has there it says no more than that this may be another card: nothing of the other paths, so a stranger who forges it
   * takes nothing from what the peer's own may cause.
   */
  private takeAnnouncement(link: Link, frame: ArpFrame, at: number, now: number): string {
    const { registry } = this.around;
    const { arp } = this.around.topology();
    const peer = registry.peerOf(frame.senderIp);
    if (peer === undefined) return 'unknown-sender';
    const paths = registry.paths.get(peer) ?? [];
    const heardOn = registry.pathOver(link, peer);
    // The copy of what the peer announced on another plane says nothing of this one.
    const copied = paths.some((path) => path !== heardOn && path.mac === frame.senderMac);
    if (copied && this.around.responding.isJoined(now)) return 'announced-on-another-link';
    if (heardOn?.mac !== frame.senderMac) {
      if (heardOn?.works === true) this.verify(peer, heardOn, 'doubtful', now);
      return 'hints';
    }
    const expected = heardOn.announcements.take(at, arp);
    for (const path of paths) {
      const settled = path.state === 'up' && (expected || path === heardOn);
      if (path.works && !settled) this.verify(peer, path, 'likely', now);
    }
    return expected ? 'announcements-heard' : 'hints';
  }

  /** Nobody signs an announcement, so what a stream of forged ones can cause is bounded. */
  private verify(peer: Peer, path: Path, kind: 'likely' | 'doubtful', now: number): void {
    const { misses, hints } = this.around.topology().probe;
    let budget = this.budgets[kind].get(peer.name);
    if (budget === undefined) {
      budget = new Budget(hints, now);
      this.budgets[kind].set(peer.name, budget);
    }
    if (!budget.allows(misses, now)) return;
    const step = kind === 'likely' ? path.arp.verify(now) : path.arp.verifyDoubtful(now);
    // As many as go out where none is answered.
    if (step.probe !== undefined) budget.spend(misses);
    this.around.follow(path, path.arp, step);
  }

  private takeConflict(link: Link, frame: ArpFrame, now: number): void {
    let conflict = this.conflicts.get(frame.senderIp);
    if (conflict === undefined) {
      conflict = new Conflict();
      this.conflicts.set(frame.senderIp, conflict);
    }
    if (!conflict.defend(now)) return;
    const plane = this.around.topology().planes[link.place.plane];
    const alias = formatIpv4(frame.senderIp);
    const mac = formatMac(frame.senderMac);
    this.around.outbox.note('alias-conflict', { link: link.name, plane, alias, mac }, 'error');
    this.around.sending.defend(link, frame.senderIp);
  }
}
