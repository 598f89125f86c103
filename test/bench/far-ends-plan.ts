import type { Ipv4, Mac } from '../../agent/wire/address';

/** Far ends in one 10.78.N.0/24. */
const OCTET = 250;
const FIRST_SUBNET = 0x0a4e0100;
/** Locally administered, apart from those of the lab's own cards: 02:77:00:PLANE:FAR:END. */
const FIRST_MAC = 0x027700000000;

/** @returns the alias of the n-th far end, counted from 0: 10.78.1.1 and so on */
export function aliasOf(farEnd: number): Ipv4 {
  return (FIRST_SUBNET + Math.floor(farEnd / OCTET) * 256 + 1 + (farEnd % OCTET)) as Ipv4;
}

/** @returns which far end has an alias; undefined for none of the first `count` */
export function farEndOf(alias: Ipv4, count: number): number | undefined {
  const offset = alias - FIRST_SUBNET;
  const farEnd = Math.floor(offset / 256) * OCTET + (offset % 256) - 1;
  return farEnd >= 0 && farEnd < count && aliasOf(farEnd) === alias ? farEnd : undefined;
}

/** @returns its host name */
export function nameOf(farEnd: number): string {
  return `peer${farEnd + 1}`;
}

/** @returns the address of its card on the n-th plane, counted from 0 */
export function macOf(farEnd: number, plane: number): Mac {
  return (FIRST_MAC + plane * 0x10000 + farEnd) as Mac;
}
