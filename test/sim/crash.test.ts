import { Cluster, type ClusterOptions } from './cluster';
import { type FaultKind, fail } from './fault';
import type { Host } from './host';
import { routesTo } from './inspect';
import { findResidue } from './residue';
import { DEFAULT_BEACONS, DEFAULT_PROBE } from './topology';

/** Long enough for every path to be trusted again, in ms. */
const RECOVERY = 2500;
/** Then every packet arrives. */
const CALM = 200;
/** A plan of two peers on two planes has fewer steps. */
const MOST_STEPS = 40;

const FAULTS: readonly FaultKind[] = [
  'pull',
  'silence',
  'deaf',
  'mute',
  'switch-off',
  'switch-hang',
  'link-down',
  'new-mac',
  'tamper',
];

const WITH_BEACONS: Partial<ClusterOptions> = { beacons: DEFAULT_BEACONS };

/** With every fault mended and an agent on every host: each packet arrives, and each kernel holds what it should and no more. */
function expectWhole(cluster: Cluster): void {
  cluster.run(RECOVERY);
  cluster.forget();
  cluster.run(CALM);
  expect(cluster.lost).toBe(0);
  expect(cluster.hosts.flatMap((host) => findResidue(cluster, host))).toEqual([]);
}

/** Lets something happen with 0, 1, 2, ... steps until the agent dies, and then what `then` does; until no step more is wanted. */
function afterEachStep(
  options: Partial<ClusterOptions>,
  happen: (cluster: Cluster, host: Host, steps: number) => () => void,
): number {
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    const cluster = Cluster.started(options);
    const host = cluster.host('alpha');
    const then = happen(cluster, host, steps);
    const died = host.agent === undefined;
    host.start();
    host.agent!.stepsLeft = Number.POSITIVE_INFINITY;
    then();
    expectWhole(cluster);
    if (!died) return steps;
  }
  throw new Error('there is no end of steps');
}

describe.each([
  ['ARP alone', {}],
  ['beacons', WITH_BEACONS],
])('an agent that is killed between two steps of a plan, with %s', (_, options) => {
  test.each(FAULTS)('for a fault (%s)', (kind) => {
    const steps = afterEachStep(options, (cluster, host, left) => {
      host.agent!.stepsLeft = left;
      const mend = fail(cluster, kind, 'alpha');
      cluster.run(300);
      return mend;
    });
    // The kernel itself takes out the routes of a link that is taken down.
    expect(steps).toBeGreaterThan(kind === 'link-down' ? -1 : 0);
  });

  test.each(FAULTS)('for the end of a fault (%s)', (kind) => {
    afterEachStep(options, (cluster, host, left) => {
      const mend = fail(cluster, kind, 'alpha');
      cluster.run(500);
      host.agent!.stepsLeft = left;
      mend();
      cluster.run(RECOVERY);
      return () => undefined;
    });
  });

  test('at its first start', () => {
    const steps = afterEachStep(options, (cluster, host, left) => {
      host.crash();
      cluster.run(100);
      host.boot(left);
      return () => undefined;
    });
    expect(steps).toBeGreaterThan(10);
  });

  test('at a start that finds a link dead', () => {
    afterEachStep(options, (cluster, host, left) => {
      host.kill();
      const mend = fail(cluster, 'link-down', 'alpha');
      cluster.run(100);
      host.start(left);
      return mend;
    });
  });
});

describe('a restart in calm', () => {
  const unlisted = (host: number) => host !== 1;
  const wished = {
    ...DEFAULT_BEACONS,
    priority: (host: number, plane: number) => (host === 1 && plane === 1 ? 200 : 0),
  };

  test.each([
    ['ARP alone', {}],
    ['beacons', WITH_BEACONS],
    ['beacons of a host that prefers its second plane', { beacons: wished }],
    ['beacons of a host that no file names', { beacons: { ...DEFAULT_BEACONS, listed: unlisted } }],
    ['the same, and it prefers its second plane', { beacons: { ...wished, listed: unlisted } }],
  ])('takes no step in the kernel: %s', (_, options) => {
    const cluster = Cluster.started({ ...options, probe: DEFAULT_PROBE });
    cluster.run(1000);
    const alpha = cluster.host('alpha');
    const before = alpha.kernel.readTable();
    const start = fail(cluster, 'kill', 'alpha');
    cluster.run(200);
    cluster.forget();
    const steps: string[] = [];
    const { apply } = alpha.kernel;
    alpha.kernel.apply = (step) => {
      steps.push(step.operation);
      return apply.call(alpha.kernel, step);
    };
    start();
    cluster.run(2000);
    expect(steps).toEqual([]);
    expect(cluster.lost).toBe(0);
    expect(alpha.kernel.readTable()).toEqual(before);
  });
});

test('a drained link that is in use all the same is silent no longer than the start takes', () => {
  const cluster = Cluster.started({ hosts: 2 });
  const host = cluster.host('alpha');
  fail(cluster, 'drain', 'alpha', 0);
  fail(cluster, 'pull', 'alpha', 1);
  cluster.run(2000);
  expect(host.link(0).settings.arpIgnore).toBe(0);
  host.kill();
  host.start();
  expect(host.link(0).settings.arpIgnore).toBe(0);
});

describe('a restart with routes in another order than the planes', () => {
  /** What alpha's routes to beta look like, after their metrics were exchanged while no agent ran. */
  function swapped(options: Partial<ClusterOptions>): Cluster {
    const cluster = Cluster.started(options);
    const alpha = cluster.host('alpha');
    alpha.kill();
    alpha.kernel.routes = alpha.kernel.routes.map((route) =>
      route.type === 'unicast' && route.destination.address === cluster.host('beta').alias
        ? { ...route, metric: 210 - route.metric }
        : route,
    );
    return cluster;
  }
  const inOrder = [
    [0, 100],
    [1, 110],
  ];
  const exchanged = [
    [1, 100],
    [0, 110],
  ];

  test('is left alone until the peer could have said what it wishes', () => {
    const expire = 2000;
    const options = { ...DEFAULT_BEACONS.options, discover: false, expire };
    const cluster = swapped({ beacons: { ...DEFAULT_BEACONS, options, speaks: (host) => host === 0 } });
    cluster.host('alpha').start();
    cluster.run(0.9 * expire);
    expect(routesTo(cluster, 'alpha', 'beta')).toEqual(exchanged);
    cluster.run(0.2 * expire);
    expect(routesTo(cluster, 'alpha', 'beta')).toEqual(inOrder);
    expect(cluster.lost).toBe(0);
  });

  test('follows what the peer says', () => {
    const cluster = swapped(WITH_BEACONS);
    cluster.host('alpha').start();
    expect(routesTo(cluster, 'alpha', 'beta')).toEqual(exchanged);
    cluster.run(200);
    expect(routesTo(cluster, 'alpha', 'beta')).toEqual(inOrder);
  });

  test('is shown by the one route that stands', () => {
    const cluster = swapped(WITH_BEACONS);
    const [{ kernel }, { alias }] = [cluster.host('alpha'), cluster.host('beta')];
    kernel.routes = kernel.routes.filter(
      ({ destination, metric }) => destination.address !== alias || metric !== 100,
    );
    cluster.host('alpha').start();
    expect(routesTo(cluster, 'alpha', 'beta')).toEqual([[0, 110]]);
  });

  test('is put right at once where there are no beacons', () => {
    const cluster = swapped({});
    cluster.host('alpha').start();
    expect(routesTo(cluster, 'alpha', 'beta')).toEqual(inOrder);
  });
});
