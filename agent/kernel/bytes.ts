import { endianness } from 'node:os';
import type { Ipv4, Mac } from '../wire/address';
import { readMac, readUint32, writeMac, writeUint32 } from '../wire/ethernet';

/** Netlink has numbers in the host's order: whether that begins with the least byte. */
export const LITTLE = endianness() === 'LE';

/** Address family of IPv4 (linux/socket.h). */
export const AF_INET = 2;

/** An address as an attribute holds it: four bytes in network order. */
export function ipv4Bytes(address: Ipv4): Buffer {
  const bytes = Buffer.alloc(4);
  writeUint32(bytes, 0, address);
  return bytes;
}

/** The address in an attribute; undefined where the attribute is absent or of another length. */
export function ipv4In(bytes: Uint8Array | undefined): Ipv4 | undefined {
  return bytes?.length === 4 ? (readUint32(bytes, 0) as Ipv4) : undefined;
}

/** A hardware address as an attribute holds it. */
export function macBytes(mac: Mac): Buffer {
  const bytes = Buffer.alloc(6);
  writeMac(bytes, 0, mac);
  return bytes;
}

/** The hardware address in an attribute; undefined where it is absent or not Ethernet's. */
export function macIn(bytes: Uint8Array | undefined): Mac | undefined {
  return bytes?.length === 6 ? readMac(bytes, 0) : undefined;
}
