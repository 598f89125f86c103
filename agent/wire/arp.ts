import { BROADCAST_MAC, type Ipv4, isHostIpv4, isUnicastMac, type Mac, ZERO_MAC } from './address';
import {
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  readMac,
  readUint16,
  readUint32,
  writeMac,
  writeUint16,
  writeUint32,
} from './ethernet';

/** Length of an IPv4-over-Ethernet ARP packet without the Ethernet header, in bytes (RFC 826). */
export const ARP_LENGTH = 28;

/** Shortest Ethernet frame that every card accepts for sending, in bytes without the check sequence (IEEE 802.3). */
export const MINIMUM_FRAME = 60;

export type ArpOperation = 'request' | 'reply';

/** One ARP packet with the Ethernet addresses that carried it. */
export interface ArpFrame {
  readonly destination: Mac;
  readonly source: Mac;
  readonly operation: ArpOperation;
  readonly senderMac: Mac;
  readonly senderIp: Ipv4;
  readonly targetMac: Mac;
  readonly targetIp: Ipv4;
}

/** Why a frame is not an ARP packet that we can use. Each is a counter in the status. */
export type ArpDropReason =
  | 'truncated'
  | 'ethertype'
  | 'hardware-type'
  | 'protocol-type'
  | 'address-length'
  | 'operation'
  | 'sender-mac'
  | 'sender-mac-mismatch'
  | 'sender-ip';

const HARDWARE_ETHERNET = 1;
const OPERATIONS: readonly (ArpOperation | undefined)[] = [undefined, 'request', 'reply'];

/**
 * The ARP packet in an Ethernet frame, or the reason why it holds none that we can use (RFC 826; sender checks as in
 * RFC 5227, 1.1). Lengths are checked before a byte is read. Padding behind the packet is ignored.
 */
export function decodeArp(bytes: Uint8Array): ArpFrame | ArpDropReason {
  if (bytes.length < ETHERNET_HEADER + ARP_LENGTH) return 'truncated';
  if (readUint16(bytes, 12) !== ETHERTYPE_ARP) return 'ethertype';
  if (readUint16(bytes, 14) !== HARDWARE_ETHERNET) return 'hardware-type';
  if (readUint16(bytes, 16) !== ETHERTYPE_IPV4) return 'protocol-type';
  if (bytes[18] !== 6 || bytes[19] !== 4) return 'address-length';
  const operation = OPERATIONS[readUint16(bytes, 20)];
  if (operation === undefined) return 'operation';
  const source = readMac(bytes, 6);
  const senderMac = readMac(bytes, 22);
  if (!isUnicastMac(senderMac)) return 'sender-mac';
  // Proxies answer from other addresses; a host of the cluster never does, and a forger often forgets.
  if (senderMac !== source) return 'sender-mac-mismatch';
  const senderIp = readUint32(bytes, 28) as Ipv4;
  // 0.0.0.0 is the sender of an address probe (RFC 5227, 2.1.1).
  if (senderIp !== 0 && !isHostIpv4(senderIp)) return 'sender-ip';
  return {
    destination: readMac(bytes, 0),
    source,
    operation,
    senderMac,
    senderIp,
    targetMac: readMac(bytes, 32),
    targetIp: readUint32(bytes, 38) as Ipv4,
  };
}

/** The Ethernet frame of an ARP packet, padded with zeros to {@link MINIMUM_FRAME} bytes. */
export function encodeArp(frame: ArpFrame): Uint8Array {
  const bytes = new Uint8Array(MINIMUM_FRAME);
  writeMac(bytes, 0, frame.destination);
  writeMac(bytes, 6, frame.source);
  writeUint16(bytes, 12, ETHERTYPE_ARP);
  writeUint16(bytes, 14, HARDWARE_ETHERNET);
  writeUint16(bytes, 16, ETHERTYPE_IPV4);
  bytes[18] = 6;
  bytes[19] = 4;
  writeUint16(bytes, 20, frame.operation === 'request' ? 1 : 2);
  writeMac(bytes, 22, frame.senderMac);
  writeUint32(bytes, 28, frame.senderIp);
  writeMac(bytes, 32, frame.targetMac);
  writeUint32(bytes, 38, frame.targetIp);
  return bytes;
}

/** A request for `targetIp`, unicast to `to` where the address is known (RFC 1122, 2.3.2.1), else broadcast. */
export function arpRequest(from: Mac, senderIp: Ipv4, targetIp: Ipv4, to?: Mac): ArpFrame {
  return {
    destination: to ?? BROADCAST_MAC,
    source: from,
    operation: 'request',
    senderMac: from,
    senderIp,
    targetMac: ZERO_MAC,
    targetIp,
  };
}

/** The answer to `request`: `address` is at `mac`. */
export function arpReply(request: ArpFrame, mac: Mac): ArpFrame {
  return {
    destination: request.senderMac,
    source: mac,
    operation: 'reply',
    senderMac: mac,
    senderIp: request.targetIp,
    targetMac: request.senderMac,
    targetIp: request.senderIp,
  };
}

/**
 * An ARP announcement (RFC 5227, 2.3): a broadcast request whose sender and target are both `address`. The request form,
 * because Linux lets it replace an entry younger than `locktime` (net/ipv4/arp.c, arp_process).
 */
export function arpAnnouncement(mac: Mac, address: Ipv4): ArpFrame {
  return arpRequest(mac, address, address);
}

/** Whether a packet announces its sender's own address, in the request or in the reply form. */
export function isAnnouncement(frame: ArpFrame): boolean {
  return frame.senderIp === frame.targetIp && frame.senderIp !== 0;
}
