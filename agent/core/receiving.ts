import type { Ipv4, Mac } from '../wire/address';
import { type ArpDropReason, type ArpFrame, decodeArp, isAnnouncement } from '../wire/arp';
import type { ReceivedFrame } from './event';
import type { Path } from './path';

/** Why a frame changed nothing. Each is a counter in the status. */
export type IgnoreReason =
  | ArpDropReason
  | 'vlan-tagged'
  | 'not-for-us'
  | 'own-frame'
  | 'own-mac'
  | 'unknown-sender'
  | 'unsolicited'
  | 'foreign-mac'
  | 'pinned-mac'
  | 'other-target';

/** What a received frame means to us. */
export type Meaning =
  | { readonly type: 'ignored'; readonly reason: IgnoreReason }
  /** one of our own frames came back on another link: the planes are joined */
  | { readonly type: 'joined' }
  /** another host sends from one of our aliases */
  | { readonly type: 'conflict'; readonly frame: ArpFrame }
  /** somebody asks for one of our aliases */
  | { readonly type: 'question'; readonly frame: ArpFrame }
  /** a peer announces itself */
  | { readonly type: 'hint'; readonly frame: ArpFrame }
  /** a peer answers a request of ours */
  | { readonly type: 'answer'; readonly frame: ArpFrame; readonly path: Path };

/** What is needed to tell them apart. */
export interface Receiver {
  readonly aliases: readonly Ipv4[];
  /** our link's own address; undefined while it doesn't exist */
  readonly mac: Mac | undefined;
  /** whether a hardware address is of one of our links */
  isOurs(mac: Mac): boolean;
  /** whether an address is an alias of ours, or one of our links' own */
  isOwnAddress(address: Ipv4): boolean;
  /** whether an address is an alias of a peer */
  isPeer(address: Ipv4): boolean;
  /** the path over this link that asks for an address */
  pathTo(address: Ipv4): Path | undefined;
  /** whether we ask from this address on this link */
  asksFrom(address: Ipv4): boolean;
  /** whether nobody is believed to be at this address on this link who sends from that hardware address */
  refuses(address: Ipv4, mac: Mac): boolean;
}

const ignored = (reason: IgnoreReason): Meaning => ({ type: 'ignored', reason });

/** What a frame means; every frame that means nothing has a named reason. */
export function meaningOf(received: ReceivedFrame, receiver: Receiver): Meaning {
  if (received.vlan) return ignored('vlan-tagged');
  if (received.kind === 'otherhost' || received.kind === 'outgoing') return ignored('not-for-us');
  const frame = decodeArp(received.bytes);
  if (typeof frame === 'string') return ignored(frame);
  if (receiver.isOurs(frame.senderMac)) {
    if (receiver.mac === frame.senderMac) return ignored('own-frame');
    return isBroadcastByUs(received, frame, receiver) ? { type: 'joined' } : ignored('own-mac');
  }
  if (receiver.aliases.includes(frame.senderIp)) return { type: 'conflict', frame };
  if (receiver.refuses(frame.senderIp, frame.senderMac)) return ignored('pinned-mac');
  if (isAnnouncement(frame))
    return receiver.isPeer(frame.senderIp) ? { type: 'hint', frame } : ignored('unknown-sender');
  if (frame.operation === 'request') {
    return receiver.aliases.includes(frame.targetIp) ? { type: 'question', frame } : ignored('other-target');
  }
  return meaningOfReply(frame, received.at, receiver);
}

/**
 * Whether it is what our other links broadcast: announcements of our aliases, and requests from an alias or from a link's own address.
 * Answers are unicast, and so are requests to known addresses. Whoever forges all of that can't be told from us: only beacons are signed.
 */
function isBroadcastByUs({ kind }: ReceivedFrame, frame: ArpFrame, receiver: Receiver): boolean {
  return kind === 'broadcast' && frame.operation === 'request' && receiver.isOwnAddress(frame.senderIp);
}

function meaningOfReply(frame: ArpFrame, at: number, receiver: Receiver): Meaning {
  const path = receiver.pathTo(frame.senderIp);
  if (path === undefined) return ignored('unknown-sender');
  if (!receiver.asksFrom(frame.targetIp)) return ignored('other-target');
  if (!path.arp.awaits(at)) return ignored('unsolicited');
  const { expects } = path.arp;
  if (expects !== undefined && expects !== frame.senderMac) return ignored('foreign-mac');
  return { type: 'answer', frame, path };
}
