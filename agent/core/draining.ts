import type { Note } from './event';
import type { Link } from './link';
import type { Path } from './path';
import type { Registry } from './registry';
import { isUsable } from './routing';
import type { Peer } from './topology';

/** Why a drained link is in use again: the operator said so, or the time was over. */
export type UndrainReason = 'operator' | 'expired';

/** What draining some links would cost. */
export interface DrainCost {
  /** no other link of this host serves */
  readonly last: boolean;
  /** peers that no other link reaches */
  readonly stranded: readonly Peer[];
}

type Tell = (
  event: string,
  link: Link,
  fields: Readonly<Record<string, unknown>>,
  level?: Note['level'],
) => void;

/**
 * The links that the operator has taken out of use, so that they can be worked on: they work and receive as before, and nobody sends by them
 * where there is another way. That a link fails meanwhile, goes or is replaced changes nothing of it. But a drain that is forgotten must
 * not make of the next failure an outage: while nothing else leads anywhere, the drained links are in use.
 */
export class Draining {
  /** when the next link is in use again, in ms; infinite for none */
  wakeAt = Number.POSITIVE_INFINITY;

  /** whether any link is drained, so that nothing is looked through where none is */
  private any = false;

  constructor(
    private readonly registry: Registry,
    private readonly tell: Tell,
  ) {}

  /** Takes over what a former run had drained, and until when; what is over meanwhile is told. */
  resume(drains: ReadonlyMap<string, number>, now: number): void {
    for (const [name, until] of drains) {
      const link = this.registry.links.get(name);
      if (link !== undefined) link.drainedUntil = until;
    }
    this.expire(now);
  }

  /** Drains links until a time; which of them were not drained before. For one that was, the time is another now. */
  drain(names: readonly string[], until: number, now: number): Link[] {
    const left = until === Number.POSITIVE_INFINITY ? null : Math.round(until - now);
    const added: Link[] = [];
    for (const name of names) {
      const link = this.registry.links.get(name);
      if (link === undefined) continue;
      if (!link.drained) added.push(link);
      link.drainedUntil = until;
      this.tell('drained', link, { for: left });
    }
    this.reckon();
    return added;
  }

  /** Gives links back; which of them were drained. */
  undrain(names: readonly string[], reason: UndrainReason): Link[] {
    const ended = this.links().filter(({ name }) => names.includes(name));
    for (const link of ended) {
      link.drainedUntil = undefined;
      link.overridden = false;
      this.tell('undrained', link, { reason });
    }
    this.reckon();
    return ended;
  }

  /** Gives back the links whose time is over. */
  expire(now: number): Link[] {
    this.reckon();
    if (now < this.wakeAt) return [];
    const over = this.links().filter(({ drainedUntil }) => drainedUntil! <= now);
    return this.undrain(
      over.map(({ name }) => name),
      'expired',
    );
  }

  /** Those that are in use all the same, or no longer, by what is known of all paths. */
  review(): Link[] {
    if (!this.any) return [];
    const override = this.isNeeded();
    const changed = this.links().filter(({ overridden }) => overridden !== override);
    for (const link of changed) {
      link.overridden = override;
      this.tell(override ? 'drain-overridden' : 'drain-resumed', link, {}, override ? 'warn' : 'info');
    }
    return changed;
  }

  /** Whether a drained path leads to some peer, and no other one to any: once in use, until one is trusted. */
  private isNeeded(): boolean {
    let needed = false;
    for (const [, paths] of this.registry.paths) {
      for (const { state, beneath } of paths) {
        if (isUsable(state)) return false;
        needed ||= state === 'drained' && beneath !== 'down';
      }
    }
    return needed;
  }

  private links(): Link[] {
    return [...this.registry.links.values()].filter(({ drained }) => drained);
  }

  private reckon(): void {
    const ends = this.links().map(({ drainedUntil }) => drainedUntil!);
    this.any = ends.length > 0;
    this.wakeAt = Math.min(...ends);
  }
}

/** What it would cost to drain these links now: nothing where each peer that they reach is reached by another one as well. */
export function drainCost(registry: Registry, names: readonly string[]): DrainCost {
  const serving = [...registry.links.values()].filter(({ serves }) => serves);
  const drained = serving.filter(({ name }) => names.includes(name));
  const stranded = [...registry.paths].filter(([, paths]) => {
    // What has not answered yet is presumed to work; that is not enough to send everything there.
    const others = paths.some(
      ({ state, link }) => isUsable(state) && state !== 'unknown' && !names.includes(link),
    );
    const led = ({ state, link }: Path) => state !== 'down' && state !== 'drained' && names.includes(link);
    return !others && paths.some(led);
  });
  return {
    last: drained.length > 0 && drained.length === serving.length,
    stranded: stranded.map(([peer]) => peer),
  };
}
