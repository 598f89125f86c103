import type { AgentPeer, Topology } from '../../agent/core/topology';
import type { Host } from './host';
import type { Random } from './random';

/** What an operator may change in the file of a running agent, from one topology to another. */
const CHANGES: readonly ((before: Topology, random: Random) => Topology)[] = [
  (before) => before,
  (before, random) => ({ ...before, probe: { ...before.probe, hold: random.pick([0, 50, 500, 2000]) } }),
  (before, random) => ({ ...before, arp: { ...before.arp, refresh: random.pick([0, 3000, 30_000]) } }),
  (before) => ({ ...before, beacon: undefined }),
  (before, random) => ({
    ...before,
    links: before.links.map((link) => ({ ...link, priority: random.pick([0, 100, 200]) })),
  }),
  (before, random) => {
    const dropped = random.pick(before.peers);
    return { ...before, peers: before.peers.filter((peer) => peer !== dropped) };
  },
  (before, random) => ({ ...before, peers: inOtherOrder(before.peers as readonly AgentPeer[], random) }),
];

/** Changes the file of a host and has its agent read it; what changes it back. */
export function reload(host: Host, random: Random): () => void {
  host.reload(random.pick(CHANGES)(host.topology, random));
  return () => host.reloadFormer();
}

function inOtherOrder(peers: readonly AgentPeer[], random: Random): AgentPeer[] {
  const from = random.below(peers.length);
  return [...peers.slice(from), ...peers.slice(0, from)];
}
