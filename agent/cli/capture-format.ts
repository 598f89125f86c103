import type { CapturedFrame } from '../../native-bindings/capture';
import { formatIpv4, formatMac } from '../wire/address';
import { type ArpDropReason, type ArpFrame, decodeArp, isAnnouncement } from '../wire/arp';
import { type BeaconDropReason, type BeaconFrame, decodeBeacon } from '../wire/beacon';
import { ETHERNET_HEADER, readMac, readUint16 } from '../wire/ethernet';
import { type BeaconRecord, beaconMeaning, beaconRecord } from './capture-beacon';
import { printable } from './text';

/** EtherTypes of frames that carry a VLAN tag, its length in bytes, and where in it the VLAN's number is (IEEE 802.1Q, 9.5 and 9.6). */
const VLAN_TAGS: readonly number[] = [0x8100, 0x88a8];
const VLAN_TAG = 4;
const VLAN_ID = 0x0fff;
/** How much of a frame that can't be read a person is shown, in bytes: an ARP packet's length. */
const GLIMPSE = 42;

interface FrameRecord {
  /** ISO 8601, UTC */
  readonly time: string;
  readonly link: string;
  /** in bytes */
  readonly length: number;
}

interface AddressedRecord extends FrameRecord {
  readonly destination: string;
  readonly source: string;
}

interface ArpRecord extends AddressedRecord {
  readonly operation: 'request' | 'reply';
  /** whether it announces its sender's own address (gratuitous ARP) */
  readonly announcement: boolean;
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetMac: string;
  readonly targetIp: string;
}

interface DroppedRecord extends FrameRecord {
  /** why an agent ignores it */
  readonly dropped: DropReason;
  /** in hexadecimal */
  readonly bytes: string;
}

/** One captured frame as `--json` shows it. */
export type CaptureRecord = ArpRecord | (AddressedRecord & { readonly beacon: BeaconRecord }) | DroppedRecord;

type DropReason = ArpDropReason | BeaconDropReason | 'vlan-tagged';

type Decoded =
  | { readonly arp: ArpFrame }
  | { readonly beacon: BeaconFrame }
  | { readonly dropped: DropReason };

/** What a frame is to an agent on the link, where beacons have this EtherType. */
function decode(bytes: Uint8Array, beacons: number): Decoded {
  if (bytes.length < ETHERNET_HEADER) return { dropped: 'truncated' };
  const etherType = readUint16(bytes, ETHERNET_HEADER - 2);
  if (VLAN_TAGS.includes(etherType)) return decodeTagged(bytes, beacons);
  if (etherType === beacons) {
    const beacon = decodeBeacon(bytes);
    return typeof beacon === 'string' ? { dropped: beacon } : { beacon };
  }
  const arp = decodeArp(bytes);
  return typeof arp === 'string' ? { dropped: arp } : { arp };
}

/** A tag without a VLAN's number tells a priority alone, and the kernel takes it off. */
function decodeTagged(bytes: Uint8Array, beacons: number): Decoded {
  if (bytes.length < ETHERNET_HEADER + VLAN_TAG) return { dropped: 'truncated' };
  if ((readUint16(bytes, ETHERNET_HEADER) & VLAN_ID) !== 0) return { dropped: 'vlan-tagged' };
  const addresses = bytes.subarray(0, ETHERNET_HEADER - 2);
  return decode(Uint8Array.from([...addresses, ...bytes.subarray(ETHERNET_HEADER - 2 + VLAN_TAG)]), beacons);
}

/** @param beacons their EtherType */
export function recordOf(captured: CapturedFrame, beacons: number): CaptureRecord {
  const { at, interface: link, length, bytes } = captured;
  const frame = { time: at, link, length };
  const decoded = decode(bytes, beacons);
  if ('dropped' in decoded)
    return { ...frame, dropped: decoded.dropped, bytes: Buffer.from(bytes).toString('hex') };
  const addressed = {
    ...frame,
    destination: formatMac(readMac(bytes, 0)),
    source: formatMac(readMac(bytes, 6)),
  };
  return 'beacon' in decoded
    ? { ...addressed, beacon: beaconRecord(decoded.beacon) }
    : { ...addressed, ...arpFields(decoded.arp) };
}

function arpFields(frame: ArpFrame): Omit<ArpRecord, keyof AddressedRecord> {
  return {
    operation: frame.operation,
    announcement: isAnnouncement(frame),
    senderMac: formatMac(frame.senderMac),
    senderIp: formatIpv4(frame.senderIp),
    targetMac: formatMac(frame.targetMac),
    targetIp: formatIpv4(frame.targetIp),
  };
}

/**
 * One frame in a line much like tcpdump's: time of day (UTC), link, addresses, what it says.
 * @param beacons their EtherType
 */
export function formatFrame({ at, interface: link, length, bytes }: CapturedFrame, beacons: number): string {
  const decoded = decode(bytes, beacons);
  const start = `${at.slice(11, 23)} ${printable(link)}`;
  if ('dropped' in decoded) {
    const hex = Buffer.from(bytes.subarray(0, GLIMPSE)).toString('hex');
    return `${start} dropped (${decoded.dropped}), length ${length}: ${hex}`;
  }
  const meaning = 'beacon' in decoded ? beaconMeaning(decoded.beacon) : arpMeaning(decoded.arp);
  return `${start} ${formatMac(readMac(bytes, 6))} > ${formatMac(readMac(bytes, 0))}, ${meaning}, length ${length}`;
}

function arpMeaning(frame: ArpFrame): string {
  const sender = formatIpv4(frame.senderIp);
  const target = formatIpv4(frame.targetIp);
  if (isAnnouncement(frame))
    return `announcement ${sender} is-at ${formatMac(frame.senderMac)} (${frame.operation})`;
  if (frame.operation === 'reply') return `reply ${sender} is-at ${formatMac(frame.senderMac)}`;
  return frame.senderIp === 0 ? `probe who-has ${target}` : `request who-has ${target} tell ${sender}`;
}
