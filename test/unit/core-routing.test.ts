import fc from 'fast-check';
import type { LivenessState, PathState } from '../../agent/core/liveness';
import {
  activePath,
  chosenPaths,
  DEMOTED,
  desiredRoutes,
  GUARD_METRIC,
  isUsable,
  type KernelStep,
  planNeighbors,
  planRoutes,
  type Route,
} from '../../agent/core/routing';
import type { Ipv4, Mac } from '../../agent/wire/address';
import { routeIdentity } from '../sim/route-identity';
import { ALPHA, BETA, beta, gate, ip, prefix, topologyOf } from './core-fixtures';

const STATES: readonly LivenessState[] = ['unknown', 'up', 'suspect', 'down', 'held'];

/** Paths by plane, each as its state, with a `-` behind it where the link can hold no route; `drained:up` is drained and up beneath. */
function paths(...states: readonly string[]) {
  return states.map((text, plane) => {
    const words = text.replace('-', '').split(':');
    return {
      plane,
      state: words[0] as PathState,
      beneath: words.at(-1) as LivenessState,
      device: text.endsWith('-') ? undefined : 2 + plane,
    };
  });
}

describe('which paths have routes', () => {
  test.each([
    [['up', 'up'], [0, 1], 0],
    [['down', 'up'], [1], 1],
    [['suspect', 'up'], [0, 1], 0],
    [['unknown', 'up'], [0, 1], 0],
    [['held', 'up'], [1], 1],
    [['held', 'suspect'], [1], 1],
    [['held', 'down'], [0], 0],
    [['down', 'held'], [1], 1],
    [['held', 'held'], [0, 1], 0],
    [['down', 'down'], [0, 1], undefined],
    [['down-', 'down'], [1], undefined],
    [['down-', 'up'], [1], 1],
    [['down-', 'down-'], [], undefined],
    [['down', 'up-'], [0], undefined],
    [['drained:up', 'up'], [1], 1],
    [['drained:up', 'suspect'], [1], 1],
    [['drained:up', 'unknown'], [1], 1],
    [['drained:up', 'held'], [1], 1],
    [['down', 'drained:up'], [1], 1],
    [['down', 'drained:held'], [1], 1],
    [['drained:down', 'down'], [0, 1], undefined],
    [['drained:down', 'drained:up'], [1], 1],
    [['drained:up-', 'down'], [1], undefined],
  ] as const)('%p: %p, active %p', (states, chosen, active) => {
    const all = paths(...states);
    expect(chosenPaths(all).map(({ plane }) => plane)).toEqual(chosen);
    expect(activePath(all)?.plane).toBe(active);
  });

  test('a peer has a route while any link can hold one', () => {
    const path = fc
      .record({
        plane: fc.nat(5),
        beneath: fc.constantFrom(...STATES),
        drained: fc.boolean(),
        device: fc.option(fc.nat(), { nil: undefined }),
      })
      .map((drawn) => ({ ...drawn, state: drawn.drained ? ('drained' as const) : drawn.beneath }));
    fc.assert(
      fc.property(fc.array(path), (all) => {
        const present = all.filter(({ device }) => device !== undefined);
        const chosen = chosenPaths(all);
        expect(chosen.length > 0).toBe(present.length > 0);
        expect(present).toEqual(expect.arrayContaining([...chosen]));
        const usable = present.filter(({ state }) => isUsable(state));
        if (usable.length > 0) expect(chosen).toEqual(usable);
      }),
    );
  });
});

describe('the routes to a peer with an agent', () => {
  test('one for each chosen path by its own metric, and the guard below them', () => {
    const routes = desiredRoutes(topologyOf(), beta, paths('up', 'up'));
    const common = { destination: prefix('10.78.0.2'), table: 254, protocol: 77 };
    const unicast = { ...common, type: 'unicast', gateway: undefined, source: ALPHA, rtoMin: 5 };
    expect(routes).toEqual([
      {
        ...common,
        type: 'unreachable',
        device: 0,
        gateway: undefined,
        source: undefined,
        metric: GUARD_METRIC,
      },
      { ...unicast, device: 2, metric: 100 },
      { ...unicast, device: 3, metric: 110 },
    ]);
  });

  test('with every metric that is configured, but for the guard', () => {
    const metrics = { rtoMin: undefined, quickack: true, initcwnd: 20, congctl: 'reno', mtu: 1400 } as const;
    const topology = topologyOf({ route: { ...topologyOf().route, ...metrics } });
    const [first, ...others] = desiredRoutes(topology, beta, paths('up', 'up'));
    expect(Object.keys(metrics).filter((name) => name in first!)).toEqual([]);
    expect(others).toEqual([expect.objectContaining(metrics), expect.objectContaining(metrics)]);
  });

  test('for each of its aliases', () => {
    const peer = { ...beta, aliases: [BETA, ip('10.78.1.2')] };
    const routes = desiredRoutes(topologyOf(), peer, paths('down', 'up'));
    expect(routes.map(({ destination, metric }) => [destination.address, metric])).toEqual([
      [BETA, GUARD_METRIC],
      [ip('10.78.1.2'), GUARD_METRIC],
      [BETA, 110],
      [ip('10.78.1.2'), 110],
    ]);
  });
});

describe('the routes through a far end', () => {
  const metrics = (...states: string[]) =>
    desiredRoutes(topologyOf(), gate, paths(...states)).map(
      ({ destination, metric, gateway }) => [destination.length, metric, gateway] as const,
    );
  const [a, b] = [...gate.addresses.values()];

  test('lead to its own address on the plane, and to the ICMP target as well', () => {
    expect(metrics('up', 'up')).toEqual([
      [0, 100, a],
      [32, 100, a],
      [0, 110, b],
      [32, 110, b],
    ]);
  });

  test('the ICMP target stays reachable by a path that is down, behind all others', () => {
    expect(metrics('down', 'up')).toEqual([
      [32, 100 + DEMOTED, a],
      [0, 110, b],
      [32, 110, b],
    ]);
  });

  test('a target that is a prefix of its own has one route by a chosen path', () => {
    const peer = { ...gate, prefixes: [prefix('192.0.2.1')] };
    const routes = desiredRoutes(topologyOf(), peer, paths('up', 'down'));
    expect(routes.map(({ metric }) => metric)).toEqual([100, 110 + DEMOTED]);
  });
});

/** A kernel's table of routes, as far as plans are concerned: it takes one for each destination and metric, unless told to append. */
function carryOut(
  standing: readonly Route[],
  steps: readonly KernelStep[],
  watch: (table: readonly Route[]) => void,
) {
  let table = [...standing];
  for (const step of steps) {
    if (step.operation === 'add-route') {
      const { route, beside } = step;
      const slot = ({ destination, metric }: Route) =>
        `${destination.address}/${destination.length} ${metric}`;
      if (!beside) expect(table.map(slot)).not.toContain(slot(route));
      expect(table.map(routeIdentity)).not.toContain(routeIdentity(route));
      table.push(route);
    } else if (step.operation === 'remove-route') {
      const identity = routeIdentity(step.route);
      expect(table.map(routeIdentity)).toContain(identity);
      table = table.filter((route) => routeIdentity(route) !== identity);
    }
    watch(table);
  }
  return table;
}

describe('plans', () => {
  const route: fc.Arbitrary<Route> = fc.record({
    destination: fc.constantFrom(prefix('10.78.0.2'), prefix('10.78.0.3')),
    type: fc.constant('unicast'),
    device: fc.constantFrom(2, 3),
    gateway: fc.constant(undefined),
    source: fc.constantFrom(ALPHA, ip('10.78.0.9')),
    metric: fc.constantFrom(100, 110),
    table: fc.constant(254),
    protocol: fc.constant(77),
    rtoMin: fc.constantFrom(5, undefined),
    quickack: fc.constantFrom(true, undefined),
    initcwnd: fc.constantFrom(20, undefined),
    congctl: fc.constantFrom('reno', undefined),
    mtu: fc.constantFrom(1400, undefined),
    others: fc.constantFrom({ window: 1000 }, undefined),
  });
  // One for each destination and metric is what we want; a kernel may hold several.
  const desired = fc.uniqueArray(route, { selector: (each) => `${each.destination.address} ${each.metric}` });
  const standing = fc.uniqueArray(route, { selector: routeIdentity });

  test('lead from any table to the desired one, and never leave a destination without a route in between', () => {
    fc.assert(
      fc.property(standing, desired, (before, after) => {
        const kept = new Set(
          before
            .map(({ destination }) => destination.address)
            .filter((address) => after.some(({ destination }) => destination.address === address)),
        );
        const table = carryOut(before, planRoutes(after, before), (present) => {
          for (const address of kept)
            expect(present.some(({ destination }) => destination.address === address)).toBe(true);
        });
        expect(table.map(routeIdentity).sort()).toEqual(after.map(routeIdentity).sort());
        expect(planRoutes(after, after)).toEqual([]);
      }),
    );
  });

  test.each([
    { rtoMin: 6 },
    { quickack: true },
    { initcwnd: 11 },
    { congctl: 'reno' },
    { mtu: 1400 },
    { others: { advmss: 500 } },
  ] as const)('put back a route that differs in its metrics alone: %j', (change) => {
    const routes = desiredRoutes(topologyOf(), beta, paths('up', 'up'));
    const changed = { ...routes[1]!, ...change };
    expect(planRoutes(routes, [routes[0]!, changed, routes[2]!])).toEqual([
      { operation: 'add-route', route: routes[1], beside: true },
      { operation: 'remove-route', route: changed },
    ]);
  });

  test('a path that goes down takes out one route', () => {
    const topology = topologyOf();
    const before = desiredRoutes(topology, beta, paths('up', 'up'));
    const steps = planRoutes(desiredRoutes(topology, beta, paths('down', 'up')), before);
    expect(steps).toEqual([{ operation: 'remove-route', route: before[1] }]);
  });

  test('set the neighbor entries that differ, and remove those that are not wanted', () => {
    const entry = (device: number, address: string, mac: number) => ({
      device,
      address: ip(address),
      mac: mac as Mac,
    });
    const before = [entry(2, '10.78.0.2', 1), entry(3, '10.78.0.2', 2), entry(2, '10.78.0.3', 3)];
    const after = [entry(2, '10.78.0.2', 1), entry(3, '10.78.0.2', 9), entry(4, '10.78.0.2', 4)];
    expect(planNeighbors(after, before)).toEqual({
      set: [
        { operation: 'set-neighbor', neighbor: after[1] },
        { operation: 'set-neighbor', neighbor: after[2] },
      ],
      remove: [{ operation: 'remove-neighbor', neighbor: before[2] }],
    });
  });

  test('tell the same address on two devices apart', () => {
    const address = 0xffffffff as Ipv4;
    const entries = [1, 2].map((device) => ({ device, address, mac: device as Mac }));
    expect(planNeighbors(entries, []).set).toHaveLength(2);
  });
});
