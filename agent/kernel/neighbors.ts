import { formatNeighborMessage, type NeighborAttrs } from 'netlink/dist/rt/structs';
import { AttrStream } from 'netlink/dist/structs';
import type { Neighbor } from '../core/routing';
import { formatIpv4 } from '../wire/address';
import { Attributes, readUint16, readUint32 } from './attributes';
import { AF_INET, ipv4Bytes, ipv4In, macBytes, macIn } from './bytes';
import { bytesOf } from './message';
import { FLAG, type KernelMessage, type KernelRequest, RTM, type Rtnetlink } from './rtnetlink';

/** Length of what every message on a neighbor begins with (linux/neighbour.h, struct ndmsg), and its attributes. */
const HEADER = 12;
const NDA = { destination: 1, mac: 2, protocol: 12 } as const;
const NUD_PERMANENT = 0x80;

/** A neighbor entry and who made it (NDA_PROTOCOL, net/core/neighbour.c). */
export interface StandingNeighbor extends Neighbor {
  readonly protocol: number;
  readonly permanent: boolean;
}

/** The request that sets a permanent entry of ours. It replaces what is there: the kernel's own, which is for the same peer, or ours. */
export function setNeighbor(neighbor: Neighbor, protocol: number, device: string): KernelRequest {
  const flags = FLAG.create | FLAG.replace;
  const doing = `setting the neighbor ${formatIpv4(neighbor.address)} on ${device}`;
  return { type: RTM.newNeighbor, flags, body: encodeNeighbor(neighbor, protocol), doing };
}

export function removeNeighbor(neighbor: Neighbor, device: string): KernelRequest {
  const doing = `removing the neighbor ${formatIpv4(neighbor.address)} on ${device}`;
  return { type: RTM.delNeighbor, flags: 0, body: encodeNeighbor(neighbor, undefined), doing };
}

/** The permanent entries: those that carry our protocol number, and those of others, which are theirs. */
export function readNeighbors(
  netlink: Rtnetlink,
  protocol: number,
): { readonly ours: Neighbor[]; readonly others: Neighbor[] } {
  const body = new AttrStream();
  formatNeighborMessage({ kind: 'neighbor', data: { family: AF_INET }, attrs: {} }, body);
  const permanent = netlink
    .dump(RTM.getNeighbor, bytesOf(body), 'reading the neighbor entries')
    .flatMap((message) => decodeNeighbor(message) ?? [])
    .filter((neighbor) => neighbor.permanent);
  const plain = ({ device, address, mac }: StandingNeighbor): Neighbor => ({ device, address, mac });
  return {
    ours: permanent.filter((neighbor) => neighbor.protocol === protocol).map(plain),
    others: permanent.filter((neighbor) => neighbor.protocol !== protocol).map(plain),
  };
}

/** Who made the IPv4 entry in a message; undefined for another family. A removed entry is told without its Ethernet address. */
export function neighborProtocol(message: KernelMessage): number | undefined {
  const attributes = entryIn(message);
  return attributes && (attributes.number(NDA.protocol) ?? 0);
}

/** The IPv4 entry in a message; undefined where it has no Ethernet address. */
function decodeNeighbor(message: KernelMessage): StandingNeighbor | undefined {
  const attributes = entryIn(message);
  const address = ipv4In(attributes?.bytes(NDA.destination));
  const mac = macIn(attributes?.bytes(NDA.mac));
  if (attributes === undefined || address === undefined || mac === undefined) return undefined;
  const permanent = (readUint16(message.body, 8) & NUD_PERMANENT) !== 0;
  const protocol = attributes.number(NDA.protocol) ?? 0;
  return { device: readUint32(message.body, 4), address, mac, permanent, protocol };
}

/** What a message says of an IPv4 entry; undefined for another family. */
function entryIn({ body }: KernelMessage): Attributes | undefined {
  return body.length < HEADER || body[0] !== AF_INET ? undefined : new Attributes(body, HEADER);
}

function encodeNeighbor(neighbor: Neighbor, protocol: number | undefined): Buffer {
  const attrs: NeighborAttrs = { dst: ipv4Bytes(neighbor.address) };
  if (protocol !== undefined) {
    attrs.lladdr = macBytes(neighbor.mac);
    attrs.protocol = Buffer.of(protocol);
  }
  const body = new AttrStream();
  const data = { family: AF_INET, ifindex: neighbor.device, state: { permanent: true as const } };
  formatNeighborMessage({ kind: 'neighbor', data, attrs }, body);
  return bytesOf(body);
}
