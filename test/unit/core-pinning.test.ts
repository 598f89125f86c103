import type { Topology } from '../../agent/core/topology';
import type { Mac } from '../../agent/wire/address';
import { arpAnnouncement, arpReply, arpRequest } from '../../agent/wire/arp';
import { FarSpeaker, Listener, OPTIONS, SEAL } from './core-beacon-fixtures';
import {
  ALPHA,
  ALPHA_MACS,
  arpOf,
  BETA,
  BETA_MACS,
  beta,
  bothLinks,
  describeSteps,
  gate,
  ip,
  linkState,
  Pair,
  topologyOf,
} from './core-fixtures';

const STRANGER = 0x02bad0000001 as Mac;
const REFUSED = {
  event: 'mac-refused',
  level: 'error',
  fields: {
    peer: 'beta',
    plane: 'a',
    link: 'eth0',
    mac: '02:ba:d0:00:00:01',
    expected: '02:00:00:00:00:0b',
  },
};

/** Beta has this address on plane a, by the file. */
function pinnedTo(mac: Mac | undefined): Topology {
  return topologyOf({ peers: [mac === undefined ? beta : { ...beta, macs: new Map([[0, mac]]) }] });
}

const path = (pair: Pair, link: string) =>
  [...pair.core.registry.allPaths()].find((each) => each.link === link)!;

test('the neighbor entry stands from the start, before anybody has answered, and nobody else is asked', () => {
  const pair = new Pair(pinnedTo(BETA_MACS[0]));
  expect(describeSteps(pair.first.steps)).toContain('set-neighbor 2');
  expect(
    arpOf(pair.run(1).sends).find(({ link, targetIp }) => link === 'eth0' && targetIp === BETA),
  ).toMatchObject({
    destination: BETA_MACS[0],
  });
});

test('a peer that answers from another address is down there, and the operator is told each 10 s', () => {
  const pair = new Pair(pinnedTo(BETA_MACS[0]));
  pair.macs = [STRANGER, BETA_MACS[1]!];
  const told = pair.run(25_000).notes.filter(({ event }) => event === 'mac-refused');
  expect(told).toEqual([REFUSED, REFUSED, REFUSED]);
  expect(path(pair, 'eth0').state).toBe('down');
  expect(path(pair, 'eth1').state).toBe('up');
  expect(path(pair, 'eth0').mac).toBe(BETA_MACS[0]);
  expect(pair.core.counters.get('pinned-mac')).toBeGreaterThan(100);
});

test('announcements from another address ask nothing; those from the right one do', () => {
  const pair = new Pair(pinnedTo(BETA_MACS[0]));
  pair.run(5000);
  const forged = pair.receive('eth0', arpAnnouncement(STRANGER, BETA));
  expect([forged.sends, forged.steps, forged.notes]).toEqual([[], [], [REFUSED]]);
  expect(pair.receive('eth0', arpAnnouncement(STRANGER, BETA)).notes).toEqual([]);
  expect(pair.receive('eth0', arpAnnouncement(BETA_MACS[0]!, BETA)).sends).not.toEqual([]);
});

test('a path that is down comes back by the right address alone', () => {
  const pair = new Pair(pinnedTo(BETA_MACS[0]));
  pair.run(1000);
  pair.silent.add('eth0');
  pair.run(3000);
  expect(path(pair, 'eth0').state).toBe('down');
  const question = arpRequest(ALPHA_MACS[0]!, ALPHA, BETA);
  for (let time = 3000; time < 5000; time += 10) {
    pair.run(time);
    pair.receive('eth0', arpReply(question, STRANGER));
  }
  expect(path(pair, 'eth0').state).toBe('down');
  pair.silent.clear();
  pair.run(10_000);
  expect(path(pair, 'eth0').state).toBe('up');
});

test('a copy of what the peer broadcast by its other card, on joined planes, is no forgery', () => {
  const pair = new Pair(
    topologyOf({
      peers: [
        {
          ...beta,
          macs: new Map([
            [0, BETA_MACS[0]!],
            [1, BETA_MACS[1]!],
          ]),
        },
      ],
    }),
  );
  pair.run(1000);
  expect(pair.receive('eth0', arpAnnouncement(BETA_MACS[1]!, BETA)).notes).toEqual([]);
});

test('a far end: its own address on each plane is believed from one card', () => {
  const far = { ...gate, icmp: undefined, macs: new Map([[0, BETA_MACS[0]!]]) };
  const pair = new Pair(topologyOf({ peers: [far] }));
  pair.run(1000);
  expect(path(pair, 'eth0').state).toBe('up');
  const question = arpRequest(ALPHA_MACS[0]!, ALPHA, ip('10.77.0.254'));
  expect(pair.receive('eth0', arpReply(question, STRANGER)).notes).toMatchObject([
    { event: 'mac-refused', fields: { peer: 'gate' } },
  ]);
});

test('a reload pins, pins to another address, and lets go', () => {
  const pair = new Pair(pinnedTo(undefined));
  pair.run(2000);
  expect(pair.handle({ type: 'topology', topology: pinnedTo(BETA_MACS[0]) }).steps).toEqual([]);
  expect(pair.receive('eth0', arpAnnouncement(STRANGER, BETA)).notes).toHaveLength(1);
  const moved = pair.handle({ type: 'topology', topology: pinnedTo(STRANGER) });
  expect(describeSteps(moved.steps)).toEqual(['set-neighbor 2']);
  pair.run(4000);
  expect(path(pair, 'eth0').state).toBe('down');
  pair.handle({ type: 'topology', topology: pinnedTo(undefined) });
  pair.run(10_000);
  expect(path(pair, 'eth0')).toMatchObject({ state: 'up', mac: BETA_MACS[0] });
});

test('a link of ours with another address than the file gives it is told, once for each address', () => {
  const [link, other] = topologyOf().links;
  const topology = topologyOf({ links: [{ ...link!, mac: ALPHA_MACS[0] }, other!] });
  const pair = new Pair(topology);
  const names = () => pair.first.notes.map(({ event }) => event);
  expect(names()).not.toContain('link-mac-unexpected');
  const change = (mac: Mac) =>
    pair
      .handle({ type: 'link', name: 'eth0', state: linkState(0, { mac }), at: pair.now })
      .notes.filter(({ event }) => event === 'link-mac-unexpected');
  expect(change(STRANGER)).toMatchObject([
    {
      level: 'error',
      fields: { link: 'eth0', plane: 'a', mac: '02:ba:d0:00:00:01', expected: '02:00:00:00:00:0a' },
    },
  ]);
  pair.handle({
    type: 'link',
    name: 'eth0',
    state: linkState(0, { mac: STRANGER, carrier: false }),
    at: pair.now,
  });
  expect(change(STRANGER)).toEqual([]);
  expect(change(ALPHA_MACS[0]!)).toEqual([]);
  expect(change(STRANGER)).toHaveLength(1);
  const links = new Map([...bothLinks(), ['eth0', linkState(0, { mac: STRANGER })] as const]);
  expect(new Pair(topology, links).first.notes).toContainEqual(
    expect.objectContaining({ event: 'link-mac-unexpected' }),
  );
});

describe('with beacons', () => {
  const peers = [{ ...beta, macs: new Map([[0, BETA_MACS[0]!]]) }];

  test('a beacon from another address is refused, whoever signed it, and the address that the file gives is kept', () => {
    const alpha = new Listener({ peers });
    const exchanged = new FarSpeaker('beta', [BETA], [STRANGER, BETA_MACS[1]!]);
    alpha.run(2000, [exchanged]);
    expect(alpha.count('pinned-mac')).toBeGreaterThan(30);
    expect(alpha.told('mac-refused')).toEqual([REFUSED]);
    expect(alpha.path('beta', 0)).toMatchObject({ mac: BETA_MACS[0], hearing: { coming: false } });
    expect(alpha.path('beta', 1)).toMatchObject({ mac: BETA_MACS[1], hearing: { coming: true } });
  });

  test('the address stays when the beacons end, and no answer from another one counts', () => {
    const alpha = new Listener({ peers });
    alpha.run(2000, [new FarSpeaker()]);
    alpha.answering.set(BETA, [STRANGER, BETA_MACS[1]!]);
    alpha.run(6000);
    expect(alpha.told('beacons-lost')).toHaveLength(1);
    expect(alpha.path('beta', 0)).toMatchObject({ mac: BETA_MACS[0], state: 'down' });
    expect(alpha.path('beta', 1)).toMatchObject({ mac: BETA_MACS[1], state: 'up' });
  });

  test('where the file names none any more, the beacons do', () => {
    const alpha = new Listener({ peers });
    const exchanged = new FarSpeaker('beta', [BETA], [STRANGER, BETA_MACS[1]!]);
    alpha.answering.set(BETA, [STRANGER, BETA_MACS[1]!]);
    alpha.run(2000, [exchanged]);
    expect(alpha.path('beta', 0).state).toBe('down');
    alpha.handle({ type: 'topology', topology: topologyOf({ beacon: OPTIONS }), seal: SEAL });
    alpha.run(8000, [exchanged]);
    expect(alpha.path('beta', 0)).toMatchObject({ mac: STRANGER, state: 'up' });
  });
});
