import type { Topology } from '../../agent/core/topology';
import type { CoreMaker } from './agent';
import {
  addsRoute,
  altered,
  beaconOf,
  blinking,
  broken,
  brokenEach,
  deaf,
  each,
  hoarding,
  isArp,
  isArpReply,
  keepingRoutes,
  loyal,
  misled,
  neverBack,
  neverReplacing,
  omitting,
  removesRoute,
  restless,
  tells,
  without,
} from './broken-cores';
import type { ClusterOptions } from './cluster';
import type { Fault, FaultKind } from './fault';
import { type BeaconPlan, DEFAULT_BEACONS, DEFAULT_PROBE } from './topology';
import type { Rule } from './violation';

/** How a rule can be broken: a small world of two hosts, and cores that do one thing wrong there. */
export interface Proof {
  /** what they do wrong */
  readonly since: string;
  readonly coreOf: CoreMaker;
  /** of the world */
  readonly options?: Partial<ClusterOptions>;
  readonly faults?: readonly Fault[];
  /** whether what is left in the tables is looked through as well */
  readonly thorough?: boolean;
}

/** When faults begin, in ms after the start: each way is healthy for long enough by then that it counts as known. */
const BEGIN = 1500;

/** A fault at a host and a plane, by their indexes, in ms. */
function fault(kind: FaultKind, host = 0, plane = 0, at = BEGIN, lasts = 1000): Fault {
  return { kind, at, lasts, host, plane, serial: 0, seed: 1 };
}

/** Kernels that leave it to the agent to answer for its alias. */
const hardened: Partial<ClusterOptions> = {
  settings: () => ({ rpFilter: 0, arpIgnore: 1, addressed: true }),
};

const { options: beacon } = DEFAULT_BEACONS;
const speaking: Partial<ClusterOptions> = { beacons: DEFAULT_BEACONS };

/** Alpha's file doesn't name beta, which goes after a short silence. */
const discovering: Partial<ClusterOptions> = {
  beacons: { ...DEFAULT_BEACONS, listed: (host) => host !== 1, options: { ...beacon, expire: 600 } },
};

/** Alpha wants to be reached by the second plane. */
const wishing: BeaconPlan = {
  ...DEFAULT_BEACONS,
  priority: (host, plane) => (host === 0 && plane === 1 ? 200 : 0),
};

function probing(change: Partial<Topology['probe']>): CoreMaker {
  return misled((topology) => ({ ...topology, probe: { ...topology.probe, ...change } }));
}

function saying(change: Partial<typeof beacon>): CoreMaker {
  return misled((topology) => ({ ...topology, beacon: { ...topology.beacon!, ...change } }));
}

/** For every rule, how it is broken. */
export const PROOFS: Readonly<Record<Rule, Proof | readonly Proof[]>> = {
  'kernel-failover': {
    since: 'leaves routes without carrier to be used',
    coreOf: omitting(
      (step) => step.operation === 'change-setting' && step.setting === 'ignore_routes_with_linkdown',
    ),
    // Promised whether or not an agent runs.
    faults: [fault('stop'), fault('pull', 0, 0, BEGIN + 100, 500)],
  },
  'one-step': {
    since: 'takes its steps twice where a path is down',
    coreOf: broken((actions) =>
      tells(actions, 'path-down') ? { ...actions, steps: [...actions.steps, ...actions.steps] } : actions,
    ),
    faults: [fault('silence')],
  },
  'no-route': {
    since: 'puts back an alias, and not the routes that went with it',
    coreOf: broken((actions) => (tells(actions, 'repaired') ? without(actions, addsRoute) : actions)),
    faults: [fault('tamper-alias')],
  },
  'last-route': {
    since: 'takes the routes of both planes out where a link is lost',
    coreOf: broken((actions) => ({
      ...actions,
      steps: actions.steps.flatMap((step) => {
        if (step.operation !== 'remove-route' || step.route.type !== 'unicast') return [step];
        const { device, metric } = step.route;
        return [step, { ...step, route: { ...step.route, device: device + 1, metric: metric + 10 } }];
      }),
    })),
    faults: [fault('pull')],
  },
  'foreign-route': {
    since: 'sets no guards',
    coreOf: omitting((step) => step.operation === 'add-route' && step.route.type === 'unreachable'),
    faults: [fault('link-down', 0, 0), fault('link-down', 0, 1)],
  },
  adoption: {
    since: 'takes over no routes from its former run',
    coreOf: altered((core) => {
      const start = core.start.bind(core);
      core.start = (links, table, now) => start(links, { ...table, routes: [] }, now);
    }),
    faults: [fault('silence', 1), fault('stop', 0, 0, BEGIN + 500, 100)],
  },
  residue: [
    {
      since: 'sets no route again by a link that failed',
      coreOf: neverBack(),
      faults: [fault('silence', 1)],
      thorough: true,
    },
    {
      since: 'resolves no address ahead',
      coreOf: omitting(({ operation }) => operation === 'set-neighbor'),
      thorough: true,
    },
  ],
  blame: {
    since: 'reads nothing that comes on one link for a while',
    coreOf: deaf(() => (_, link, now) => link === 'eth0' && now > 2000 && now < 2500),
  },
  flap: {
    since: 'misses each tenth answer',
    coreOf: deaf(() => {
      const tenth = each(10);
      return ({ bytes }) => isArpReply(bytes) && tenth();
    }),
  },
  unreached: {
    since: 'leaves the entry of a card that has another address now',
    coreOf: neverReplacing(),
    faults: [fault('new-mac', 1)],
  },
  'dead-route': [
    {
      since: 'takes no route out where a path is silent',
      coreOf: keepingRoutes('silence'),
      faults: [fault('silence', 1)],
    },
    {
      since: 'asks once more before a path is down',
      coreOf: probing({ misses: DEFAULT_PROBE.misses + 1 }),
      // As soon as it may be after a request that was answered.
      faults: [fault('silence', 1, 0, BEGIN + 4)],
    },
  ],
  'calm-loss': { since: 'has a wrong entry for a moment again and again', coreOf: blinking() },
  disagreement: {
    since: 'does not state the priorities of its links',
    coreOf: misled((topology) => ({
      ...topology,
      links: topology.links.map((link) => ({ ...link, priority: 0 })),
    })),
    options: { beacons: wishing },
  },
  'answer-missing': {
    since: 'leaves each fiftieth request without an answer',
    coreOf: brokenEach(() => {
      const fiftieth = each(50);
      return (actions) => ({
        ...actions,
        sends: actions.sends.filter(({ frame }) => !isArpReply(frame) || !fiftieth()),
      });
    }),
    options: hardened,
  },
  'answer-twice': {
    since: 'answers each request twice',
    coreOf: broken((actions) => ({
      ...actions,
      sends: actions.sends.flatMap((send) => (isArpReply(send.frame) ? [send, send] : [send])),
    })),
    options: hardened,
  },
  'withdrawn-route': {
    since: 'takes no route out where its peer withdraws a link',
    coreOf: keepingRoutes('withdrawn'),
    options: speaking,
    faults: [fault('pull', 1)],
  },
  'drained-route': {
    since: 'takes no route out where its own link is drained',
    coreOf: broken((actions, event) => (event?.type === 'drain' ? without(actions, removesRoute) : actions)),
    faults: [fault('drain')],
  },
  'drained-use': {
    since: 'takes no route out where nobody answers any more',
    coreOf: keepingRoutes(),
    faults: [fault('drain', 1)],
  },
  'epoch-back': {
    since: 'forgets at once how new the last beacons of a silent peer were',
    coreOf: saying({ expire: 1 }),
    options: speaking,
    faults: [fault('clock-back', 1)],
  },
  'epoch-ignored': {
    since: 'takes the beacons of one run of each host alone',
    coreOf: loyal(),
    options: speaking,
    faults: [fault('stop', 1)],
  },
  'beacons-missed': {
    since: 'reads no beacons for a while',
    coreOf: deaf(
      () =>
        ({ bytes }, _, now) =>
          !isArp(bytes) && now > 2000 && now < 2300,
    ),
    options: speaking,
  },
  'forgotten-early': {
    since: 'forgets discovered hosts after a sixth of the time',
    coreOf: saying({ expire: 100 }),
    options: discovering,
    faults: [fault('stop', 1, 0, BEGIN, 1500)],
  },
  'forgotten-late': {
    since: 'forgets discovered hosts after twice the time',
    coreOf: saying({ expire: 1200 }),
    options: discovering,
    faults: [fault('stop', 1, 0, BEGIN, 1500)],
  },
  'joined-unnoticed': {
    since: 'does not know its own beacons',
    coreOf: deaf(
      (host) =>
        ({ bytes }) =>
          beaconOf(bytes)?.host === host,
    ),
    options: speaking,
    faults: [fault('join')],
  },
  frames: { since: 'asks each 40 ms instead of each 50', coreOf: probing({ interval: 40 }) },
  beacons: {
    since: 'sends each 40 ms instead of each 50',
    coreOf: saying({ interval: 0.8 * beacon.interval }),
    options: speaking,
  },
  'wake-ups': [
    {
      since: 'wants to be woken at once, always',
      coreOf: altered((core) => Object.defineProperty(core, 'wakeAt', { value: 0 })),
    },
    { since: 'wants to be woken each 10 ms', coreOf: restless(10) },
  ],
  memory: { since: 'remembers all that happens', coreOf: hoarding() },
  exception: {
    since: 'throws where a link is lost',
    coreOf: broken((actions) => {
      if (tells(actions, 'carrier-lost')) throw new Error('broken');
      return actions;
    }),
    faults: [fault('pull')],
  },
};
