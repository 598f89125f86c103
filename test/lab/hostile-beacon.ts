import { createSecretKey } from 'node:crypto';
import { sealOf } from '../../agent/seal';
import { type Mac, parseIpv4, parseMac } from '../../agent/wire/address';
import { type Beacon, encodeBeacon, heardFrom } from '../../agent/wire/beacon';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import type { Cluster } from './promise-cluster';

const ETHERTYPE = 0x88b5;

/**
 * What a host could say by its card on a plane, signed with the key that consists of this byte. Sent by a stranger, so that its Ethernet
 * source is the one that is given.
 */
export function beaconOf(
  cluster: Cluster,
  name: string,
  plane: string,
  changes: Partial<Beacon> & { readonly key?: number; readonly source?: Mac } = {},
): Uint8Array {
  const { key = 1, source, ...rest } = changes;
  const host = cluster.lab.host(name);
  const seal = sealOf([createSecretKey(Buffer.alloc(32, key))]);
  const links = host.plan.links.map((link) => ({
    plane: link.plane,
    priority: 0,
    state: 'up' as const,
    mac: parseMac(link.mac)!,
  }));
  const sentOn = links.findIndex((link) => link.plane === plane);
  const beacon: Beacon = {
    urgent: false,
    keyId: seal.keyId,
    epoch: Date.now() + 1_000_000_000,
    sequence: 1,
    interval: 50_000,
    cluster: 'lab',
    host: name,
    aliases: [parseIpv4(host.alias)!],
    links,
    sentOn,
    heard: heardFrom([]),
    ...rest,
  };
  const { bytes, signed } = encodeBeacon(beacon, source ?? beacon.links[sentOn]!.mac, ETHERTYPE);
  seal.sign(bytes, ETHERNET_HEADER, signed);
  return bytes;
}

/** The same with two bits of its tag changed, and from the stranger's own address, which it states: all but the tag is in order. */
export function damagedBeacon(
  cluster: Cluster,
  name: string,
  plane: string,
  changes: Partial<Beacon>,
): Uint8Array {
  const source = parseMac(cluster.lab.host('stranger').link(plane).mac)!;
  const links = cluster.lab.host(name).plan.links.map((link) => ({
    plane: link.plane,
    priority: 0,
    state: 'down' as const,
    mac: link.plane === plane ? source : parseMac(link.mac)!,
  }));
  const bytes = beaconOf(cluster, name, plane, { links, ...changes });
  bytes[bytes.length - 1]! ^= 3;
  return bytes;
}
