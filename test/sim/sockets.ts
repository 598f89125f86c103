import type { ReceivedFrame, Screen, Voice } from '../../agent/core/event';
import type { Mac } from '../../agent/wire/address';
import { FLAGS_OFFSET, URGENT } from '../../agent/wire/beacon';
import { ETHERTYPE_ARP, readMac, readUint16 } from '../../agent/wire/ethernet';

/** Frames that a socket holds; more are dropped. Room for the longest pause of a schedule. */
const ROOM = 8192;

/** The sockets on one link, in the order in which they are read: agent/wires.ts. */
const ROLES = ['urgent', 'arp', 'steady'] as const;
type Role = (typeof ROLES)[number];

/** An agent's packet sockets on all its links. */
export class Sockets {
  private readonly waiting = new Map<Role, Map<string, ReceivedFrame[]>>(
    ROLES.map((role) => [role, new Map()]),
  );
  /** whose frames alone are let in, by link and voice */
  private readonly screens = new Map<string, ReadonlySet<Mac>>();

  constructor(
    private readonly links: readonly string[],
    /** of the beacons that are received; undefined for none */
    private etherType: number | undefined,
  ) {}

  /** Receives other beacons from now on; those that wait are nobody's. */
  use(etherType: number | undefined): void {
    if (etherType === this.etherType) return;
    this.etherType = etherType;
    for (const role of ['urgent', 'steady'] as const) this.waiting.get(role)!.clear();
  }

  /** Takes a frame that arrives on a link; whether it wakes the agent: steady beacons wait until something else does. */
  take(link: string, received: ReceivedFrame): boolean {
    const role = this.roleOf(received.bytes);
    if (role === undefined || this.isKeptOut(link, role, received.bytes)) return false;
    const byLink = this.waiting.get(role)!;
    const frames = byLink.get(link);
    if (frames === undefined) byLink.set(link, [received]);
    else if (frames.length < ROOM) frames.push(received);
    return role !== 'steady';
  }

  /** Everything that was received, in up to three parts: the urgent beacons of all links first, the steady ones last. */
  *receive(): Generator<readonly (readonly [link: string, frames: readonly ReceivedFrame[]])[], void> {
    for (const role of ROLES) {
      const byLink = this.waiting.get(role)!;
      if (byLink.size === 0) continue;
      this.waiting.set(role, new Map());
      yield this.links.flatMap((link): [string, ReceivedFrame[]][] => {
        const frames = byLink.get(link);
        return frames === undefined ? [] : [[link, frames]];
      });
    }
  }

  /** Lets in the frames of some senders from now on, or everybody's. */
  screen({ link, voice, senders }: Screen): void {
    if (senders === undefined) this.screens.delete(`${link} ${voice}`);
    else this.screens.set(`${link} ${voice}`, new Set(senders));
  }

  private isKeptOut(link: string, role: Role, bytes: Uint8Array): boolean {
    const directed = (bytes[0]! & 1) === 0;
    const arp: Voice = directed ? 'directed' : 'broadcast';
    const screen = this.screens.get(`${link} ${role === 'arp' ? arp : 'beacons'}`);
    return screen !== undefined && !screen.has(readMac(bytes, 6));
  }

  private roleOf(bytes: Uint8Array): Role | undefined {
    const etherType = readUint16(bytes, 12);
    if (etherType === ETHERTYPE_ARP) return 'arp';
    if (etherType !== this.etherType) return undefined;
    return (bytes[FLAGS_OFFSET]! & URGENT) === 0 ? 'steady' : 'urgent';
  }
}
