import type { Ipv4 } from '../wire/address';
import type { StatedLinkState } from '../wire/beacon';

/** What a peer's beacons say by one path: whether they come, whether the peer hears ours, and what it says of its link there. */
export class Hearing {
  /** beacons come by this path: the last one is not overdue */
  coming = false;
  /** when the kernel received the last one, of whichever epoch; undefined before the first */
  heardAt: number | undefined;
  /** of the last urgent and the last steady beacon by this path, to know a replayed one: urgent ones overtake the others */
  private readonly sequences = { urgent: -1, steady: -1 };
  /** the peer says that it hears us here */
  hearsUs = false;
  /** the peer has just judged that it hears us here no more; nobody has acted upon it yet */
  denied = false;
  /** sequence number of the beacon that said last whether it hears us, and by which of our aliases it was asked for */
  private statedIn = -1;
  private statedOf: Ipv4 | undefined;
  /** what the peer says of its link, on whichever plane it said so */
  state: StatedLinkState = 'up';
  /** what the peer wishes: the higher, the rather it wants to be reached by this path; 0 where it states none */
  priority = 0;
  /** when the next beacon counts as missing, in ms; infinite while none is awaited */
  dueAt = Number.POSITIVE_INFINITY;

  /** A beacon came, received at `at`; the next one is missing `patience` ms later. */
  take(urgent: boolean, sequence: number, at: number, patience: number): void {
    this.sequences[urgent ? 'urgent' : 'steady'] = sequence;
    this.heardAt = Math.max(at, this.heardAt ?? at);
    this.coming = true;
    this.dueAt = this.heardAt + patience;
  }

  /** Whether a beacon of the same epoch was taken already, or is older than one that was. */
  isReplayed(urgent: boolean, sequence: number): boolean {
    return sequence <= this.sequences[urgent ? 'urgent' : 'steady'];
  }

  /**
   * Takes what a beacon says of whether its sender hears us, who are `self` there; undefined where it says nothing. Whether it says no
   * longer that it does: one that a newer one overtook, or that is about another address of ours, doesn't count for that.
   */
  takeBack(heard: boolean | undefined, self: Ipv4, sequence: number): boolean {
    if (heard === undefined || sequence <= this.statedIn) return false;
    const lost = this.hearsUs && !heard && self === this.statedOf;
    this.statedIn = sequence;
    this.statedOf = self;
    this.hearsUs = heard;
    if (heard) this.denied = false;
    return lost;
  }

  /** The next one didn't come in time, or can't come since our own link doesn't work. */
  lapse(): void {
    this.coming = false;
    this.hearsUs = false;
    this.dueAt = Number.POSITIVE_INFINITY;
  }

  /**
   * The peer has started anew: what it said no longer counts. That it was heard does: nothing was judged, so we go on saying that we hear
   * it until its path is.
   */
  forget(): void {
    this.lapse();
    this.denied = false;
    this.statedIn = -1;
    this.sequences.urgent = -1;
    this.sequences.steady = -1;
    this.state = 'up';
  }

  /** Whether the way works in both directions, by what both ends say. */
  get mutual(): boolean {
    return this.coming && this.hearsUs;
  }
}
