import type { KernelTable } from '../../agent/core/routing';
import type { Mac } from '../../agent/wire/address';
import { arpAnnouncement, arpRequest } from '../../agent/wire/arp';
import {
  ALPHA,
  ALPHA_MACS,
  arpOf,
  BETA,
  BETA_MACS,
  bothLinks,
  describeSteps,
  EMPTY,
  ip,
  linkState,
  Pair,
  topologyOf,
} from './core-fixtures';

const STRANGER = 0x02000000ffff as Mac;

const states = (pair: Pair) => [...pair.core.registry.allPaths()].map(({ state }) => state);
const events = (notes: readonly { readonly event: string }[]) => notes.map(({ event }) => event);

/** The table that alpha's core leaves, as the kernel has it after `steps`. */
function tableAfter(pair: Pair): KernelTable {
  const table = { routes: [], neighbors: [], aliases: [] } as {
    routes: KernelTable['routes'][number][];
    neighbors: KernelTable['neighbors'][number][];
    aliases: KernelTable['aliases'][number][];
  };
  for (const step of pair.steps) {
    if (step.operation === 'add-route') table.routes.push(step.route);
    if (step.operation === 'remove-route')
      table.routes = table.routes.filter((route) => JSON.stringify(route) !== JSON.stringify(step.route));
    if (step.operation === 'set-neighbor') table.neighbors.push(step.neighbor);
    if (step.operation === 'add-alias') table.aliases.push({ address: step.address, ours: true });
  }
  return table;
}

describe('the start', () => {
  test('binds the alias, then lays the guard and the routes, and announces on every link', () => {
    const { first, core } = new Pair();
    expect(describeSteps(first.steps).slice(0, 4)).toEqual([
      'add-alias',
      'add-route guard',
      'add-route 100',
      'add-route 110',
    ]);
    const announced = arpOf(first.sends).filter(({ senderIp, targetIp }) => senderIp === targetIp);
    expect(announced).toMatchObject([
      { link: 'eth0', senderMac: ALPHA_MACS[0], senderIp: ALPHA },
      { link: 'eth1', senderMac: ALPHA_MACS[1], senderIp: ALPHA },
    ]);
    expect(core.counters.get('announcements')).toBe(2);
  });

  test('asks everybody for the peer, and pins the address that answers on each link', () => {
    const pair = new Pair();
    const { steps } = pair.run(10);
    expect(states(pair)).toEqual(['up', 'up']);
    expect(steps).toEqual([
      { operation: 'set-neighbor', neighbor: { device: 2, address: BETA, mac: BETA_MACS[0] } },
      { operation: 'set-neighbor', neighbor: { device: 3, address: BETA, mac: BETA_MACS[1] } },
    ]);
  });

  test('a link that does not exist is no error, and is taken in when it appears', () => {
    const pair = new Pair(topologyOf(), new Map([['eth0', linkState(0)]]));
    expect(pair.first.notes).toMatchObject([
      { event: 'link-missing', level: 'warn', fields: { link: 'eth1', plane: 'b' } },
    ]);
    expect(describeSteps(pair.first.steps)).toEqual(['add-alias', 'add-route guard', 'add-route 100']);
    pair.run(1000);
    expect(states(pair)).toEqual(['up', 'down']);
    const { notes, hints } = pair.handle({ type: 'link', name: 'eth1', state: linkState(1), at: pair.now });
    expect(events(notes)).toEqual(['link-appeared']);
    expect(arpOf(hints)).toMatchObject([{ link: 'eth1', senderIp: ALPHA, targetIp: ALPHA }]);
    const { steps } = pair.run(3000);
    expect(states(pair)).toEqual(['up', 'up']);
    expect(describeSteps(steps)).toEqual(['set-neighbor 3', 'add-route 110']);
  });

  test('adopts what a former run left, and changes nothing of it', () => {
    const former = new Pair();
    former.run(100);
    const again = new Pair(topologyOf(), bothLinks(), tableAfter(former));
    expect(again.first.steps).toEqual([]);
    expect(events(again.first.notes)).toEqual(['adopted']);
    const requests = arpOf(again.run(10).sends).filter(({ targetIp }) => targetIp === BETA);
    // The addresses were verified: nobody else need be asked.
    expect(requests.slice(0, 2).map(({ destination }) => destination)).toEqual(BETA_MACS);
  });

  test('does not trust a path whose route the former run had taken out', () => {
    const former = new Pair();
    former.run(100);
    former.silent.add('eth0');
    former.run(300);
    const again = new Pair(topologyOf(), bothLinks(), tableAfter(former));
    expect(again.first.steps).toEqual([]);
    expect(again.run(999).steps).toEqual([]);
    expect(describeSteps(again.run(1200).steps)).toEqual(['add-route 100']);
  });

  test('removes what is ours and no longer wanted', () => {
    const former = new Pair(
      topologyOf({ aliases: [ALPHA, ip('10.78.1.1')], route: { ...topologyOf().route, metric: 500 } }),
    );
    former.run(100);
    const { first } = new Pair(topologyOf(), bothLinks(), tableAfter(former));
    expect(describeSteps(first.steps)).toEqual([
      'add-route 100',
      'add-route 110',
      'remove-route 500',
      'remove-route 510',
      'remove-alias',
    ]);
  });

  test('an alias that somebody else bound is used and never removed', () => {
    const table: KernelTable = { ...EMPTY, aliases: [{ address: ALPHA, ours: false }] };
    expect(describeSteps(new Pair(topologyOf(), bothLinks(), table).first.steps)).not.toContain('add-alias');
  });
});

describe('a link', () => {
  test('that loses its carrier keeps its route where that is the last, and is announced as lost on the other', () => {
    const pair = new Pair();
    pair.run(100);
    const lost = pair.handle({ type: 'link', name: 'eth0', state: linkState(0, { carrier: false }), at: 99 });
    expect(events(lost.notes)).toEqual(['carrier-lost', 'failover']);
    expect(lost.notes[0]).toMatchObject({ level: 'warn', causedAt: 99 });
    expect(describeSteps(lost.steps)).toEqual(['remove-route 100']);
    expect(arpOf(lost.hints)).toMatchObject([{ link: 'eth1', senderIp: ALPHA, targetIp: ALPHA }]);
    const both = pair.handle({
      type: 'link',
      name: 'eth1',
      state: linkState(1, { carrier: false }),
      at: 100,
    });
    expect(describeSteps(both.steps)).toEqual(['add-route 100']);
    expect(events(both.notes)).toEqual(['carrier-lost', 'peer-unreachable']);
    expect(pair.core.wakeAt).toBe(Number.POSITIVE_INFINITY);
  });

  test('whose carrier comes back is asked by at once', () => {
    const pair = new Pair();
    pair.run(100);
    pair.handle({ type: 'link', name: 'eth0', state: linkState(0, { carrier: false }), at: 100 });
    pair.run(101);
    pair.handle({ type: 'link', name: 'eth0', state: linkState(0), at: 101 });
    const { sends } = pair.run(101);
    expect(arpOf(sends)).toMatchObject([{ link: 'eth0', targetIp: BETA }]);
    expect(states(pair)).toEqual(['held', 'up']);
  });

  test('of which nothing changed that matters says nothing', () => {
    const pair = new Pair();
    pair.run(100);
    const { notes, steps, sends } = pair.handle({
      type: 'link',
      name: 'eth0',
      state: linkState(0, { addresses: [] }),
      at: 100,
    });
    expect([notes, steps, sends]).toEqual([[], [], []]);
  });

  test('that is none of ours is none of our business', () => {
    const pair = new Pair();
    const { steps, notes } = pair.handle({ type: 'link', name: 'wlan0', state: linkState(0), at: 0 });
    expect([steps, notes]).toEqual([[], []]);
    const { sends } = pair.handle({ type: 'frames', link: 'wlan0', frames: [] });
    expect(sends).toEqual([]);
  });

  test('that went down and up while nobody read is given its routes and entries back', () => {
    const pair = new Pair();
    pair.run(100);
    const { steps } = pair.handle({
      type: 'batch',
      events: [
        { type: 'link', name: 'eth0', state: linkState(0, { up: false, carrier: false }), at: 100 },
        { type: 'link', name: 'eth0', state: linkState(0), at: 100 },
      ],
    });
    // Its path has to stand its trial; the other one carries the traffic.
    expect(describeSteps(steps)).toEqual(['set-neighbor 2']);
    expect(describeSteps(pair.run(2000).steps)).toEqual(['add-route 100']);
  });

  test('lost together with another: no plan is made in between', () => {
    const pair = new Pair();
    pair.run(100);
    const { steps } = pair.handle({
      type: 'batch',
      events: [
        { type: 'link', name: 'eth0', state: linkState(0, { carrier: false }), at: 100 },
        { type: 'link', name: 'eth1', state: linkState(1, { up: false, carrier: false }), at: 100 },
      ],
    });
    // The kernel has dropped the route by eth1; the one by eth0 is the last, and stays.
    expect(steps).toEqual([]);
  });

  test('with another address has its neighbor entries set again, and is announced', () => {
    const pair = new Pair();
    pair.run(100);
    const { steps, hints, notes } = pair.handle({
      type: 'link',
      name: 'eth0',
      state: linkState(0, { mac: STRANGER }),
      at: 100,
    });
    expect(describeSteps(steps)).toEqual(['set-neighbor 2']);
    expect(arpOf(hints)).toMatchObject([{ link: 'eth0', senderMac: STRANGER, senderIp: ALPHA }]);
    expect(events(notes)).toEqual(['link-mac-changed']);
  });

  test.each([
    [{ mtu: 9000 }, 'link-mtu-changed', { mtu: 9000 }],
    [{ master: 'br0' }, 'link-enslaved', { master: 'br0' }],
  ])('that changes as in %j is told, and nothing follows from it', (change, event, details) => {
    const pair = new Pair();
    pair.run(100);
    const { steps, sends, notes } = pair.handle({
      type: 'link',
      name: 'eth0',
      state: linkState(0, change),
      at: 100,
    });
    expect(notes).toMatchObject([{ event, level: 'info', fields: { link: 'eth0', ...details } }]);
    expect([steps, sends]).toEqual([[], []]);
  });

  test('replaced by another of the same name has its routes laid again, and is announced', () => {
    const pair = new Pair();
    pair.run(100);
    const state = linkState(0, { ifindex: 9, mac: STRANGER });
    const { steps, hints, notes } = pair.handle({ type: 'link', name: 'eth0', state, at: 100 });
    expect(describeSteps(steps)).toEqual(['set-neighbor 9', 'add-route 100']);
    expect(arpOf(hints)).toMatchObject([{ link: 'eth0', senderMac: STRANGER, senderIp: ALPHA }]);
    expect(events(notes)).toEqual(['link-replaced']);
  });
});

describe('frames', () => {
  test('each is counted by what became of it', () => {
    const pair = new Pair();
    pair.run(100);
    pair.receive('eth0', arpRequest(BETA_MACS[0]!, BETA, ALPHA));
    pair.receive('eth0', arpRequest(BETA_MACS[0]!, BETA, ip('10.78.0.77')));
    pair.receive('eth0', arpAnnouncement(BETA_MACS[0]!, BETA));
    const { counters } = pair.core;
    expect(counters.get('kernel-answers')).toBe(1);
    expect(counters.get('other-target')).toBe(1);
    expect((counters.get('hints') ?? 0) + (counters.get('announcements-heard') ?? 0)).toBe(1);
    expect(counters.get('answers')).toBe(counters.get('requests'));
  });

  test('another host with our alias is told, and answered once in ten seconds', () => {
    const pair = new Pair();
    pair.run(100);
    const forged = arpAnnouncement(STRANGER, ALPHA);
    const { notes, sends } = pair.receive('eth0', forged);
    expect(notes).toMatchObject([
      {
        event: 'alias-conflict',
        level: 'error',
        fields: { link: 'eth0', alias: '10.78.0.1', mac: '02:00:00:00:ff:ff' },
      },
    ]);
    expect(arpOf(sends)).toMatchObject([
      { link: 'eth0', senderMac: ALPHA_MACS[0], senderIp: ALPHA, targetIp: ALPHA },
    ]);
    expect(pair.receive('eth0', forged)).toMatchObject({ notes: [], sends: [] });
    expect(pair.core.counters.get('conflicts')).toBe(2);
  });
});

describe('what the kernel holds, read anew', () => {
  test('is repaired where somebody else changed it, and that is told', () => {
    const pair = new Pair();
    pair.run(100);
    const table = tableAfter(pair);
    const untouched = pair.handle({ type: 'kernel', table });
    expect([untouched.steps, untouched.notes]).toEqual([[], []]);
    const damaged = { ...table, routes: table.routes.slice(1), neighbors: [] };
    const { steps, notes } = pair.handle({ type: 'kernel', table: damaged });
    expect(describeSteps(steps)).toEqual(['set-neighbor 2', 'set-neighbor 3', 'add-route guard']);
    const of = ['neighbor 10.78.0.2 dev eth0', 'neighbor 10.78.0.2 dev eth1', 'unreachable 10.78.0.2/32'];
    expect(notes).toMatchObject([{ event: 'repaired', level: 'warn', fields: { steps: 3, of } }]);
  });

  test('the alias is bound before what depends on it', () => {
    const pair = new Pair();
    pair.run(100);
    const { steps } = pair.handle({ type: 'kernel', table: EMPTY });
    expect(describeSteps(steps)[0]).toBe('add-alias');
  });
});
