import { compareTopologies } from '../../agent/core/topology';
import { beta, describeSteps, gate, ip, linkState, Pair, topologyOf } from './core-fixtures';

const states = (pair: Pair) => [...pair.core.registry.allPaths()].map(({ state }) => state);

describe('another topology', () => {
  const gamma = { ...beta, name: 'gamma', aliases: [ip('10.78.0.3')] };

  test('leaves the peers alone that did not change', () => {
    const pair = new Pair();
    pair.run(100);
    const [path] = pair.core.registry.allPaths();
    const { steps } = pair.handle({
      type: 'topology',
      topology: topologyOf({ peers: [{ ...beta }, gamma] }),
    });
    expect(describeSteps(steps)).toEqual(['add-route guard', 'add-route 100', 'add-route 110']);
    expect([...pair.core.registry.allPaths()][0]).toBe(path);
    expect(states(pair)).toEqual(['up', 'up', 'unknown', 'unknown']);
  });

  test('removes everything of a peer that is gone', () => {
    const pair = new Pair();
    pair.run(100);
    const { steps } = pair.handle({ type: 'topology', topology: topologyOf({ peers: [] }) });
    expect(describeSteps(steps)).toEqual([
      'remove-route 100',
      'remove-route 110',
      // Last: an end in between leaves no route without it.
      'remove-route guard',
      'remove-neighbor 2',
      'remove-neighbor 3',
    ]);
    expect(pair.run(1000).sends.filter(({ frame }) => frame[41] === 2)).toEqual([]);
  });

  test('a peer that comes while a link has no carrier is not presumed to be reached by it', () => {
    const pair = new Pair();
    pair.run(100);
    pair.handle({ type: 'link', name: 'eth0', state: linkState(0, { carrier: false }), at: 100 });
    const { steps } = pair.handle({ type: 'topology', topology: topologyOf({ peers: [beta, gamma] }) });
    expect(describeSteps(steps)).toEqual(['add-route guard', 'add-route 110']);
    expect(states(pair).slice(2)).toEqual(['down', 'unknown']);
    pair.run(200);
    const back = pair.handle({ type: 'link', name: 'eth0', state: linkState(0), at: 200 });
    // The link's return is no reason to send packets by it at once.
    expect(
      describeSteps(back.steps.concat(pair.run(1000).steps)).filter((step) => step.startsWith('add')),
    ).toEqual([]);
  });

  test('another metric: each new route stands before the old one goes', () => {
    const pair = new Pair();
    pair.run(100);
    const topology = topologyOf({ route: { ...topologyOf().route, metric: 200 } });
    expect(describeSteps(pair.handle({ type: 'topology', topology }).steps)).toEqual([
      'add-route 200',
      'add-route 210',
      'remove-route 100',
      'remove-route 110',
    ]);
  });

  test('is compared peer by peer', () => {
    const moved = { ...beta, planes: [0] };
    expect(
      compareTopologies(
        topologyOf({ peers: [beta, gate] }),
        topologyOf({ peers: [moved, gamma, { ...gate, addresses: new Map(gate.addresses) }] }),
      ),
    ).toEqual({ added: ['gamma'], removed: [], changed: ['beta'] });
    expect(compareTopologies(topologyOf(), topologyOf({ peers: [] }))).toEqual({
      added: [],
      removed: ['beta'],
      changed: [],
    });
  });
});
