import { formatMac, type Mac } from '../wire/address';
import { Conflict } from './conflict';
import type { Outbox } from './outbox';
import type { Path } from './path';

/** Frames that claim to be a peer's, from another hardware address than the file gives it on that plane. */
export class Pinning {
  /** when it was told of each path last */
  private readonly told = new WeakMap<Path, Conflict>();

  constructor(
    private readonly outbox: Outbox,
    /** names of the planes */
    private readonly planes: () => readonly string[],
  ) {}

  /** Whether an address is one from which the peer is not believed by this path; the operator is told each 10 s at most. */
  refuses(path: Path | undefined, mac: Mac, now: number): boolean {
    if (path?.fixed === undefined || path.fixed === mac) return false;
    // On joined planes what its other cards broadcast is heard here as well.
    if ([...(path.peer.macs?.values() ?? [])].includes(mac)) return false;
    let told = this.told.get(path);
    if (told === undefined) {
      told = new Conflict();
      this.told.set(path, told);
    }
    if (!told.defend(now)) return true;
    const { peer, plane, link, fixed } = path;
    const fields = { peer: peer.name, plane: this.planes()[plane], link };
    this.outbox.note('mac-refused', { ...fields, mac: formatMac(mac), expected: formatMac(fixed) }, 'error');
    return true;
  }
}
