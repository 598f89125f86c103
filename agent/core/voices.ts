import type { Mac } from '../wire/address';
import type { BeaconFrame, StatedLink } from '../wire/beacon';
import { ETHERNET_HEADER, readMac } from '../wire/ethernet';
import type { Link } from './link';
import type { Path } from './path';
import type { Speaker } from './speakers';
import type { AgentPeer } from './topology';

/** Cards that are remembered; one that comes beyond makes room by forgetting all. */
const MOST_VOICES = 16_384;

/** What was last heard of one card: from whom it is, and by which path it came. */
export interface Voice {
  readonly link: Link;
  readonly peer: AgentPeer;
  readonly paths: readonly Path[];
  readonly path: Path;
  readonly speaker: Speaker;
  /** what it says of the sender's links: the same object for beacons that say the same */
  readonly stated: readonly StatedLink[];
  readonly beacon: BeaconFrame;
}

/** The last beacon of each card that was taken, tag and all: most that follow repeat it. */
export class Voices {
  private readonly known = new Map<Mac, Voice>();
  /** the card at the far end of each path that was last heard */
  private readonly cards = new Map<Path, Mac>();

  /** The voice of the card that a frame says to come from, if nothing but its times changes by a beacon that repeats the last one. */
  steady(link: Link, frame: Uint8Array): Voice | undefined {
    const voice = frame.length < ETHERNET_HEADER ? undefined : this.known.get(readMac(frame, 6));
    return voice?.link === link && voice.path.hearing.coming ? voice : undefined;
  }

  /** Remembers a beacon whose tag is good. */
  remember(voice: Voice): void {
    if (this.known.size >= MOST_VOICES) this.forget();
    const former = this.cards.get(voice.path);
    if (former !== undefined) this.known.delete(former);
    this.cards.set(voice.path, voice.beacon.source);
    // A received frame may hold on to a whole batch of them.
    const beacon = { ...voice.beacon, bytes: voice.beacon.bytes.slice() };
    this.known.set(beacon.source, { ...voice, beacon });
  }

  /** Peers, paths or speakers are others now. */
  forget(): void {
    this.known.clear();
    this.cards.clear();
  }

  get size(): number {
    return this.known.size;
  }
}

/** Whether a host says the same of its links. */
export function isSameStatement(one: readonly StatedLink[], other: readonly StatedLink[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ plane, priority, state, mac }, index) => {
      const link = other[index]!;
      return link.plane === plane && link.priority === priority && link.state === state && link.mac === mac;
    })
  );
}
