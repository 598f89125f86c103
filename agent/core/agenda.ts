/** Something that wants to be woken at a time of its own. */
export interface Entry {
  /** ms; infinite for never */
  readonly wakeAt: number;
  /** where the agenda holds it, with which time: the agenda's own */
  agenda: Place | undefined;
}

export interface Place {
  index: number;
  at: number;
}

/**
 * Who is to be woken next: a binary heap, since with thousands of paths each received frame moves one time and a search through all
 * would cost more than everything else. An entry whose `wakeAt` may have changed is to be handed to {@link update}.
 */
export class Agenda<E extends Entry> {
  private readonly heap: E[] = [];

  /** The earliest time of all; infinite for none. */
  get wakeAt(): number {
    return this.heap[0]?.agenda?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Takes an entry in, or its new time. */
  update(entry: E): void {
    const at = entry.wakeAt;
    if (entry.agenda === undefined) {
      entry.agenda = { index: this.heap.length, at };
      this.heap.push(entry);
      this.rise(entry, entry.agenda);
      return;
    }
    const place = entry.agenda;
    if (place.at === at) return;
    const earlier = at < place.at;
    place.at = at;
    if (earlier) this.rise(entry, place);
    else this.sink(entry, place);
  }

  /** All whose time has come; each is to be handed to {@link update} when it has been dealt with. */
  due(now: number): E[] {
    const due: E[] = [];
    this.collect(0, now, due);
    return due;
  }

  /** Starts anew with these entries. */
  reset(entries: Iterable<E>): void {
    for (const entry of this.heap) entry.agenda = undefined;
    this.heap.length = 0;
    for (const entry of entries) this.update(entry);
  }

  /** An entry that isn't due has nobody due below it. */
  private collect(index: number, now: number, due: E[]): void {
    const entry = this.heap[index];
    if (entry?.agenda === undefined || entry.agenda.at > now) return;
    due.push(entry);
    this.collect(2 * index + 1, now, due);
    this.collect(2 * index + 2, now, due);
  }

  private rise(entry: E, place: Place): void {
    let { index } = place;
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (this.at(above) <= place.at) break;
      this.move(this.heap[above]!, index);
      index = above;
    }
    this.move(entry, index);
  }

  private sink(entry: E, place: Place): void {
    let { index } = place;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= this.heap.length) break;
      const below = left + 1 < this.heap.length && this.at(left + 1) < this.at(left) ? left + 1 : left;
      if (this.at(below) >= place.at) break;
      this.move(this.heap[below]!, index);
      index = below;
    }
    this.move(entry, index);
  }

  private at(index: number): number {
    return this.heap[index]!.agenda!.at;
  }

  private move(entry: E, index: number): void {
    this.heap[index] = entry;
    entry.agenda!.index = index;
  }
}
