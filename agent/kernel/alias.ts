import { formatAddressMessage } from 'netlink/dist/rt/structs';
import { AttrStream } from 'netlink/dist/structs';
import type { Alias } from '../core/routing';
import { formatIpv4, type Ipv4 } from '../wire/address';
import { Attributes, readUint32 } from './attributes';
import { AF_INET, ipv4Bytes, ipv4In } from './bytes';
import { bytesOf } from './message';
import { FLAG, type KernelMessage, type KernelRequest, RTM, type Rtnetlink } from './rtnetlink';

/** The loopback interface has ifindex 1 in every network namespace (net/core/dev.c, LOOPBACK_IFINDEX). */
export const LOOPBACK = 1;

/** An address is ours if it has this label, with a number behind it. */
export const LABEL = 'lo:mh';

/** Length of what every message on an address begins with (linux/if_addr.h, struct ifaddrmsg), and its attributes. */
const HEADER = 8;
const IFA = { address: 1, local: 2, label: 3 } as const;

/** An IPv4 address of an interface. */
export interface InterfaceAddress {
  readonly device: number;
  readonly address: Ipv4;
  /** prefix length, 0 to 32 */
  readonly length: number;
  readonly label: string;
}

/** The request that binds an alias to the loopback interface, labelled `lo:mh0`, `lo:mh1` and so on. */
export function addAlias(address: Ipv4, index: number): KernelRequest {
  const doing = `binding the alias ${formatIpv4(address)}`;
  return {
    type: RTM.newAddress,
    flags: FLAG.create | FLAG.exclusive,
    body: encodeAlias(address, index),
    doing,
  };
}

export function removeAlias(address: Ipv4): KernelRequest {
  const doing = `removing the alias ${formatIpv4(address)}`;
  return { type: RTM.delAddress, flags: 0, body: encodeAlias(address, undefined), doing };
}

/** Every IPv4 address of every interface. */
export function readAddresses(netlink: Rtnetlink): InterfaceAddress[] {
  const body = new AttrStream();
  formatAddressMessage({ kind: 'address', data: { family: AF_INET }, attrs: {} }, body);
  return netlink
    .dump(RTM.getAddress, bytesOf(body), 'reading the addresses')
    .flatMap((message) => decodeAddress(message) ?? []);
}

/** The addresses on the loopback interface; those with our label that this cluster has, or had, are ours. */
export function aliasesAmong(addresses: readonly InterfaceAddress[], known: ReadonlySet<Ipv4>): Alias[] {
  return addresses
    .filter(({ device, length }) => device === LOOPBACK && length === 32)
    .map(({ address, label }) => ({ address, ours: label.startsWith(LABEL) && known.has(address) }));
}

export function decodeAddress(message: KernelMessage): InterfaceAddress | undefined {
  const { body } = message;
  if (body.length < HEADER || body[0] !== AF_INET) return undefined;
  const attributes = new Attributes(body, HEADER);
  const address = ipv4In(attributes.bytes(IFA.local)) ?? ipv4In(attributes.bytes(IFA.address));
  if (address === undefined) return undefined;
  return { device: readUint32(body, 4), address, length: body[1]!, label: attributes.text(IFA.label) ?? '' };
}

function encodeAlias(address: Ipv4, index: number | undefined): Buffer {
  const bytes = ipv4Bytes(address);
  const label = index === undefined ? {} : { label: `${LABEL}${index}` };
  const body = new AttrStream();
  formatAddressMessage(
    {
      kind: 'address',
      data: { family: AF_INET, prefixlen: 32, scope: 0, index: LOOPBACK },
      attrs: { local: bytes, address: bytes, ...label },
    },
    body,
  );
  return bytesOf(body);
}
