import type { Ipv4, Mac } from '../wire/address';
import type { Entry } from './agenda';
import { Hearing } from './hearing';
import { type Cause, Liveness, type LivenessState, type PathState } from './liveness';
import { isUsable, type PathView } from './routing';
import { Schedule } from './schedule';
import type { Peer, ProbeOptions } from './topology';

/** The worse of two states decides where ICMP is asked as well. */
const RANK: readonly LivenessState[] = ['down', 'held', 'unknown', 'suspect', 'up'];

/** The way to one peer by the link on one plane. */
export class Path implements PathView, Entry {
  agenda: number | undefined;
  readonly arp: Liveness;
  /** of the ICMP target behind a far end, where it names one */
  readonly icmp: Liveness | undefined;
  /** when the peer announced itself on this link */
  readonly announcements = new Schedule();
  /** what the peer's beacons say */
  readonly hearing = new Hearing();
  device: number | undefined;
  /** whether the link is up and has carrier, so that asking makes sense */
  works = false;
  /** whether the operator has drained our link: it is left alone while another path is usable, whatever {@link beneath} says */
  drained = false;
  state: PathState = 'unknown';
  /** what it would be if it weren't drained */
  beneath: LivenessState = 'unknown';
  since: number;
  cause: Cause = 'start';
  /** the only address from which the peer is believed here, by the file; undefined where the file names none */
  fixed: Mac | undefined;
  /** since when the peer says that its link here is not to be used; undefined while it doesn't */
  private withdrawnAt: number | undefined;
  /** why it says so: the link is down, or its operator has drained it */
  private withdrawnFor: 'withdrawn' | 'drained' = 'withdrawn';
  /** whether that has been acted upon */
  private failed = false;

  /** `phase`, 0 to below 1, spreads the steady requests of many paths over the interval. */
  constructor(
    public peer: Peer,
    readonly plane: number,
    readonly link: string,
    probe: ProbeOptions,
    now: number,
    phase: number,
    /** its place among all paths, so that what happens at one time happens in one order */
    public serial: number,
  ) {
    this.arp = new Liveness(probe, now, phase);
    this.icmp =
      peer.kind === 'far-end' && peer.icmp !== undefined ? new Liveness(probe, now, phase) : undefined;
    this.since = now;
  }

  /** The address that is asked for: the peer's alias, or the far end's own on this plane. */
  get target(): Ipv4 {
    return this.peer.kind === 'agent' ? this.peer.aliases[0]! : this.peer.addresses.get(this.plane)!;
  }

  get mac(): Mac | undefined {
    return this.arp.mac;
  }

  /** Believes the peer from this address alone, from `now` ms on, or again from whichever answers, or its beacons state. */
  fix(mac: Mac | undefined, now: number): void {
    const former = this.fixed;
    this.fixed = mac;
    if (mac !== undefined) this.arp.pin(mac, now);
    else if (former !== undefined) this.unlearn();
  }

  /** The peer's beacons state its address here, unless the file does; whether that is another one than before. */
  learn(mac: Mac, now: number): boolean {
    return this.fixed === undefined && this.arp.pin(mac, now);
  }

  /** No beacons state its address any more; it is kept as one that was answered from. */
  unlearn(): void {
    this.arp.pinned = this.fixed !== undefined;
  }

  /** ms; of ICMP where that is asked, since it is the longer way */
  get rtt(): number | undefined {
    return this.icmp?.rtt ?? this.arp.rtt;
  }

  /** The next time at which one of its requests, or a beacon of the peer, is due; infinite while the link doesn't work. */
  get wakeAt(): number {
    if (!this.works) return Number.POSITIVE_INFINITY;
    const due = Math.min(this.arp.wakeAt, this.hearing.dueAt);
    return this.icmp === undefined ? due : Math.min(due, this.icmp.wakeAt);
  }

  /**
   * Whether we say that we hear the peer here: its beacons come, or came once and ARP has not judged since that the path is down. To whom we say
   * no longer that we do, that takes the path to be down too; so it is not enough that its beacons are late, that it has started anew, or that
   * our own link was lost and is back.
   */
  get heard(): boolean {
    const { heardAt, coming } = this.hearing;
    return heardAt !== undefined && (coming || this.arp.judgedAt === undefined);
  }

  /** Whether the peer says that its link here is not to be used. */
  get withdrawn(): boolean {
    return this.withdrawnAt !== undefined;
  }

  /** The peer says at `now` ms that its link here is not to be used: nothing that is heard by it counts until {@link restore}. */
  withdraw(now: number, cause: 'withdrawn' | 'drained'): void {
    this.withdrawnAt ??= now;
    this.withdrawnFor = cause;
  }

  /** The peer says no longer that its link is not to be used: ask at once. */
  restore(now: number): void {
    this.withdrawnAt = undefined;
    if (this.works && this.failed) this.arp.revive(now);
    this.failed = false;
  }

  /** What is asked, each with its own liveness. */
  get probed(): readonly Liveness[] {
    return this.icmp === undefined ? [this.arp] : [this.arp, this.icmp];
  }

  /** Derives the state from what is asked; the former one if it changed. */
  settle(now: number): PathState | undefined {
    const [beneath, cause] = this.judge(now);
    this.beneath = beneath;
    if (this.drained) return this.enter('drained', now, 'drained');
    return this.enter(beneath, now, this.state === 'drained' && isUsable(beneath) ? 'undrained' : cause);
  }

  /** What is known of it, and why. */
  private judge(now: number): [LivenessState, Cause] {
    const { denied } = this.hearing;
    this.hearing.denied = false;
    if (this.withdrawn) {
      // Not before: what was read together with the withdrawal may have taken it back.
      if (!this.failed) this.arp.fail(now, this.withdrawnFor);
      this.failed = true;
      return ['down', this.withdrawnFor];
    }
    // Nor this: the peer may have said that it hears us again. ARP alone judges when the path works again.
    if (denied && this.works && this.arp.state !== 'down') this.arp.fail(now, 'not-heard');
    const worst = this.probed.reduce((a, b) => (decides(b, a) ? b : a));
    return [worst.state, worst === this.icmp && worst.cause === 'silence' ? 'icmp-silence' : worst.cause];
  }

  private enter(state: PathState, now: number, cause: Cause): PathState | undefined {
    if (state === this.state) return undefined;
    const from = this.state;
    this.state = state;
    this.since = now;
    this.cause = cause;
    return from;
  }

  /** When the trouble that led to the present state began; of a path that came back, when it came into this state. */
  get trouble(): number {
    if (this.state === 'up' || this.state === 'held' || this.state === 'drained') return this.since;
    if (this.cause === 'withdrawn' || this.cause === 'drained') return this.withdrawnAt ?? this.since;
    return this.cause === 'icmp-silence' && this.icmp !== undefined ? this.icmp.trouble : this.arp.trouble;
  }
}

/** Whether `one` decides on a path rather than `other`: it is in the worse state, or came later into the same. */
function decides(one: Liveness, other: Liveness): boolean {
  const by = RANK.indexOf(one.state) - RANK.indexOf(other.state);
  return by < 0 || (by === 0 && one.since > other.since);
}
