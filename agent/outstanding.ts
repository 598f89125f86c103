import type { Ipv4 } from './wire/address';

/** Requests that are remembered: as many answers as the kernel lets in at once (native-bindings/src/echo_filter.h). */
const REMEMBERED = 255;

/** Numbers of requests that were sent by one link, so that nobody answers what he wasn't asked: who doesn't see a request must guess its number. */
export class Outstanding {
  private readonly targets = new Map<number, Ipv4>();

  /** Of the last requests that wait for their answer, however long. */
  get numbers(): number[] {
    return [...this.targets.keys()];
  }

  /** A request went out. */
  sent(to: Ipv4, number: number): void {
    this.targets.delete(number);
    this.targets.set(number, to);
    if (this.targets.size <= REMEMBERED) return;
    const [oldest] = this.targets.keys();
    this.targets.delete(oldest!);
  }

  /** Whether an answer is to a request that went out, and hasn't been answered yet. */
  answered(by: Ipv4, number: number): boolean {
    return this.targets.get(number) === by && this.targets.delete(number);
  }
}
