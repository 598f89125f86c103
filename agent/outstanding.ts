/** Requests to one target that are remembered: more than go out while an answer is on its way. */
const REMEMBERED = 32;

/** Numbers of requests that were sent, so that nobody answers what he wasn't asked: who doesn't see a request must guess its number. */
export class Outstanding {
  private readonly numbers = new Map<string, number[]>();

  /** A request went out. */
  sent(to: string, number: number): void {
    const numbers = this.numbers.get(to) ?? [];
    this.numbers.set(to, numbers);
    numbers.push(number);
    if (numbers.length > REMEMBERED) numbers.shift();
  }

  /** Whether an answer is to a request that went out, and hasn't been answered yet. */
  answered(by: string, number: number): boolean {
    const numbers = this.numbers.get(by) ?? [];
    const index = numbers.indexOf(number);
    if (index < 0) return false;
    numbers.splice(index, 1);
    return true;
  }
}
