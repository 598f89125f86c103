import type { BeaconFrame } from '../wire/beacon';
import { Conflict } from './conflict';
import type { ReceivedFrame } from './event';
import type { Link } from './link';
import type { BeaconIgnoreReason, Surroundings } from './neighborhood';
import { refusedBySeal } from './seal';
import type { Credentials } from './speaking';

/** Of our own beacons, those at most this many older than the last can still be on their way. */
const ON_THEIR_WAY = 64;

/** Beacons with our own name: those that we sent, and those of another machine that claims to be us. */
export class OwnBeacons {
  private readonly conflict = new Conflict();

  constructor(private readonly around: Pick<Surroundings, 'topology' | 'outbox' | 'sequence' | 'joined'>) {}

  /** Why a beacon with our name is no news of a peer; planes that it shows to be joined are told on. */
  take(
    link: Link,
    beacon: BeaconFrame,
    { bytes }: ReceivedFrame,
    { epoch, seal }: Credentials,
    now: number,
  ): BeaconIgnoreReason {
    if (beacon.epoch < epoch) return 'beacon-older-epoch';
    const refused = refusedBySeal(beacon, bytes, seal);
    if (refused !== undefined) return refused;
    if (beacon.epoch > epoch) {
      this.tellConflict(beacon.host, link, now);
      return 'beacon-own-name';
    }
    if (beacon.sequence < this.around.sequence() - ON_THEIR_WAY) return 'beacon-replayed';
    const { planes } = this.around.topology();
    if (beacon.links[beacon.sentOn]!.plane !== planes[link.place.plane]) this.around.joined(link, now);
    return 'beacon-own';
  }

  private tellConflict(host: string, link: Link, now: number): void {
    if (!this.conflict.defend(now)) return;
    this.around.outbox.note('host-conflict', { host, link: link.name }, 'error');
  }
}
