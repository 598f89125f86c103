/** Lets one thing at a time happen, in the order of asking. */
export class Turnstile {
  #last: Promise<unknown> = Promise.resolve();

  /** @returns what the action gives, once its turn has come and it is done */
  pass<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
