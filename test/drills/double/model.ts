import { type Fault, isAgentFault, type Shape } from './fault';

/**
 * What is possible between two hosts: `open`: a plane carries both directions between them, and those agents that run can use it;
 * `agent`: a plane would, but the kernel of a host whose agent has failed goes on sending by another one; `crossed`: no plane does, though
 * each direction has one of its own, which ARP finds by accident at most; `cut`: a direction has none.
 */
export type Verdict = 'open' | 'agent' | 'crossed' | 'cut';

/**
 * A cluster as its faults have it: what is possible, by nothing but what works. A host whose agent runs sends by the first plane
 * that works in both directions; ARP, which the far end's kernel answers, finds no other. One whose agent has failed keeps
 * the routes of that moment, and its kernel sends by the first of these whose own link has carrier, whatever lies beyond.
 */
export class World {
  readonly #faults = new Set<Fault>();
  /** of hosts whose agent has failed: by peer, the planes whose routes stood then */
  readonly #standing = new Map<number, readonly (readonly number[])[]>();

  constructor(private readonly shape: Shape) {}

  get faults(): ReadonlySet<Fault> {
    return this.#faults;
  }

  /** A fault comes, long enough after the one before that all agents have judged that. */
  break(fault: Fault): void {
    if (isAgentFault(fault)) this.#standing.set(fault.host, this.#routesOf(fault.host));
    this.#faults.add(fault);
  }

  mend(fault: Fault): void {
    this.#faults.delete(fault);
    if (isAgentFault(fault)) this.#standing.delete(fault.host);
  }

  runs(host: number): boolean {
    return !this.#standing.has(host);
  }

  /** Planes that carry frames between two hosts in both directions, the preferred first. */
  shared(one: number, other: number): number[] {
    return this.#planes().filter(
      (plane) => this.#carries(one, other, plane) && this.#carries(other, one, plane),
    );
  }

  verdict(one: number, other: number): Verdict {
    if (this.shared(one, other).length === 0) {
      return this.#hasWay(one, other) && this.#hasWay(other, one) ? 'crossed' : 'cut';
    }
    return this.#arrives(one, other) && this.#arrives(other, one) ? 'open' : 'agent';
  }

  #hasWay(from: number, to: number): boolean {
    return this.#planes().some((plane) => this.#carries(from, to, plane));
  }

  /** Whether what a host sends to another arrives, where a plane is shared. */
  #arrives(from: number, to: number): boolean {
    const standing = this.#standing.get(from)?.[to];
    if (standing === undefined) return true;
    const plane = standing.find((each) => this.#hasCarrier(from, each));
    return plane !== undefined && this.#carries(from, to, plane);
  }

  /** By peer, the planes whose routes a running agent lets stand: those that work, or all where none does. */
  #routesOf(host: number): number[][] {
    return Array.from({ length: this.shape.hosts }, (_, peer) => {
      const working = this.shared(host, peer);
      return working.length > 0 ? working : this.#planes();
    });
  }

  #carries(from: number, to: number, plane: number): boolean {
    const passes = this.#hasCarrier(from, plane) && this.#hasCarrier(to, plane);
    return passes && !this.#drops(from, plane, 'from-host') && !this.#drops(to, plane, 'to-host');
  }

  #hasCarrier(host: number, plane: number): boolean {
    return ![...this.#faults].some(
      (fault) =>
        (fault.kind === 'switch' && fault.plane === plane) ||
        (fault.kind === 'card' && fault.host === host && fault.plane === plane),
    );
  }

  #drops(host: number, plane: number, direction: 'from-host' | 'to-host'): boolean {
    return [...this.#faults].some(
      (fault) =>
        (fault.kind === 'port' || fault.kind === direction) && fault.host === host && fault.plane === plane,
    );
  }

  #planes(): number[] {
    return Array.from({ length: this.shape.planes }, (_, plane) => plane);
  }
}
