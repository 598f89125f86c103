import type { Actions } from '../../agent/core/event';
import { FLOOD, SCREENED_FOR } from '../../agent/core/screening';
import type { AgentPeer } from '../../agent/core/topology';
import type { Ipv4, Mac } from '../../agent/wire/address';
import { type ArpFrame, arpAnnouncement, arpReply, arpRequest, encodeArp } from '../../agent/wire/arp';
import {
  ALPHA,
  ALPHA_MACS,
  arpOf,
  BETA,
  BETA_MACS,
  beta,
  FINE,
  ip,
  linkState,
  Pair,
  topologyOf,
} from './core-fixtures';

const STRANGER = 0x02bad0000001 as Mac;
const OTHER = ip('10.77.0.9');
/** What nobody needs: a question for somebody else. */
const junk = (from: Mac, number = 0) =>
  arpRequest(((from as number) + number) as Mac, OTHER, (OTHER + 1) as typeof OTHER);

/** Hands a frame over as many times. */
function flood(pair: Pair, link: string, count: number, frameOf: (number: number) => ArpFrame): Actions {
  const frames = Array.from({ length: count }, (_, number) => {
    const frame = frameOf(number);
    const kind = frame.destination === ALPHA_MACS[0] ? ('host' as const) : ('broadcast' as const);
    return { bytes: encodeArp(frame), at: pair.now, kind, vlan: false };
  });
  return pair.handle({ type: 'frames', link, frames });
}

function started(): Pair {
  const pair = new Pair();
  pair.run(5000);
  return pair;
}

const names = ({ notes }: Actions) => notes.map(({ event }) => event);
const known = [BETA_MACS[0], ...ALPHA_MACS];

test('a thousand frames a second from strangers are borne, and as many from each peer', () => {
  const pair = started();
  for (let second = 0; second < 3; second++) {
    expect(flood(pair, 'eth0', FLOOD, () => junk(STRANGER)).screens).toEqual([]);
    expect(flood(pair, 'eth0', FLOOD, () => junk(BETA_MACS[0]!)).screens).toEqual([]);
    expect(names(pair.run(pair.now + 1000))).toEqual([]);
  }
});

test('beyond it only the addresses of peers, and ours, are let in for a second; the operator is told once, and when it is over', () => {
  const pair = started();
  const first = flood(pair, 'eth0', 3 * FLOOD, (number) => junk(STRANGER, number));
  expect(first.screens).toEqual([{ link: 'eth0', voice: 'broadcast', senders: known }]);
  expect(first.notes).toEqual([
    {
      event: 'flood',
      level: 'warn',
      fields: { link: 'eth0', plane: 'a', frames: 'broadcast', by: 'strangers' },
    },
  ]);
  const from = pair.now;
  // What waited already changes nothing.
  expect(flood(pair, 'eth0', 3 * FLOOD, () => junk(STRANGER)).screens).toEqual([]);
  const lifted = { link: 'eth0', voice: 'broadcast', senders: undefined };
  expect(pair.run(from + SCREENED_FOR - 1).screens).toEqual([]);
  expect(pair.run(from + SCREENED_FOR).screens).toEqual([lifted]);
  const second = flood(pair, 'eth0', 3 * FLOOD, () => junk(STRANGER));
  expect([second.screens.length, second.notes]).toEqual([1, []]);
  expect(pair.core.counters.get('screens')).toBe(2);
  expect(names(pair.run(from + 2 * SCREENED_FOR + 999))).toEqual([]);
  expect(pair.run(from + 2 * SCREENED_FOR + 1000).notes).toMatchObject([
    {
      event: 'flood-over',
      level: 'info',
      fields: { link: 'eth0', plane: 'a', frames: 'broadcast', for: 3000 },
    },
  ]);
  expect(names(flood(pair, 'eth0', 3 * FLOOD, () => junk(STRANGER)))).toEqual(['flood']);
});

test("a flood that claims a peer's address keeps that address out, and no other", () => {
  const pair = started();
  const { screens, notes } = flood(pair, 'eth0', 3 * FLOOD, () => arpAnnouncement(BETA_MACS[0]!, BETA));
  expect(screens).toEqual([{ link: 'eth0', voice: 'broadcast', senders: ALPHA_MACS }]);
  expect(notes).toMatchObject([{ event: 'flood', fields: { by: 'peers' } }]);
});

test("a flood by a stranger who goes on by a peer's address: kept out in turn", () => {
  const pair = started();
  flood(pair, 'eth0', 3 * FLOOD, () => junk(STRANGER));
  const { screens } = flood(pair, 'eth0', 3 * FLOOD, () => junk(BETA_MACS[0]!));
  expect(screens).toEqual([{ link: 'eth0', voice: 'broadcast', senders: ALPHA_MACS }]);
  // Both are heard again together.
  expect(pair.run(pair.now + SCREENED_FOR).screens).toEqual([
    { link: 'eth0', voice: 'broadcast', senders: undefined },
  ]);
});

test("ARP to us alone: a peer's own address is never kept out, since its answers come from there", () => {
  const pair = started();
  const question = arpRequest(ALPHA_MACS[0]!, ALPHA, BETA);
  expect(flood(pair, 'eth0', 3 * FLOOD, () => arpReply(question, BETA_MACS[0]!)).screens).toEqual([]);
  expect(flood(pair, 'eth0', 3 * FLOOD, () => arpReply(question, STRANGER)).screens).toEqual([
    { link: 'eth0', voice: 'directed', senders: known },
  ]);
});

test('peers whose address is not known yet ask as well: a hundred frames a second are theirs, until they are verified', () => {
  const peers = Array.from(
    { length: 100 },
    (_, index): AgentPeer => ({ ...beta, name: `h${index}`, aliases: [(BETA + index) as Ipv4] }),
  );
  const pair = new Pair(topologyOf({ peers }));
  pair.silent.add('eth0');
  pair.run(1);
  const asks = (number: number) =>
    arpRequest((BETA_MACS[0]! + (number % 100)) as Mac, (BETA + (number % 100)) as Ipv4, ALPHA);
  expect(flood(pair, 'eth0', 10 * FLOOD, asks).screens).toEqual([]);
  expect(flood(pair, 'eth0', 3 * FLOOD, asks).screens).toHaveLength(1);
});

test('peers that are verified while their questions are counted are no strangers', () => {
  const pair = new Pair(topologyOf());
  pair.silent.add('eth0');
  pair.run(1);
  const asked = flood(pair, 'eth0', FLOOD + 50, () => arpRequest(BETA_MACS[0]!, BETA, ALPHA));
  expect(asked.screens).toEqual([]);
  pair.silent.clear();
  pair.run(500);
  expect(pair.core.registry.pathTo(pair.core.registry.links.get('eth0')!, BETA)?.mac).toBe(BETA_MACS[0]);
  expect(flood(pair, 'eth0', FLOOD, () => arpRequest(BETA_MACS[0]!, BETA, ALPHA)).screens).toEqual([]);
});

test('each link is judged by itself', () => {
  const pair = started();
  flood(pair, 'eth0', FLOOD, () => junk(STRANGER));
  expect(flood(pair, 'eth1', FLOOD, () => junk(STRANGER)).screens).toEqual([]);
  expect(flood(pair, 'eth1', 2 * FLOOD, () => junk(STRANGER)).screens).toMatchObject([{ link: 'eth1' }]);
});

test('where we answer, peers have their answers beside a flood of requests, of which few are answered', () => {
  const pair = new Pair(topologyOf({ arp: { ...topologyOf().arp, responder: 'agent' } }));
  const settings = new Map(['eth0', 'eth1'].map((link) => [link, FINE] as const));
  pair.handle({ type: 'settings', links: settings });
  pair.run(5000);
  const answers = ({ sends }: Actions) =>
    arpOf(sends).filter(({ operation }) => operation === 'reply').length;
  const flooded = flood(pair, 'eth0', 3 * FLOOD, (number) =>
    arpRequest((STRANGER + number) as Mac, OTHER, ALPHA),
  );
  expect(answers(flooded)).toBe(250);
  expect(flooded.screens).toMatchObject([{ link: 'eth0', voice: 'broadcast' }]);
  expect(pair.core.counters.get('asked-too-often')).toBe(3 * FLOOD - 250);
  expect(answers(pair.receive('eth0', arpRequest(BETA_MACS[0]!, BETA, ALPHA)))).toBe(1);
  // Who says that he is beta, but isn't, is a stranger.
  expect(answers(pair.receive('eth0', arpRequest(STRANGER, BETA, ALPHA)))).toBe(0);
  expect(answers(pair.receive('eth1', arpRequest(STRANGER, OTHER, ALPHA)))).toBe(1);
  pair.run(pair.now + 1000);
  expect(answers(pair.receive('eth0', arpRequest(STRANGER, OTHER, ALPHA)))).toBe(1);
});

test('a link that the configuration has no more is forgotten, in the middle of a flood', () => {
  const pair = started();
  flood(pair, 'eth1', 3 * FLOOD, () => junk(STRANGER));
  const [link] = topologyOf().links;
  pair.handle({ type: 'topology', topology: topologyOf({ links: [link!] }) });
  expect(names(pair.run(pair.now + 5000))).not.toContain('flood-over');
  pair.handle({ type: 'topology', topology: topologyOf() });
  pair.handle({ type: 'link', name: 'eth1', state: linkState(1), at: pair.now });
  expect(names(flood(pair, 'eth1', 3 * FLOOD, () => junk(STRANGER)))).toContain('flood');
});
