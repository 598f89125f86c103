import type { Ipv4 } from '../wire/address';
import { type Heard, heardFrom } from '../wire/beacon';

const FIRST = 0 as Ipv4;
const LAST = 0xffffffff as Ipv4;
/** A statement about nobody: no host has the one address of its range. */
const NOTHING: Heard = { from: FIRST, to: FIRST, runs: [] };

/** What our beacons say on one link of whom we hear there. */
export class Statement {
  /** where the next one begins: not all may find room in one beacon */
  private cursor = FIRST;
  /** who was said to be heard, last and the time before: one beacon may have got lost, and after two nobody is sure of us any more */
  private said: readonly Ipv4[] = [];
  private saidBefore: readonly Ipv4[] = [];

  /**
   * What the next beacon is to say, where `hosts`, ascending, are heard. A host that an urgent one leaves out takes its path to be down, so that
   * says nothing where it would leave out somebody whom ARP hasn't just judged: one that is no peer any more, or one anew. Each such host finds it in
   * the next regular beacon, and then asks for itself.
   */
  next(hosts: readonly Ipv4[], urgent: boolean, isJudged: (host: Ipv4) => boolean): Heard {
    return urgent && !this.missing(hosts).every(isJudged) ? NOTHING : heardFrom(hosts, this.cursor);
  }

  /** A beacon went out that says so of the addresses up to `to`, of which there was room. */
  sent({ from }: Heard, to: Ipv4, hosts: readonly Ipv4[]): void {
    if (to === FIRST) return;
    this.cursor = to === LAST ? FIRST : ((to + 1) as Ipv4);
    const isCovered = (host: Ipv4) => host >= from && host <= to;
    const isWhole = from === FIRST && to === LAST;
    const replaced = (old: readonly Ipv4[], next: readonly Ipv4[]) =>
      isWhole ? next : [...old.filter((host) => !isCovered(host)), ...next.filter(isCovered)];
    this.saidBefore = replaced(this.saidBefore, this.said);
    this.said = replaced(this.said, hosts);
  }

  private missing(hosts: readonly Ipv4[]): readonly Ipv4[] {
    const heard = new Set(hosts);
    return [...this.said, ...this.saidBefore].filter((host) => !heard.has(host));
  }
}
