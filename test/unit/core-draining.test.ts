import { drainCost } from '../../agent/core/draining';
import type { LinkSettings } from '../../agent/core/settings';
import type { AgentPeer } from '../../agent/core/topology';
import { arpRequest } from '../../agent/wire/arp';
import { DELTA, DELTA_MACS, FarSpeaker, Listener } from './core-beacon-fixtures';
import {
  ALPHA,
  arpOf,
  BETA,
  BETA_MACS,
  beta,
  bothLinks,
  describeSteps,
  EMPTY,
  FINE,
  gate,
  linkState,
  Pair,
  topologyOf,
} from './core-fixtures';

const FOREVER = Number.POSITIVE_INFINITY;
const delta: AgentPeer = { ...beta, name: 'delta', aliases: [DELTA] };

/** Alpha and beta after a second; the kernel of alpha answers unless told otherwise. */
function settled(changes: Parameters<typeof topologyOf>[0] = {}, settings = FINE): Pair {
  const pair = new Pair(topologyOf(changes));
  setSettings(pair, settings, settings);
  pair.run(1000);
  return pair;
}

function setSettings(pair: Pair, eth0: LinkSettings, eth1: LinkSettings) {
  const links = new Map([
    ['eth0', eth0],
    ['eth1', eth1],
  ]);
  return pair.handle({ type: 'settings', links });
}

const drain = (pair: Pair, link: string, until = FOREVER) =>
  pair.handle({ type: 'drain', links: [link], until });
const undrain = (pair: Pair, link: string) => pair.handle({ type: 'undrain', links: [link] });
const states = ({ core }: Pair) => [...core.registry.allPaths()].map(({ state }) => state);
const told = (actions: ReturnType<Pair['handle']>) =>
  actions.notes.map(({ event, fields }) => ({ event, ...fields }));

describe('a link that is drained', () => {
  test('loses its route, and nothing else in the kernel changes but who answers there', () => {
    const pair = settled();
    const actions = drain(pair, 'eth0');
    expect(actions.steps).toEqual([
      { operation: 'change-setting', link: 'eth0', setting: 'arp_ignore', value: 1 },
      expect.objectContaining({ operation: 'remove-route', route: expect.objectContaining({ metric: 100 }) }),
    ]);
    expect(states(pair)).toEqual(['drained', 'up']);
    expect(told(actions)).toEqual([
      { event: 'drained', link: 'eth0', plane: 'a', for: null },
      { event: 'failover', peer: 'beta', from: 'a', to: 'b', cause: 'drained' },
    ]);
  });

  test('is announced no more, and the other one at once, twice, after the kernel was silenced', () => {
    const pair = settled();
    const { hints, sends } = drain(pair, 'eth0');
    expect(hints).toEqual([]);
    const announced = (of: typeof sends) =>
      arpOf(of).filter(({ senderIp, targetIp }) => senderIp === targetIp);
    expect(announced(sends).map(({ link }) => link)).toEqual(['eth1']);
    expect(announced(pair.run(pair.now + 10).sends).map(({ link }) => link)).toEqual(['eth1']);
    const later = announced(pair.run(pair.now + 70_000).sends).map(({ link }) => link);
    expect(new Set(later)).toEqual(new Set(['eth1']));
  });

  test('goes on being watched: what becomes of it shows beneath, and moves nothing', () => {
    const pair = settled();
    drain(pair, 'eth0');
    pair.steps.length = 0;
    pair.silent.add('eth0');
    const { notes } = pair.run(pair.now + 1000);
    const [first] = pair.core.registry.allPaths();
    expect([first?.state, first?.beneath]).toEqual(['drained', 'down']);
    expect([pair.steps, notes]).toEqual([[], []]);
    pair.silent.clear();
    pair.run(pair.now + 3000);
    expect([first?.state, first?.beneath]).toEqual(['drained', 'up']);
    expect(pair.steps).toEqual([]);
  });

  test('is in use at once when it is given back, where it never failed', () => {
    const pair = settled();
    drain(pair, 'eth0');
    setSettings(pair, { ...FINE, arpIgnore: 1 }, FINE);
    pair.run(pair.now + 5000);
    const actions = undrain(pair, 'eth0');
    expect(describeSteps(actions.steps)).toEqual(['restore-setting', 'add-route 100']);
    expect(states(pair)).toEqual(['up', 'up']);
    expect(told(actions)).toEqual([
      { event: 'undrained', link: 'eth0', plane: 'a', reason: 'operator' },
      expect.objectContaining({ event: 'path-up', from: 'drained', cause: 'undrained' }),
      { event: 'failover', peer: 'beta', from: 'b', to: 'a', cause: 'undrained' },
    ]);
    const announced = arpOf(actions.sends).filter(({ senderIp, targetIp }) => senderIp === targetIp);
    expect(announced.map(({ link }) => link)).toEqual(['eth0']);
  });

  test('is not used before it is trusted, where its card was exchanged', () => {
    const pair = settled();
    drain(pair, 'eth0');
    const link = { type: 'link', name: 'eth0', at: pair.now } as const;
    const lost = pair.handle({ ...link, state: linkState(0, { carrier: false }) });
    expect(told(lost)).toEqual([{ event: 'carrier-lost', link: 'eth0', plane: 'a' }]);
    expect(lost.notes[0]?.level).toBe('info');
    expect(arpOf([...lost.hints, ...lost.sends])).toEqual([]);
    pair.handle({ ...link, state: undefined });
    pair.handle({ ...link, state: linkState(0, { ifindex: 9 }) });
    expect(states(pair)).toEqual(['drained', 'up']);
    pair.run(pair.now + 20);
    undrain(pair, 'eth0');
    expect(states(pair)).toEqual(['held', 'up']);
    pair.run(pair.now + 2000);
    expect(states(pair)).toEqual(['up', 'up']);
  });

  test('is better than no link: it carries the packets while no other path is usable', () => {
    const pair = settled();
    drain(pair, 'eth0');
    pair.silent.add('eth1');
    pair.steps.length = 0;
    pair.run(pair.now + 500);
    // The kernel answers there again at once, though its settings were not read since it was silenced.
    expect(describeSteps(pair.steps)).toEqual(['add-route 100', 'remove-route 110', 'restore-setting']);
    expect(pair.core.failover.activeOf(beta)).toMatchObject({ link: 'eth0', state: 'drained' });
    pair.silent.clear();
    pair.run(pair.now + 3000);
    expect(pair.core.failover.activeOf(beta)?.link).toBe('eth1');
  });

  test('is given to the peers again where nothing else leads anywhere, until another link is trusted', () => {
    const pair = settled();
    drain(pair, 'eth0');
    setSettings(pair, { ...FINE, arpIgnore: 1 }, FINE);
    pair.silent.add('eth1');
    const fallen = pair.run(pair.now + 500);
    expect(describeSteps(fallen.steps)).toEqual(['add-route 100', 'remove-route 110', 'restore-setting']);
    expect(told(fallen)).toContainEqual({ event: 'drain-overridden', link: 'eth0', plane: 'a' });
    const announced = arpOf(fallen.sends).filter(({ senderIp, targetIp }) => senderIp === targetIp);
    expect(announced.filter(({ link }) => link === 'eth0')).toHaveLength(1);
    setSettings(pair, FINE, FINE);
    pair.silent.clear();
    const held = pair.run(pair.now + 500);
    expect(states(pair)).toEqual(['drained', 'held']);
    expect(told(held).map(({ event }) => event)).not.toContain('drain-resumed');
    const back = pair.run(pair.now + 1000);
    expect(told(back)).toContainEqual({ event: 'drain-resumed', link: 'eth0', plane: 'a' });
    expect(describeSteps(back.steps)).toContain('change-setting');
  });

  test('drained again takes another end, and says nothing else', () => {
    const pair = settled();
    drain(pair, 'eth0');
    const again = drain(pair, 'eth0', pair.now + 200);
    expect(told(again)).toEqual([{ event: 'drained', link: 'eth0', plane: 'a', for: 200 }]);
    expect([again.steps, again.sends]).toEqual([[], []]);
    expect(told(pair.run(pair.now + 300))).toContainEqual({
      event: 'undrained',
      link: 'eth0',
      plane: 'a',
      reason: 'expired',
    });
    expect(states(pair)).toEqual(['up', 'up']);
  });

  test('given back though it is not drained: nothing happens', () => {
    const { steps, notes, sends } = undrain(settled(), 'eth0');
    expect([steps, notes, sends]).toEqual([[], [], []]);
  });

  test('stays so when the configuration is read again, and is forgotten with the link', () => {
    const pair = settled();
    drain(pair, 'eth0');
    pair.handle({ type: 'topology', topology: topologyOf({ peers: [beta, delta] }) });
    expect(states(pair)).toEqual(['drained', 'up', 'drained', 'unknown']);
    const { links } = topologyOf();
    pair.handle({ type: 'topology', topology: topologyOf({ links: links.slice(1) }) });
    pair.handle({ type: 'topology', topology: topologyOf() });
    expect(pair.core.registry.links.get('eth0')?.drained).toBe(false);
  });
});

describe('who answers on a drained link', () => {
  const question = (link: 0 | 1) => arpRequest(BETA_MACS[link]!, BETA, ALPHA, undefined);

  test('nobody, where the agent answers', () => {
    const pair = settled(
      { arp: { ...topologyOf().arp, responder: 'agent' } },
      { ...FINE, arpIgnore: 1, arpIgnoreBefore: 1 },
    );
    drain(pair, 'eth0');
    expect(arpOf(pair.receive('eth0', question(0)).sends)).toEqual([]);
    expect(arpOf(pair.receive('eth1', question(1)).sends)).toMatchObject([{ operation: 'reply' }]);
    expect(pair.core.counters.get('drained-link')).toBe(1);
    undrain(pair, 'eth0');
    expect(arpOf(pair.receive('eth0', question(0)).sends)).toMatchObject([{ operation: 'reply' }]);
  });

  test('the kernel is silenced again on a card that was put in meanwhile', () => {
    const pair = settled();
    drain(pair, 'eth0');
    expect(setSettings(pair, { ...FINE, arpIgnore: 1 }, FINE).steps).toEqual([]);
    expect(setSettings(pair, FINE, FINE).steps).toEqual([
      { operation: 'change-setting', link: 'eth0', setting: 'arp_ignore', value: 1 },
    ]);
  });

  test('where no setting of the link can silence the kernel, none is touched', () => {
    const pair = settled({}, { ...FINE, arpIgnoreAll: 3 });
    expect(describeSteps(drain(pair, 'eth0').steps)).toEqual(['remove-route 100']);
  });
});

describe('what a former run drained', () => {
  test('stays drained, and that its route was out says nothing of it', () => {
    const before = settled();
    drain(before, 'eth0');
    const routes = before.steps.flatMap((step) =>
      step.operation === 'add-route' && step.route.metric !== 100 ? [step.route] : [],
    );
    const pair = new Pair(topologyOf(), bothLinks(), { ...EMPTY, routes }, new Map([['eth0', 5000]]));
    expect(pair.first.steps.filter(({ operation }) => operation.endsWith('route'))).toEqual([]);
    pair.run(4000);
    expect(states(pair)).toEqual(['drained', 'up']);
    expect([...pair.core.registry.allPaths()][0]?.beneath).toBe('up');
    pair.run(5000);
    expect(states(pair)).toEqual(['up', 'up']);
  });

  test('is over where its end has passed, and a link that is in the file no more is nobody’s', () => {
    const drains = new Map([
      ['eth0', 0],
      ['eth7', FOREVER],
    ]);
    const pair = new Pair(topologyOf(), bothLinks(), EMPTY, drains);
    expect(pair.first.notes.find(({ event }) => event === 'undrained')?.fields).toMatchObject({
      reason: 'expired',
    });
    expect(states(pair)).not.toContain('drained');
  });
});

describe('what draining would cost', () => {
  const cost = ({ core }: Pair, ...links: string[]) => {
    const { last, stranded } = drainCost(core.registry, links);
    return { last, stranded: stranded.map(({ name }) => name) };
  };

  test('nothing while each peer has another path that is up', () => {
    expect(cost(settled(), 'eth0')).toEqual({ last: false, stranded: [] });
  });

  test('the peers whose other paths are down, held or drained', () => {
    const pair = settled();
    pair.silent.add('eth1');
    pair.run(pair.now + 500);
    expect(cost(pair, 'eth0')).toEqual({ last: false, stranded: ['beta'] });
    expect(cost(pair, 'eth1')).toEqual({ last: false, stranded: [] });
    pair.silent.clear();
    pair.run(pair.now + 100);
    expect(states(pair)).toEqual(['up', 'held']);
    expect(cost(pair, 'eth0')).toEqual({ last: false, stranded: ['beta'] });
    pair.run(pair.now + 3000);
    drain(pair, 'eth1');
    expect(cost(pair, 'eth0')).toEqual({ last: true, stranded: ['beta'] });
    expect(cost(pair, 'eth1')).toEqual({ last: false, stranded: [] });
  });

  test('a peer that is silent on every path loses nothing; the last link does not go for that', () => {
    const pair = settled({ peers: [beta, { ...gate, icmp: undefined }] });
    for (const link of ['eth0', 'eth1']) pair.silent.add(link);
    pair.run(pair.now + 2000);
    expect(cost(pair, 'eth0')).toEqual({ last: false, stranded: [] });
    expect(cost(pair, 'eth0', 'eth1')).toEqual({ last: true, stranded: [] });
  });
});

describe('with beacons', () => {
  const acquainted = (): [Listener, FarSpeaker] => {
    const alpha = new Listener();
    const far = new FarSpeaker();
    alpha.run(2000, [far]);
    return [alpha, far];
  };

  test('the state of the link is said at once on every link, three times, and goes on being said', () => {
    const [alpha] = acquainted();
    alpha.said.length = 0;
    alpha.handle({ type: 'drain', links: ['eth0'], until: FOREVER });
    alpha.run(alpha.now + 5);
    expect(alpha.said.filter(({ link }) => link === 'eth0')).toHaveLength(3);
    expect(alpha.said.filter(({ link }) => link === 'eth1')).toHaveLength(3);
    for (const { beacon } of alpha.said) {
      expect(beacon.urgent).toBe(true);
      expect(beacon.links.map(({ state }) => state)).toEqual(['drained', 'up']);
    }
    alpha.run(alpha.now + 200);
    alpha.said.length = 0;
    alpha.handle({ type: 'undrain', links: ['eth0'] });
    expect(alpha.said.map(({ beacon }) => [beacon.urgent, beacon.links[0]?.state])).toEqual([
      [true, 'up'],
      [true, 'up'],
    ]);
  });

  test('a drained link of a peer is left at once, and the cause is told', () => {
    const [alpha, far] = acquainted();
    alpha.notes.length = 0;
    far.states = ['drained', 'up'];
    alpha.hear(1, far.frame(1, { urgent: true }));
    expect(alpha.path('beta', 0)).toMatchObject({ state: 'down', cause: 'drained' });
    expect(alpha.told('path-down')).toMatchObject([{ level: 'info', fields: { cause: 'drained' } }]);
    expect(alpha.told('failover')).toMatchObject([{ fields: { from: 'a', to: 'b', cause: 'drained' } }]);
    far.states = ['up', 'up'];
    alpha.hear(1, far.frame(1, { urgent: true }));
    alpha.run(alpha.now + 3000, [far]);
    expect(alpha.path('beta', 0).state).toBe('up');
  });

  test('a peer comes by no drained link of ours', () => {
    const alpha = new Listener({ peers: [delta] });
    alpha.answering.set(DELTA, DELTA_MACS);
    alpha.handle({ type: 'drain', links: ['eth0'], until: FOREVER });
    const far = new FarSpeaker('delta', [DELTA], DELTA_MACS);
    alpha.run(2000, [far]);
    expect(alpha.path('delta', 0)).toMatchObject({ state: 'drained', beneath: 'up' });
    expect(alpha.core.failover.activeOf(delta)?.link).toBe('eth1');
  });
});
