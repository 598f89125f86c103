import { formatLinkMessage } from 'netlink/dist/rt/structs';
import { AttrStream } from 'netlink/dist/structs';
import type { LinkState } from '../core/event';
import type { Mac } from '../wire/address';
import type { InterfaceAddress } from './alias';
import { Attributes, readUint32 } from './attributes';
import { macIn } from './bytes';
import { bytesOf } from './message';
import { type KernelMessage, RTM, type Rtnetlink } from './rtnetlink';

/** An interface as the kernel reports it. */
export interface Interface {
  readonly ifindex: number;
  readonly name: string;
  readonly mac: Mac;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly mtu: number | undefined;
  /** ifindex of the bridge, bond or the like whose part it is */
  readonly master: number | undefined;
}

const AF_UNSPEC = 0;
/** Length of what every message on an interface begins with (linux/rtnetlink.h, struct ifinfomsg). */
const HEADER = 16;
const IFF_UP = 1;
/** Attributes of an interface (linux/if_link.h). */
const IFLA = { address: 1, name: 3, mtu: 4, master: 10, carrier: 33 } as const;

/** Every interface of this network namespace. */
export function readInterfaces(netlink: Rtnetlink): Interface[] {
  const body = new AttrStream();
  formatLinkMessage({ kind: 'link', data: {}, attrs: {} }, body);
  return netlink
    .dump(RTM.getLink, bytesOf(body), 'reading the interfaces')
    .flatMap((message) => decodeInterface(message) ?? []);
}

/**
 * The interface in a message; undefined where it is not Ethernet's, and for messages of a bridge about its port, which look the same
 * but for the family. Carrier is what the driver says now, not what linkwatch told last.
 */
export function decodeInterface(message: KernelMessage): Interface | undefined {
  const { body } = message;
  if (body.length < HEADER || body[0] !== AF_UNSPEC) return undefined;
  const attributes = new Attributes(body, HEADER);
  const mac = macIn(attributes.bytes(IFLA.address));
  const name = attributes.text(IFLA.name);
  if (name === undefined || mac === undefined) return undefined;
  return {
    ifindex: readUint32(body, 4),
    name,
    mac,
    up: (readUint32(body, 8) & IFF_UP) !== 0,
    carrier: (attributes.number(IFLA.carrier) ?? 0) !== 0,
    mtu: attributes.number(IFLA.mtu),
    // 0 where it has just been released.
    master: attributes.number(IFLA.master) || undefined,
  };
}

/** The interface with its own addresses, as the core takes it. */
export function linkState(
  link: Interface,
  addresses: readonly InterfaceAddress[],
  nameOf: (ifindex: number) => string,
): LinkState {
  const own = addresses.filter(({ device }) => device === link.ifindex);
  return {
    ifindex: link.ifindex,
    mac: link.mac,
    up: link.up,
    carrier: link.carrier,
    mtu: link.mtu,
    master: link.master === undefined ? undefined : nameOf(link.master),
    addresses: own.map(({ address, length }) => ({ address, length })),
  };
}
