import { formatIpv4, type Ipv4 } from '../wire/address';
import { check, finding } from './check';
import type { Facts, InterfaceFact, Plan, SessionFact } from './evidence';
import { linksOf } from './settings';

/** Sessions to a peer that use a card's own address at either end, and so end with that card. */
export const sessionCheck = check(
  'sessions',
  ['sessions', 'interfaces', 'neighbors'],
  ({ sessions, interfaces, neighbors, topology }) => {
    const links = linksOf(interfaces, topology.links);
    const own = new Set(links.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
    for (const alias of topology.aliases) own.delete(alias);
    const peers = peerAddresses(neighbors, links, topology);
    const groups = new Map<string, { session: SessionFact; count: number }>();
    for (const session of sessions) {
      const peer = peers.get(session.remote);
      const here = own.has(session.local);
      if (peer === undefined || !(here || (peer.card && topology.aliases.includes(session.local)))) continue;
      const key = `${session.local} ${session.remote} ${session.program}`;
      groups.set(key, { session, count: (groups.get(key)?.count ?? 0) + 1 });
    }
    return [...groups.values()].map(({ session, count }) =>
      told(session, count, peers.get(session.remote)!.name, own),
    );
  },
);

function told(
  { local, localPort, remote, remotePort, program }: SessionFact,
  count: number,
  peer: string,
  own: ReadonlySet<Ipv4>,
) {
  const [here, there] = [`${formatIpv4(local)}:${localPort}`, `${formatIpv4(remote)}:${remotePort}`];
  const who = program === undefined ? '' : ` of ${program}`;
  const more = count === 1 ? '' : ` and ${count - 1} more like it`;
  const end = own.has(local) ? 'our own card' : `the card of ${peer}`;
  const what = `the session${who} from ${here} to ${there} (${peer})${more} uses the address of ${end}`;
  const mend = `bind ${program ?? 'the application'} to the alias of this host, let it connect to the alias of ${peer}, and restart it`;
  return finding('session-on-card', { severity: 'warning', subject: program ?? here, what }, null, mend);
}

/**
 * Who is at an address. The addresses of a peer's cards stand in no file: they are those that the kernel resolves to the same hardware
 * address as the peer's alias.
 */
function peerAddresses(
  neighbors: Facts['neighbors'],
  links: readonly InterfaceFact[],
  topology: Plan['topology'],
): Map<Ipv4, { readonly name: string; readonly card: boolean }> {
  const found = new Map<Ipv4, { name: string; card: boolean }>();
  for (const peer of topology.peers) {
    if (peer.kind !== 'agent') continue;
    const macs = neighbors.filter(({ address }) => peer.aliases.includes(address)).map(({ mac }) => mac);
    for (const { address, mac, device } of neighbors)
      if (macs.includes(mac) && links.some(({ name }) => name === device))
        found.set(address, { name: peer.name, card: true });
    for (const alias of peer.aliases) found.set(alias, { name: peer.name, card: false });
  }
  return found;
}
