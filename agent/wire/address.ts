/** An IPv4 address as an unsigned 32-bit number, most significant octet first (10.0.0.1 is 0x0a000001). */
export type Ipv4 = number & { readonly brand: 'ipv4' };

/** An Ethernet (MAC) address as an unsigned 48-bit number, first octet on the wire most significant. */
export type Mac = number & { readonly brand: 'mac' };

/** An IPv4 prefix; the bits of `address` beyond `length` are zero. */
export interface Prefix {
  readonly address: Ipv4;
  /** 0 to 32 */
  readonly length: number;
}

export const BROADCAST_MAC = 0xffffffffffff as Mac;
export const ZERO_MAC = 0 as Mac;
export const ZERO_IPV4 = 0 as Ipv4;

const OCTET = /^(0|[1-9][0-9]{0,2})$/;

/** The address that a dotted quad names, or undefined where it names none (leading zeros, octets over 255). */
export function parseIpv4(text: string): Ipv4 | undefined {
  const octets = text.split('.');
  if (octets.length !== 4) return undefined;
  let value = 0;
  for (const octet of octets) {
    if (!OCTET.test(octet) || Number(octet) > 255) return undefined;
    value = value * 256 + Number(octet);
  }
  return value as Ipv4;
}

/** The dotted quad of an address. */
export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** The prefix that `10.0.0.0/8` names, or undefined: wrong form, length over 32, or bits set beyond the length. */
export function parsePrefix(text: string): Prefix | undefined {
  const [quad = '', bits = '', ...rest] = text.split('/');
  const address = parseIpv4(quad);
  if (address === undefined || rest.length > 0 || !/^(0|[1-9][0-9]?)$/.test(bits) || Number(bits) > 32)
    return undefined;
  const prefix = { address, length: Number(bits) };
  return maskOf(prefix.length, address) === address ? prefix : undefined;
}

/** `10.0.0.0/8`; `short` leaves out `/32`, as `ip route` does. */
export function formatPrefix(prefix: Prefix, short = false): string {
  if (short && prefix.length === 32) return formatIpv4(prefix.address);
  return `${formatIpv4(prefix.address)}/${prefix.length}`;
}

/** Whether `address` lies in `prefix`. */
export function contains(prefix: Prefix, address: Ipv4): boolean {
  return maskOf(prefix.length, address) === prefix.address;
}

function maskOf(length: number, address: Ipv4): Ipv4 {
  // A shift by 32 is a shift by 0 in JavaScript, so length 0 stands apart.
  return (length === 0 ? 0 : (address & (-1 << (32 - length))) >>> 0) as Ipv4;
}

/** The address that `02:00:5e:10:00:01` names (either case), or undefined. */
export function parseMac(text: string): Mac | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Number.parseInt(text.replaceAll(':', ''), 16) as Mac;
}

/** Six lower-case octets with colons. */
export function formatMac(mac: Mac): string {
  return mac
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?=.)/g, '$&:');
}

/** Whether a card can have this address: not zero, and not a group address (IEEE 802.3, 3.2.3). */
export function isUnicastMac(mac: Mac): boolean {
  return mac !== 0 && (Math.floor(mac / 0x10000000000) & 1) === 0;
}

/** Whether a host can have this address: not 0/8, loopback, multicast or class E (RFC 1122, 3.2.1.3). */
export function isHostIpv4(address: Ipv4): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}
