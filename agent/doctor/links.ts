import { type contains, formatIpv4 } from '../wire/address';
import { check, finding } from './check';
import type { InterfaceFact, Plan } from './evidence';
import { type Finding, quote } from './finding';
import { linksOf } from './settings';

export const linkCheck = check('links', ['interfaces'], ({ interfaces, topology }) =>
  topology.links.flatMap(({ name, plane }) => {
    const link = interfaces.find((one) => one.name === name);
    const planeName = topology.planes[plane]!;
    if (link !== undefined) return stateOf(link, planeName);
    const what = `the interface of plane ${planeName} does not exist`;
    const mend = 'look for its card (ip -brief link), or correct the name in the configuration';
    return [finding('link-missing', { severity: 'error', subject: name, what }, null, mend)];
  }),
);

function stateOf(link: InterfaceFact, plane: string): Finding[] {
  const { name, up, carrier, arp, master } = link;
  const device = quote(name);
  const findings: Finding[] = [];
  const error = (id: 'link-down' | 'link-no-carrier' | 'link-enslaved' | 'link-noarp', what: string) =>
    ({ id, particulars: { severity: 'error', subject: name, what } }) as const;
  if (!up) {
    const { id, particulars } = error('link-down', `the interface of plane ${plane} is down`);
    findings.push(finding(id, particulars, `ip link set dev ${device} up`));
  } else if (!carrier) {
    const { id, particulars } = error('link-no-carrier', `the interface of plane ${plane} has no carrier`);
    findings.push(finding(id, particulars, null, 'look at card, cable and switch port'));
  }
  if (!arp) {
    const { id, particulars } = error('link-noarp', 'ARP is switched off on it');
    findings.push(finding(id, particulars, `ip link set dev ${device} arp on`));
  }
  if (master !== undefined) {
    const { id, particulars } = error('link-enslaved', `it is a port of ${master}`);
    findings.push(finding(id, particulars, `ip link set dev ${device} nomaster`));
  }
  return findings;
}

export const cardCheck = check('cards', ['interfaces'], ({ interfaces, topology }) => {
  const byCard = new Map<string, string[]>();
  for (const { name, lower } of linksOf(interfaces, topology.links)) {
    const card = lower ?? name;
    byCard.set(card, [...(byCard.get(card) ?? []), name]);
  }
  return [...byCard].flatMap(([card, links]) => {
    if (links.length < 2) return [];
    const what = `${links.join(' and ')} are on the card ${card}`;
    const mend = 'give each plane a card of its own';
    return [finding('links-share-card', { severity: 'warning', subject: card, what }, null, mend)];
  });
});

export const mtuCheck = check('MTU', ['interfaces'], ({ interfaces, topology }) => {
  const links = linksOf(interfaces, topology.links);
  const least = Math.min(...links.map(({ mtu }) => mtu));
  const larger = links.filter(({ mtu }) => mtu > least);
  if (larger.length === 0) return [];
  const what = links.map(({ name, mtu }) => `${name} has ${mtu}`).join(', ');
  const command = larger.map(({ name }) => `ip link set dev ${quote(name)} mtu ${least}`).join(' && ');
  const subject = larger.map(({ name }) => name).join(', ');
  return [finding('mtu-differs', { severity: 'warning', subject, what }, command)];
});

/** A link whose own subnet is that of a far end on another plane. */
export const subnetCheck = check('subnets of far ends', ['interfaces'], ({ interfaces, topology }) =>
  topology.links.flatMap(({ name, plane }) => {
    const link = interfaces.find((one) => one.name === name);
    return link === undefined ? [] : misplaced(link, plane, topology);
  }),
);

function misplaced(link: InterfaceFact, plane: number, topology: Plan['topology']): Finding[] {
  const covers = (address: Parameters<typeof contains>[1]) =>
    link.addresses.some(({ address: own, length }) => sameSubnet(own, address, length));
  for (const peer of topology.peers) {
    if (peer.kind !== 'far-end') continue;
    const here = peer.addresses.get(plane);
    if (here === undefined || covers(here)) continue;
    const there = [...peer.addresses].find(([other, address]) => other !== plane && covers(address));
    if (there === undefined) continue;
    const [other, address] = [topology.planes[there[0]]!, formatIpv4(there[1])];
    const what = `it is on plane ${topology.planes[plane]} by the file, but its subnet is that of ${peer.name} on plane ${other} (${address})`;
    const mend = 'exchange the cables, the addresses or the interfaces in the configuration';
    return [finding('link-wrong-plane', { severity: 'error', subject: link.name, what }, null, mend)];
  }
  return [];
}

function sameSubnet(one: number, other: number, length: number): boolean {
  return length > 0 && one >>> (32 - length) === other >>> (32 - length);
}
