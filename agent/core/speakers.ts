import type { BeaconFrame, StatedLink } from '../wire/beacon';
import type { Link } from './link';
import type { Registry } from './registry';
import type { AgentPeer } from './topology';

/** Hosts of which it is remembered what they said: those that were peers once are forgotten beyond it. */
const MOST_SPEAKERS = 8192;

/** A host whose beacons we take, since one start of its agent. */
export interface Speaker {
  readonly epoch: number;
  /** sequence number of the beacon with the newest statements about its links, on whichever plane it came */
  newest: number;
  /** what that says of its links, where it counts for its paths as they are */
  stated: readonly StatedLink[] | undefined;
  /** between two of its beacons by one plane, in ms */
  interval: number;
  /** since when it is silent; undefined while it is not */
  silentSince: number | undefined;
  /** it is no peer any more; what it said is remembered, so that recordings of it don't make it one again */
  former: boolean;
}

/** Which start of each host's agent is believed, and how much of what it said has come. */
export class Speakers {
  private readonly known = new Map<string, Speaker>();

  constructor(private readonly registry: Registry) {}

  named(host: string): Speaker | undefined {
    return this.known.get(host);
  }

  /** Believes another start of a host's agent, of which nothing has come so far. */
  believe(host: string, epoch: number, now: number): Speaker {
    const speaker = { epoch, newest: -1, stated: undefined, interval: 0, silentSince: now, former: false };
    this.known.set(host, speaker);
    return speaker;
  }

  /** Why a beacon is one that was sent before what has come; a host that was silent for more than `expire` ms is believed whatever it says. */
  refuses(
    link: Link,
    { host, epoch, sequence, urgent }: BeaconFrame,
    expire: number,
    now: number,
  ): 'beacon-older-epoch' | 'beacon-replayed' | undefined {
    const speaker = this.known.get(host);
    if (speaker === undefined || epoch > speaker.epoch) return undefined;
    if (epoch < speaker.epoch) {
      // It may have started with a clock that was set back.
      const forgotten = speaker.silentSince !== undefined && now - speaker.silentSince > expire;
      return forgotten ? undefined : 'beacon-older-epoch';
    }
    if (speaker.former) return sequence <= speaker.newest ? 'beacon-replayed' : undefined;
    const peer = this.registry.peerNamed(host);
    const path = peer && this.registry.pathOver(link, peer);
    return path?.hearing.isReplayed(urgent, sequence) === true ? 'beacon-replayed' : undefined;
  }

  /** The peer that a beacon is from, where one that was sent later has come before: it says nothing new of which planes its sender is on. */
  overtaken({ host, epoch, sequence }: BeaconFrame): AgentPeer | undefined {
    const speaker = this.known.get(host);
    if (speaker === undefined || speaker.former) return undefined;
    const peer = this.registry.peerNamed(host);
    return speaker.epoch === epoch && sequence < speaker.newest && peer?.kind === 'agent' ? peer : undefined;
  }

  /** The peers or their paths are others now, or no beacons are taken any more (`spoken` is false). The hosts that no longer count. */
  retain(spoken: boolean, now: number): readonly string[] {
    const dismissed: string[] = [];
    for (const [host, speaker] of this.known) {
      speaker.stated = undefined;
      if (spoken && this.registry.peerNamed(host) !== undefined) continue;
      dismissed.push(host);
      if (!spoken || this.known.size > MOST_SPEAKERS) this.known.delete(host);
      speaker.former = true;
      speaker.silentSince ??= now;
    }
    return dismissed;
  }
}
