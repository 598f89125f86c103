import type { Mac } from './address';

/** Length of an Ethernet header in bytes: destination, source, EtherType. */
export const ETHERNET_HEADER = 14;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV4 = 0x0800;

export function readUint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset) * 0x10000 + readUint16(bytes, offset + 2);
}

export function readMac(bytes: Uint8Array, offset: number): Mac {
  return (readUint16(bytes, offset) * 0x100000000 + readUint32(bytes, offset + 2)) as Mac;
}

export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  writeUint16(bytes, offset, value >>> 16);
  writeUint16(bytes, offset + 2, value & 0xffff);
}

export function writeMac(bytes: Uint8Array, offset: number, mac: Mac): void {
  writeUint16(bytes, offset, Math.floor(mac / 0x100000000));
  writeUint32(bytes, offset + 2, mac % 0x100000000);
}
