/** Something that wants to be woken at a time of its own. */
export interface Entry {
  /** ms; infinite for never */
  readonly wakeAt: number;
  /** its number in the agenda that holds it: the agenda's own */
  agenda: number | undefined;
}

/**
 * Who is to be woken next: a binary heap, since with thousands of paths each received frame moves one time and a search through all
 * would cost more than everything else. Of its entries it moves nothing but numbers, for the same reason. An entry whose `wakeAt` may have
 * changed is to be handed to {@link update}.
 */
export class Agenda<E extends Entry> {
  /** by number */
  private readonly entries: E[] = [];
  /** the heap: the times, and whose they are */
  private readonly times: number[] = [];
  private readonly numbers: number[] = [];
  /** where the heap holds an entry, by number */
  private readonly places: number[] = [];

  /** The earliest time of all; infinite for none. */
  get wakeAt(): number {
    return this.times[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Takes an entry in, or its new time. */
  update(entry: E): void {
    const at = entry.wakeAt;
    if (entry.agenda === undefined) {
      const last = this.entries.push(entry) - 1;
      entry.agenda = last;
      this.put(last, last, at);
      this.rise(last, last, at);
      return;
    }
    const place = this.places[entry.agenda]!;
    const before = this.times[place]!;
    if (at < before) this.rise(place, entry.agenda, at);
    else if (at > before) this.sink(place, entry.agenda, at);
  }

  /** All whose time has come; each is to be handed to {@link update} when it has been dealt with. */
  due(now: number): E[] {
    const due: E[] = [];
    this.collect(0, now, due);
    return due;
  }

  /** Starts anew with these entries. */
  reset(entries: Iterable<E>): void {
    for (const entry of this.entries) entry.agenda = undefined;
    for (const list of [this.entries, this.times, this.numbers, this.places]) list.length = 0;
    for (const entry of entries) this.update(entry);
  }

  /** An entry that isn't due has nobody due below it. */
  private collect(place: number, now: number, due: E[]): void {
    const at = this.times[place];
    if (at === undefined || at > now) return;
    due.push(this.entries[this.numbers[place]!]!);
    this.collect(2 * place + 1, now, due);
    this.collect(2 * place + 2, now, due);
  }

  private rise(from: number, number: number, at: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (this.times[above]! <= at) break;
      this.put(place, this.numbers[above]!, this.times[above]!);
      place = above;
    }
    this.put(place, number, at);
  }

  private sink(from: number, number: number, at: number): void {
    const { times } = this;
    let place = from;
    for (;;) {
      const left = 2 * place + 1;
      if (left >= times.length) break;
      const below = left + 1 < times.length && times[left + 1]! < times[left]! ? left + 1 : left;
      if (times[below]! >= at) break;
      this.put(place, this.numbers[below]!, times[below]!);
      place = below;
    }
    this.put(place, number, at);
  }

  private put(place: number, number: number, at: number): void {
    this.times[place] = at;
    this.numbers[place] = number;
    this.places[number] = place;
  }
}
