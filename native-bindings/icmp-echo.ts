/** ICMP echo over IPv4 (RFC 792): bytes and values, no socket. */

const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;
const HEADER = 8;
/** As much payload as ping sends, in bytes: filters on the way know it. */
const PAYLOAD = 56;
const IPV4_MINIMUM_HEADER = 20;
const PROTOCOL_ICMP = 1;
/** Linux's own default (net.ipv4.ip_default_ttl). */
const HOPS = 64;

/** An echo reply that is whole and ours. */
export interface EchoReply {
  /** dotted quad of the host that answered */
  readonly source: string;
  /** 16 bit */
  readonly sequence: number;
}

/** Why a packet is not an answer to us. */
export type EchoDropReason =
  | 'truncated'
  | 'version'
  | 'protocol'
  | 'type'
  | 'code'
  | 'identifier'
  | 'checksum';

/** The Internet checksum (RFC 1071): over a packet that holds its own checksum the result is 0. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) sum += (bytes[index]! << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An echo request without its IP header. Both numbers are 16 bit. */
export function encodeEcho(identifier: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(HEADER + PAYLOAD);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ECHO_REQUEST);
  view.setUint16(4, identifier);
  view.setUint16(6, sequence);
  view.setUint16(2, internetChecksum(bytes));
  return bytes;
}

/**
 * A whole IPv4 packet around an ICMP message (RFC 791), for a raw socket with IP_HDRINCL. Length and checksum are left to the kernel, and
 * the source as well where none is given (raw(7)). Addresses are dotted quads.
 */
export function encodeIpv4(message: Uint8Array, target: string, source = '0.0.0.0'): Uint8Array {
  const bytes = new Uint8Array(IPV4_MINIMUM_HEADER + message.length);
  bytes[0] = (4 << 4) | (IPV4_MINIMUM_HEADER / 4);
  bytes[8] = HOPS;
  bytes[9] = PROTOCOL_ICMP;
  bytes.set(source.split('.').map(Number), 12);
  bytes.set(target.split('.').map(Number), 16);
  bytes.set(message, IPV4_MINIMUM_HEADER);
  return bytes;
}

/** The reply to `identifier` in a packet that starts with its IPv4 header, or the reason why it holds none. */
export function decodeEchoReply(packet: Uint8Array, identifier: number): EchoReply | EchoDropReason {
  if (packet.length < IPV4_MINIMUM_HEADER) return 'truncated';
  if (packet[0]! >>> 4 !== 4) return 'version';
  if (packet[9] !== PROTOCOL_ICMP) return 'protocol';
  const headerLength = (packet[0]! & 0xf) * 4;
  const total = (packet[2]! << 8) | packet[3]!;
  if (headerLength < IPV4_MINIMUM_HEADER || total < headerLength + HEADER || total > packet.length)
    return 'truncated';
  const message = packet.subarray(headerLength, total);
  if (message[0] !== ECHO_REPLY) return 'type';
  if (message[1] !== 0) return 'code';
  if (((message[4]! << 8) | message[5]!) !== identifier) return 'identifier';
  if (internetChecksum(message) !== 0) return 'checksum';
  return { source: packet.subarray(12, 16).join('.'), sequence: (message[6]! << 8) | message[7]! };
}
