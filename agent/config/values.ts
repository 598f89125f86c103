import * as z from 'zod/mini';
import {
  type Ipv4,
  isHostIpv4,
  isUnicastMac,
  type Mac,
  type Prefix,
  parseIpv4,
  parseMac,
  parsePrefix,
} from '../wire/address';
import { Fault, show } from './fault';
import { formatTime, parseTime } from './time';

/**
 * The schema of one scalar. The parser gets whatever the file holds, undefined where the key is absent, and says itself
 * what is wrong, so that every message names the mend.
 */
export function scalar<T>(parse: (value: unknown) => T | Fault, missing: string) {
  return z.pipe(
    z.unknown(),
    z.transform((value, context): T => {
      let result: T | Fault;
      if (value === undefined) result = new Fault('is missing', missing);
      else if (value === null) result = new Fault('has no value', missing);
      else result = parse(value);
      if (!(result instanceof Fault)) return result;
      context.issues.push({
        code: 'custom',
        input: value,
        message: result.message,
        params: { mend: result.mend },
      });
      return z.NEVER;
    }),
  );
}

/** A time between two bounds, in ms; both are allowed. `words` are written instead of a time, such as `off`. */
export function time(least: number, most: number, words: Readonly<Record<string, number>> = {}) {
  const range = `write a time from ${formatTime(least)} to ${formatTime(most)}`;
  const choice = [range, ...Object.keys(words)].join(', or ');
  return scalar((value) => {
    if (typeof value === 'string' && Object.hasOwn(words, value)) return words[value]!;
    // YAML 1.1 reads `off` as false, and so do some editors that rewrite files.
    if (value === false && Object.hasOwn(words, 'off')) return words.off!;
    const ms = parseTime(value);
    if (ms instanceof Fault) return ms;
    return ms >= least && ms <= most ? ms : new Fault(`${value} is out of range`, choice);
  }, choice);
}

/** A whole number between two bounds; both are allowed. */
export function whole(least: number, most: number) {
  const range = `write a whole number from ${least} to ${most}`;
  return scalar((value) => {
    if (typeof value !== 'number' || !Number.isInteger(value))
      return new Fault(`${show(value)} is not a whole number`, range);
    return value >= least && value <= most ? value : new Fault(`${value} is out of range`, range);
  }, range);
}

/** EtherTypes of frames that the kernel itself takes (linux/if_ether.h). */
const TAKEN_ETHER_TYPES: Readonly<Record<number, string>> = {
  2048: 'IPv4',
  2054: 'ARP',
  34525: 'IPv6',
  33024: 'VLAN tags',
  34984: 'VLAN tags of providers',
};

/** A number from 0x0600, below which it is a length (IEEE 802.3, 3.2.6), that names a protocol of our own. */
export function etherType() {
  const mend = 'write a number from 0x0600 to 0xffff that no other protocol uses, such as 0x88B5';
  return scalar((value): number | Fault => {
    if (typeof value !== 'number' || !Number.isInteger(value))
      return new Fault(`${show(value)} is not a whole number`, mend);
    if (value < 0x0600 || value > 0xffff) return new Fault(`${value} is out of range`, mend);
    const owner = TAKEN_ETHER_TYPES[value];
    if (owner === undefined) return value;
    return new Fault(`0x${value.toString(16).padStart(4, '0')} belongs to ${owner}`, mend);
  }, mend);
}

export function yesOrNo() {
  const mend = 'write true or false';
  return scalar(
    (value) =>
      typeof value === 'boolean' ? value : new Fault(`${show(value)} is neither true nor false`, mend),
    mend,
  );
}

export function oneOf<T extends string>(...words: readonly T[]) {
  const mend = `write ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return scalar((value): T | Fault => {
    const word = words.find((one) => one === value);
    return word ?? new Fault(`${show(value)} is not one of its values`, mend);
  }, mend);
}

/** Why `text` cannot name a cluster, a host or a plane, or undefined where it can. */
export function nameFault(value: unknown, longest: number): Fault | undefined {
  const mend = `write a name of up to ${longest} letters, digits, '-', '_' and '.', beginning with a letter or a digit`;
  if (typeof value !== 'string')
    return new Fault(`${show(value)} is not a text`, 'put it in quotes if it is the name');
  if (value.length <= longest && /^[a-z0-9][a-z0-9._-]*$/i.test(value)) return undefined;
  return new Fault(`${show(value)} is not a usable name`, mend);
}

/** What can be the name of a congestion control: up to 15 bytes (TCP_CA_NAME_MAX less the final zero, include/net/tcp.h). */
export function congestionControl() {
  const mend = 'write the name of one that the kernel has, such as cubic';
  return scalar((value): string | Fault => {
    const good = typeof value === 'string' && /^[a-z0-9_-]{1,15}$/i.test(value);
    return good ? value : new Fault(`${show(value)} is no name of a congestion control`, mend);
  }, mend);
}

export function name(longest: number, missing: string) {
  return scalar((value) => nameFault(value, longest) ?? (value as string), missing);
}

/** An address that a host can have (RFC 1122, 3.2.1.3). */
export function hostAddress() {
  const mend = 'write an IPv4 address, such as 10.78.0.1';
  return scalar((value): Ipv4 | Fault => {
    const address = typeof value === 'string' ? parseIpv4(value) : undefined;
    if (address === undefined) return new Fault(`${show(value)} is not an IPv4 address`, mend);
    if (isHostIpv4(address)) return address;
    return new Fault(
      `${value} is no address that a host can have`,
      'choose one outside 0/8, 127/8 and 224/3',
    );
  }, mend);
}

export function prefix() {
  const mend = 'write a network and its length, such as 192.0.2.0/24';
  return scalar((value): Prefix | Fault => {
    const parsed = typeof value === 'string' ? parsePrefix(value) : undefined;
    return (
      parsed ?? new Fault(`${show(value)} is not an IPv4 prefix, or has bits set beyond its length`, mend)
    );
  }, mend);
}

/** The hardware address of a card. */
export function hardwareAddress() {
  const mend = 'write the hardware address of its card there, such as 02:00:5e:10:00:01';
  return scalar((value): Mac | Fault => {
    const mac = typeof value === 'string' ? parseMac(value) : undefined;
    if (mac === undefined) return new Fault(`${show(value)} is not a hardware address`, mend);
    return isUnicastMac(mac) ? mac : new Fault(`${value} is no address that a card can have`, mend);
  }, mend);
}

/** An interface name by the kernel's rule (net/core/dev.c, dev_valid_name), and not the loopback interface. */
export function interfaceName() {
  const mend = "write an interface's name, such as eth0";
  return scalar((value): string | Fault => {
    if (typeof value !== 'string')
      return new Fault(`${show(value)} is not a text`, 'put it in quotes if it is the name');
    if (value === 'lo') return new Fault('lo is the loopback interface', 'name a card that is on this plane');
    const bytes = Buffer.byteLength(value);
    const bad = bytes < 1 || bytes > 15 || value === '.' || value === '..' || /[/:\s]/.test(value);
    if (bad)
      return new Fault(
        `${show(value)} is no interface name`,
        "write 1 to 15 bytes without '/', ':' and spaces",
      );
    return value;
  }, mend);
}

/** A file by its absolute path, since the daemon's working directory is nobody's business. `longest` is in bytes. */
export function absolutePath(longest: number) {
  const mend = `write an absolute path of at most ${longest} bytes`;
  return scalar((value): string | Fault => {
    const good = typeof value === 'string' && value.startsWith('/') && Buffer.byteLength(value) <= longest;
    return good && !value.includes('\0') ? value : new Fault(`${show(value)} is not usable as a path`, mend);
  }, mend);
}
