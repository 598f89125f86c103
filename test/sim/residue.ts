import type { Route } from '../../agent/core/routing';
import { formatIpv4 } from '../../agent/wire/address';
import type { Cluster } from './cluster';
import type { Host } from './host';

/**
 * What is wrong with the tables of a host after everything was mended and all paths are trusted: doubled, left over, missing or false; a line
 * each.
 */
export function findResidue(cluster: Cluster, host: Host): string[] {
  const { routes, neighbors, aliases } = host.kernel.readTable();
  const peers = cluster.hosts.filter((other) => other !== host && host.knows(other));
  const known = new Set(peers.map(({ alias }) => alias));
  const wrong: string[] = [];
  const say = (what: string) => wrong.push(`${host.name}: ${what}`);
  if (aliases.length !== 1 || aliases[0]?.address !== host.alias) say(`${aliases.length} aliases`);
  for (const { destination } of routes)
    if (!known.has(destination.address)) say(`a route to ${formatIpv4(destination.address)}, who is nobody`);
  for (const { device, address, mac } of neighbors) {
    const plane = host.links.findIndex(({ ifindex }) => ifindex === device);
    const peer = peers.find(({ alias }) => alias === address);
    if (peer?.links[plane]?.mac !== mac)
      say(`a false neighbor entry for ${formatIpv4(address)} on plane ${plane}`);
  }
  for (const peer of peers) {
    const toPeer = routes.filter(({ destination }) => destination.address === peer.alias);
    const ways = toPeer.filter(({ type }) => type === 'unicast');
    for (const [plane, { ifindex }] of host.links.entries())
      if (!neighbors.some(({ device, address }) => device === ifindex && address === peer.alias))
        say(`no neighbor entry for ${peer.name} on plane ${plane}`);
    const wanted = host.links.map(({ ifindex }) => ifindex).sort();
    if (String(ways.map(({ device }) => device).sort()) !== String(wanted))
      say(`routes to ${peer.name} by ${ways.map(({ device }) => device)}`);
    if (new Set(toPeer.map(slotOf)).size !== toPeer.length) say(`two routes to ${peer.name} in one place`);
    if (toPeer.length !== ways.length + 1) say(`${toPeer.length - ways.length} guards of ${peer.name}`);
  }
  return wrong;
}

function slotOf({ metric, table }: Route): string {
  return `${metric} ${table}`;
}
