import { type BeaconDropReason, type BeaconFrame, decodeBeacon, hears } from '../wire/beacon';
import { repeatedSequence } from '../wire/beacon-repetition';
import { Discovery } from './discovery';
import type { ReceivedFrame } from './event';
import type { Link } from './link';
import type { Liveness, LivenessStep } from './liveness';
import type { Outbox } from './outbox';
import { OwnBeacons } from './own-beacons';
import type { Path } from './path';
import type { Pinning } from './pinning';
import type { Registry } from './registry';
import { refusedBySeal } from './seal';
import { type Speaker, Speakers } from './speakers';
import type { Credentials } from './speaking';
import type { AgentPeer, BeaconOptions, Peer, Topology } from './topology';
import { isSameStatement, type Voice, Voices } from './voices';

/** Why a beacon changed nothing. Each is a counter in the status. */
export type BeaconIgnoreReason =
  | BeaconDropReason
  | 'vlan-tagged'
  | 'beacon-other-cluster'
  | 'beacon-own'
  | 'beacon-own-name'
  | 'beacon-wrong-plane'
  | 'beacon-sender-mac'
  | 'beacon-older-epoch'
  | 'beacon-replayed'
  | 'beacon-unknown-key'
  | 'beacon-bad-tag'
  | 'beacon-alias-taken'
  | 'beacon-undiscovered'
  | 'beacon-too-many'
  | 'pinned-mac';

/** What became of a frame. */
export type BeaconVerdict = BeaconIgnoreReason | 'beacons-heard' | 'beacons-urgent';

/** A host whose beacons stay away by all planes for this many intervals is silent: one that is late is not. */
const SILENT_AFTER = 3;

/** What the neighborhood needs of the core. */
export interface Surroundings {
  readonly registry: Registry;
  readonly outbox: Outbox;
  readonly pinning: Pinning;
  topology(): Topology;
  /** sequence number of our own last beacon */
  sequence(): number;
  follow(path: Path, liveness: Liveness, step: LivenessStep): void;
  /** something that decides on the routes to a peer changed */
  changed(peer: Peer): void;
  /** a peer prefers other planes */
  reordered(peer: Peer): void;
  /** one of our own beacons was heard on another link */
  joined(link: Link, now: number): void;
}

/** The hosts that send beacons: who they are, what they say, and when they are silent. */
export class Neighborhood {
  readonly discovery: Discovery;
  private readonly own: OwnBeacons;
  private readonly speakers: Speakers;
  private readonly voices = new Voices();
  /** hosts of which no beacon comes by any plane, and when each counts as silent if none does until then */
  private readonly fading = new Map<string, number>();

  constructor(private readonly around: Surroundings) {
    this.own = new OwnBeacons(around);
    this.speakers = new Speakers(around.registry);
    this.discovery = new Discovery(around.registry, around.outbox, () => around.topology());
  }

  /** When the next host is silent for too long; infinite for none. */
  get wakeAt(): number {
    return Math.min(...this.fading.values(), this.discovery.wakeAt);
  }

  /** Judges the hosts that are silent. */
  tick(now: number): void {
    for (const [name, at] of this.fading) if (at <= now) this.silence(name, now);
    this.discovery.tick(now);
  }

  /** Takes a frame that was heard on a link; what became of it. */
  take(link: Link, received: ReceivedFrame, credentials: Credentials, now: number): BeaconVerdict {
    const topology = this.around.topology();
    if (received.vlan) return 'vlan-tagged';
    const voice = this.voices.steady(link, received.bytes);
    const sequence = voice && repeatedSequence(voice.beacon, received.bytes);
    if (voice !== undefined && sequence !== undefined)
      return this.takeAgain(voice, sequence, received, credentials, now);
    const beacon = decodeBeacon(received.bytes);
    if (typeof beacon === 'string') return beacon;
    if (beacon.cluster !== topology.cluster) return 'beacon-other-cluster';
    if (beacon.host === topology.host) return this.own.take(link, beacon, received, credentials, now);
    // What costs nothing comes first, and nothing is changed before the tag is known to be good.
    const stated = beacon.links[beacon.sentOn]!;
    if (stated.plane !== topology.planes[link.place.plane]) return 'beacon-wrong-plane';
    if (stated.mac !== beacon.source) return 'beacon-sender-mac';
    const refused =
      this.speakers.refuses(link, beacon, topology.beacon?.expire ?? Number.POSITIVE_INFINITY, now) ??
      refusedBySeal(beacon, received.bytes, credentials.seal);
    if (refused !== undefined) return refused;
    const peer = this.speakers.overtaken(beacon) ?? this.discovery.peerOf(beacon, received, link, now);
    if (typeof peer === 'string') return peer;
    if (this.around.pinning.refuses(this.around.registry.pathOver(link, peer), stated.mac, now))
      return 'pinned-mac';
    this.hear(link, peer, beacon, Math.min(received.at, now), now);
    return beacon.urgent ? 'beacons-urgent' : 'beacons-heard';
  }

  /** Takes a beacon that says what the one before said: with a thousand peers nearly all do. */
  private takeAgain(
    voice: Voice,
    sequence: number,
    received: ReceivedFrame,
    credentials: Credentials,
    now: number,
  ): BeaconVerdict {
    const { beacon } = voice;
    if (voice.path.hearing.isReplayed(beacon.urgent, sequence)) return 'beacon-replayed';
    const refused = refusedBySeal(beacon, received.bytes, credentials.seal);
    if (refused !== undefined) return refused;
    this.listen(voice, sequence, Math.min(received.at, now), now);
    return beacon.urgent ? 'beacons-urgent' : 'beacons-heard';
  }

  /** The beacon that was due by a path didn't come: ask, since beacons hint and ARP judges. */
  lapse(path: Path, now: number): void {
    const since = path.hearing.dueAt - this.around.topology().probe.retry;
    this.stop(path, now);
    this.around.follow(path, path.arp, path.arp.verify(now, 'beacon-silence', since));
    this.tellUnheard(path, now);
  }

  /** A path is down: a far end of which we say no more that we hear it should know at once. By that plane alone it is told. */
  tellUnheard(path: Path, now: number): void {
    if (path.hearing.heardAt === undefined || path.heard || path.withdrawn) return;
    this.around.registry.links.get(path.link)?.beaconing.urge(now);
  }

  /** No beacon is awaited by a path any more. */
  stop(path: Path, now: number): void {
    const { coming } = path.hearing;
    path.hearing.lapse();
    path.arp.ease(undefined, now);
    if (!coming) return;
    const paths = this.around.registry.paths.get(path.peer) ?? [];
    const speaker = this.speakers.named(path.peer.name);
    if (speaker === undefined || paths.some((other) => other.hearing.coming)) return;
    this.fading.set(path.peer.name, now + (SILENT_AFTER - 1) * speaker.interval);
  }

  /** The peers are others now, or beacons are off: forgets what those said that are gone, or all. */
  retain(options: BeaconOptions | undefined, now: number): void {
    const { registry } = this.around;
    this.voices.forget();
    for (const name of this.speakers.retain(options !== undefined, now)) {
      this.fading.delete(name);
      const peer = registry.peerNamed(name);
      if (peer !== undefined) this.unlearn(registry.paths.get(peer) ?? [], now);
    }
  }

  private hear(link: Link, peer: AgentPeer, beacon: BeaconFrame, at: number, now: number): void {
    const path = this.around.registry.pathOver(link, peer);
    if (path === undefined) return;
    const paths = this.around.registry.paths.get(peer)!;
    const speaker = this.speakerOf(peer, paths, beacon, now);
    const known = speaker.stated;
    const stated = known !== undefined && isSameStatement(known, beacon.links) ? known : beacon.links;
    const voice = { link, peer, paths, path, speaker, stated, beacon };
    if (beacon.sequence > speaker.newest) this.voices.remember(voice);
    this.listen(voice, beacon.sequence, at, now);
  }

  private listen(
    { link, peer, paths, path, speaker, stated, beacon }: Voice,
    sequence: number,
    at: number,
    now: number,
  ): void {
    const topology = this.around.topology();
    // A host that has just come, or has come back, need not wait to be asked.
    if (!path.hearing.coming && path.arp.state === 'down') path.arp.revive(now);
    path.hearing.take(beacon.urgent, sequence, at, beacon.interval / 1000 + topology.probe.retry);
    if (sequence > speaker.newest) {
      speaker.newest = sequence;
      if (stated !== speaker.stated) this.takeStatements(peer, paths, beacon, now);
      speaker.stated = stated;
    }
    this.takeBack(link, path, beacon, sequence, at, now);
    path.arp.ease(path.hearing.mutual ? topology.beacon?.verify : undefined, now);
    this.around.registry.agenda.update(path);
  }

  /**
   * Takes what the peer says of hearing us. It leaves us out only once ARP has judged its path to us, so when it says that it has just done so,
   * there is nothing left to ask: the path is down. Where that is no news, because the beacon waited to be read or is a later one that
   * repeats it, the judgement may be outdated; and when our own beacons were late, it may be about us and not about the path. Then ARP judges.
   */
  private takeBack(
    link: Link,
    path: Path,
    beacon: BeaconFrame,
    sequence: number,
    at: number,
    now: number,
  ): void {
    const { aliases, probe } = this.around.topology();
    const self = aliases[0]!;
    if (!path.hearing.takeBack(hears(beacon.heard, self), self, sequence)) return;
    if (beacon.urgent && now - at <= probe.retry && link.beaconing.isPunctual(now)) {
      path.hearing.denied = true;
      this.around.changed(path.peer);
    } else this.around.follow(path, path.arp, path.arp.verify(now, 'not-heard'));
  }

  private speakerOf(peer: Peer, paths: readonly Path[], beacon: BeaconFrame, now: number): Speaker {
    const { epoch } = beacon;
    let speaker = this.speakers.named(peer.name);
    const known = speaker?.epoch === epoch;
    if (speaker === undefined || !known) {
      // Also of one of which nothing is known: what it said before our beacons were off is another run's.
      for (const path of paths) this.forget(path, now);
      speaker = this.speakers.believe(peer.name, epoch, now);
      this.voices.forget();
    }
    speaker.interval = beacon.interval / 1000;
    speaker.former = false;
    this.fading.delete(peer.name);
    if (speaker.silentSince !== undefined) {
      speaker.silentSince = undefined;
      this.discovery.heard(peer);
      this.around.outbox.note('beacons-heard', { peer: peer.name, epoch, restarted: !known });
    }
    return speaker;
  }

  /** The peer has started anew: where its beacons don't come yet, ARP alone tells. */
  private forget(path: Path, now: number): void {
    path.hearing.forget();
    path.arp.ease(undefined, now);
    this.around.registry.agenda.update(path);
  }

  /** What the peer says of its links. One that it doesn't name is one that it doesn't have. */
  private takeStatements(peer: Peer, paths: readonly Path[], beacon: BeaconFrame, now: number): void {
    const { planes } = this.around.topology();
    let reordered = false;
    for (const path of paths) {
      const stated = beacon.links.find(({ plane }) => plane === planes[path.plane]);
      const state = stated?.state ?? 'down';
      const { hearing } = path;
      hearing.state = state;
      if ((state !== 'up') !== path.withdrawn) {
        if (state === 'up') path.restore(now);
        else path.withdraw(now, state === 'drained' ? 'drained' : 'withdrawn');
        this.around.changed(peer);
        this.around.registry.agenda.update(path);
      }
      if (stated === undefined) continue;
      reordered ||= hearing.priority !== stated.priority;
      hearing.priority = stated.priority;
      if (this.around.pinning.refuses(path, stated.mac, now)) continue;
      if (path.learn(stated.mac, now)) this.around.changed(peer);
    }
    if (reordered) this.around.reordered(peer);
  }

  private silence(name: string, now: number): void {
    this.fading.delete(name);
    const speaker = this.speakers.named(name);
    const peer = this.around.registry.peerNamed(name);
    if (speaker === undefined || peer === undefined) return;
    speaker.silentSince = now;
    speaker.stated = undefined;
    // Not before it would be believed with an older epoch: a host that is there all the time keeps its routes.
    this.discovery.silent(peer, now + 2 * speaker.interval);
    // Its agent may be gone for good: its links can come and change without a word.
    this.unlearn(this.around.registry.paths.get(peer) ?? [], now);
    this.around.outbox.note('beacons-lost', { peer: name });
  }

  /** What was said counts no longer; the address is kept as one that was answered from. */
  private unlearn(paths: readonly Path[], now: number): void {
    for (const path of paths) {
      path.hearing.lapse();
      path.unlearn();
      path.arp.ease(undefined, now);
      if (path.withdrawn) {
        path.restore(now);
        this.around.changed(path.peer);
      }
      this.around.registry.agenda.update(path);
    }
  }
}
