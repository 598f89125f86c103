import { Core } from '../../agent/core/core';
import { DEMOTED, type KernelTable, type Route } from '../../agent/core/routing';
import type { AgentPeer, Topology } from '../../agent/core/topology';
import { EPOCH, Listener, OPTIONS, SEAL } from './core-beacon-fixtures';
import {
  ALPHA_MACS,
  beta,
  describeSteps,
  EMPTY,
  gate,
  ip,
  linkState,
  Pair,
  topologyOf,
} from './core-fixtures';

/** What an agent leaves that has all paths. */
function leftBy(topology: Topology): KernelTable {
  const { steps } = new Pair(topology);
  return {
    ...EMPTY,
    routes: steps.flatMap((step): Route[] => (step.operation === 'add-route' ? [step.route] : [])),
  };
}

/** The routes that a start adds over a table. */
function addedOver(topology: Topology, table: KernelTable): string[] {
  const { first } = new Pair(topology, undefined, table);
  return describeSteps(first.steps).filter((step) => step.startsWith('add-route'));
}

test('a path is not trusted that lost its route to one of two aliases: the end came between two steps', () => {
  const twins: AgentPeer = { ...beta, aliases: [...beta.aliases, ip('10.78.0.12')] };
  const topology = topologyOf({ peers: [twins] });
  const { routes } = leftBy(topology);
  const kept = routes.filter(
    ({ device, destination }) => device !== 2 || destination.address !== beta.aliases[0],
  );
  expect(kept).toHaveLength(routes.length - 1);
  const { first } = new Pair(topology, undefined, { ...EMPTY, routes: kept });
  const steps = describeSteps(first.steps);
  expect(steps).toContain('remove-route 100');
  expect(steps).not.toContain('add-route 100');
});

test('a dead path to a far end is not trusted, though the route stands by which its target is asked', () => {
  const topology = topologyOf({ peers: [gate] });
  const onDead = leftBy(topology).routes.flatMap((route) => {
    if (route.device !== 2) return [route];
    return route.destination.length === 0 ? [] : [{ ...route, metric: route.metric + DEMOTED }];
  });
  expect(onDead).toHaveLength(3);
  expect(addedOver(topology, { ...EMPTY, routes: onDead })).toEqual([]);
});

test('a peer whose wish was presumed by the order of its routes, and that is none any more, gets no guard when that is over', () => {
  const swapped = leftBy(topologyOf()).routes.map((route) =>
    route.device === 0 ? route : { ...route, metric: route.device === 2 ? 110 : 100 },
  );
  const alpha = new Listener({}, { ...EMPTY, routes: swapped });
  expect(alpha.steps.map(({ operation }) => operation)).toEqual(['add-alias']);
  alpha.handle({ type: 'topology', topology: topologyOf({ beacon: OPTIONS, peers: [] }), seal: SEAL });
  expect(alpha.steps.filter(({ operation }) => operation === 'remove-route')).toHaveLength(3);
  const before = alpha.steps.length;
  alpha.run(OPTIONS.expire + 1);
  expect(alpha.steps.slice(before)).toEqual([]);
  expect([...alpha.core.registry.paths.keys()]).toEqual([]);
});

describe('where the end came between two steps, and two routes have the first place,', () => {
  const topology = topologyOf({
    planes: ['a', 'b', 'c'],
    links: [0, 1, 2].map((plane) => ({ plane, name: `eth${plane}`, priority: 0 })),
    peers: [{ ...beta, planes: [0, 1, 2] }],
    beacon: OPTIONS,
  });

  /** The order of the planes that a start takes from the routes, the first of whose links has carrier or not. */
  function orderTaken(carrier: boolean): number[] {
    const links = new Map(
      [0, 1, 2].map((plane) => [
        `eth${plane}`,
        linkState(plane, { mac: ALPHA_MACS[plane] ?? ALPHA_MACS[0]! }),
      ]),
    );
    const core = new Core(topology, 0, EPOCH, SEAL);
    const left = core.start(links, EMPTY, 0).steps;
    const routes = left.flatMap((step): Route[] => (step.operation === 'add-route' ? [step.route] : []));
    const last = routes.find(({ metric }) => metric === 120)!;
    const successor = new Core(topology, 0, EPOCH + 1, SEAL);
    links.set('eth0', linkState(0, { carrier }));
    successor.start(links, { ...EMPTY, routes: [...routes, { ...last, metric: 100 }] }, 0);
    return [...successor.registry.allPaths()].map(({ plane }) => plane);
  }

  test('the one that was added is taken for it, if the link of the other has no carrier', () => {
    expect(orderTaken(false)).toEqual([2, 1, 0]);
  });

  test('the older one is taken for it, since packets leave by that, if its link has carrier', () => {
    expect(orderTaken(true)).toEqual([0, 1, 2]);
  });
});
