import type { Ipv4, Mac, Prefix } from '../wire/address';
import type { KernelStep, KernelTable } from './routing';
import type { Seal } from './seal';
import type { LinkSettings } from './settings';
import type { Topology } from './topology';

/** An interface as the kernel reports it. */
export interface LinkState {
  readonly ifindex: number;
  readonly mac: Mac;
  /** administratively up */
  readonly up: boolean;
  readonly carrier: boolean;
  /** the longest payload of a frame, in bytes; undefined for that of every Ethernet */
  readonly mtu?: number | undefined;
  /** name of the bridge, bond or the like whose part it is; undefined where it is of none */
  readonly master?: string | undefined;
  /** its own addresses, each with the length of its prefix */
  readonly addresses: readonly Prefix[];
}

/** How a received frame was addressed (sll_pkttype). */
export type FrameKind = 'host' | 'broadcast' | 'multicast' | 'otherhost' | 'outgoing';

/** A frame of ARP, or a beacon. */
export interface ReceivedFrame {
  readonly bytes: Uint8Array;
  /** when the kernel received it, in ms of the monotonic clock */
  readonly at: number;
  readonly kind: FrameKind;
  /** carried an 802.1Q tag */
  readonly vlan: boolean;
}

/** What happens to the core. Times are ms of one monotonic clock. */
export type CoreEvent =
  /** an interface of ours changed, appeared, or is gone; `at` is when the kernel said so */
  | {
      readonly type: 'link';
      readonly name: string;
      readonly state: LinkState | undefined;
      readonly at: number;
    }
  | { readonly type: 'frames'; readonly link: string; readonly frames: readonly ReceivedFrame[] }
  /** an echo reply from the target of a far end, received by the kernel at `at` */
  | { readonly type: 'echo'; readonly link: string; readonly source: Ipv4; readonly at: number }
  /** the time that was asked for has come; everything received before has been handed over */
  | { readonly type: 'tick' }
  /** what the kernel holds of ours, read anew */
  | { readonly type: 'kernel'; readonly table: KernelTable }
  /** the settings of the links that exist, read anew */
  | { readonly type: 'settings'; readonly links: ReadonlyMap<string, LinkSettings> }
  /** the operator takes links out of use, until a time in ms, or infinitely */
  | { readonly type: 'drain'; readonly links: readonly string[]; readonly until: number }
  | { readonly type: 'undrain'; readonly links: readonly string[] }
  /** another configuration; `seal` where it has beacons */
  | { readonly type: 'topology'; readonly topology: Topology; readonly seal?: Seal | undefined }
  /** several that were read together: what they lead to is planned once, when all are taken in */
  | { readonly type: 'batch'; readonly events: readonly CoreEvent[] };

/** A frame to send on a link. */
export interface Send {
  readonly link: string;
  readonly frame: Uint8Array;
}

/** An ICMP echo request to send through a link. */
export interface Echo {
  readonly link: string;
  readonly target: Ipv4;
  /** where the answer is to go; undefined leaves the choice to the kernel */
  readonly source: Ipv4 | undefined;
}

/** Frames that are read apart, by what they are: ARP to everybody, ARP to us alone, and beacons. */
export type Voice = 'broadcast' | 'directed' | 'beacons';

/** Whose frames are to be let in on a link: those of these addresses, or everybody's. */
export interface Screen {
  readonly link: string;
  readonly voice: Voice;
  readonly senders: readonly Mac[] | undefined;
}

/** One thing that happened, for the log, the control socket and the operator. */
export interface Note {
  readonly event: string;
  readonly level: 'info' | 'warn' | 'error';
  /** when its cause happened, so that the shell can add how long the effect took; ms of the monotonic clock */
  readonly causedAt?: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What the core wants done, in this order. */
export interface Actions {
  /** what others wait for: that we lost a link */
  readonly hints: readonly Send[];
  readonly steps: readonly KernelStep[];
  readonly sends: readonly Send[];
  readonly echoes: readonly Echo[];
  readonly screens: readonly Screen[];
  readonly notes: readonly Note[];
}
