import type { Cluster, ClusterOptions } from './cluster';
import { describeFault, FAULT_KINDS, type Fault, type FaultKind, inflict, placeOf } from './fault';
import { Random } from './random';
import { type BeaconPlan, DEFAULT_BEACONS, DEFAULT_PROBE } from './topology';
import { CLEAN, type Conditions } from './wire';

/** What can happen to beacons alone. */
const OF_BEACONS: readonly FaultKind[] = ['clock-back', 'forge-beacon'];
/** Kinds that are drawn more often than once, relative to the others. */
const WEIGHTS: Partial<Record<FaultKind, number>> = { pull: 3, silence: 3, drain: 2, kill: 2, pause: 2 };

/** Shares of the seeds with no beacons at all, and with beacons of all hosts; the others are mixed. */
const SILENT = 0.3;
const ALL = 0.45;

/** How many faults there are in how many ms, and how often a schedule is like that. */
const PACES = [
  { share: 0.3, faults: [2, 10], length: [1500, 4000] },
  { share: 0.66, faults: [30, 150], length: [3000, 8000] },
  // As long as what happens rarely takes: announcements, audits, hosts that are forgotten.
  { share: 0.04, faults: [20, 200], length: [20_000, 70_000] },
] as const;

/** A cluster and what happens to it, all from one seed. */
export interface Schedule {
  readonly seed: number;
  readonly options: Partial<ClusterOptions>;
  /** by time */
  readonly faults: readonly Fault[];
  /** ms from the start until everything is mended */
  readonly length: number;
}

/** The schedule that a seed stands for. */
export function scheduleOf(seed: number): Schedule {
  const random = new Random(seed);
  const hosts = random.pick([2, 3, 3, 4, 5, 6]);
  const planes = random.pick([2, 2, 2, 3]);
  const pace = drawPace(random);
  const length = random.between(pace.length[0], pace.length[1]);
  const count = Math.round(random.between(pace.faults[0], pace.faults[1]));
  const beacons = drawBeacons(random.fork(), hosts, planes);
  const kinds = drawKinds(random, beacons !== undefined);
  const faults = drawFaults(random, kinds, count, hosts, planes, length);
  const hardened = random.below(2 * hosts);
  const filters = Array.from({ length: hosts }, () => random.pick([0, 1, 2]));
  const unaddressed = random.below(2 * hosts);
  const options: Partial<ClusterOptions> = {
    seed,
    hosts,
    planes,
    beacons,
    probe: random.chance(0.3)
      ? { ...DEFAULT_PROBE, interval: 10, retry: 2, hold: 200 }
      : { ...DEFAULT_PROBE, hold: random.pick([0, 100, 1000]) },
    conditions: drawConditions(random),
    latency: random.between(0, 0.3),
    settings: (host) => ({
      rpFilter: filters[host]!,
      arpIgnore: host === hardened ? 1 : 0,
      addressed: host !== unaddressed,
    }),
  };
  return { seed, options, faults, length };
}

/** Lets the faults of a schedule happen and be mended; time does not move here. */
export function plan(cluster: Cluster, { faults }: Schedule): void {
  for (const fault of faults) {
    cluster.clock.after(fault.at, () => {
      cluster.trace.text(fault.kind);
      const mend = inflict(cluster, fault);
      cluster.clock.after(fault.lasts, mend);
    });
  }
}

export function describeSchedule({ options, faults }: Schedule): string {
  const { hosts = 0, planes = 0, probe, conditions, latency, beacons } = options;
  const lines = faults.map((fault) => `  ${describeFault(fault)}`);
  const said = beacons && describeBeacons(beacons, hosts, planes);
  return [JSON.stringify({ hosts, planes, probe, conditions, latency, beacons: said }), ...lines].join('\n');
}

function drawPace(random: Random): (typeof PACES)[number] {
  let share = random.next();
  for (const pace of PACES) {
    if (share < pace.share) return pace;
    share -= pace.share;
  }
  return PACES[0];
}

/**
 * Which kinds of faults happen at all: in each schedule others, since what one kind covers up another one may need (Groce et al., "Swarm
 * Testing", 2012).
 */
function drawKinds(random: Random, withBeacons: boolean): FaultKind[] {
  const possible = FAULT_KINDS.filter((kind) => withBeacons || !OF_BEACONS.includes(kind));
  const share = random.pick([0.15, 0.5, 1]);
  const kinds = possible.filter(() => random.next() < share);
  if (kinds.length === 0) kinds.push(random.pick(possible));
  return kinds.flatMap((kind) => Array.from({ length: WEIGHTS[kind] ?? 1 }, () => kind));
}

function drawConditions(random: Random): Conditions {
  const chance = (share: number, most: number) => (random.chance(share) ? random.between(0.001, most) : 0);
  return {
    ...CLEAN,
    delay: random.between(0.01, 0.2),
    jitter: random.between(0, 0.1),
    loss: chance(0.15, 0.2),
    duplication: chance(0.15, 0.2),
    reordering: chance(0.15, 0.2),
    held: 0.3,
  };
}

/** Which hosts send beacons, what they state, and whether the file of the others names them. */
function drawBeacons(random: Random, hosts: number, planes: number): BeaconPlan | undefined {
  const share = random.next();
  if (share < SILENT) return undefined;
  const all = share < SILENT + ALL;
  const speakers = Array.from({ length: hosts }, () => all || random.chance(0.6));
  const unlisted = random.below(2 * hosts);
  const wish = () => random.pick([0, 0, 0, 100, 200]);
  const wishes = speakers.map(() => Array.from({ length: planes }, wish));
  return {
    options: {
      ...DEFAULT_BEACONS.options,
      interval: random.pick([10, 50, 50, 100]),
      verify: random.pick([200, 1000]),
      expire: random.pick([300, 1500, 60_000]),
    },
    speaks: (host) => speakers[host]!,
    listed: (host) => host !== unlisted || !speakers[host],
    priority: (host, plane) => wishes[host]![plane]!,
    keys: DEFAULT_BEACONS.keys,
  };
}

function describeBeacons({ options, ...of }: BeaconPlan, hosts: number, planes: number) {
  const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);
  return {
    options,
    speakers: indexes(hosts).filter(of.speaks),
    unlisted: indexes(hosts).filter((host) => !of.listed(host)),
    priorities: indexes(hosts).map((host) => indexes(planes).map((plane) => of.priority(host, plane))),
  };
}

function drawFaults(
  random: Random,
  kinds: readonly FaultKind[],
  count: number,
  hosts: number,
  planes: number,
  length: number,
): Fault[] {
  const faults: Fault[] = [];
  const freeAt = new Map<string, number>();
  const times = Array.from({ length: count }, () => random.between(0, 0.8 * length));
  for (const at of times.sort((a, b) => a - b)) {
    const lasts = random.pick([0.1, 3, 30, 300, 1500]) * random.between(0.5, 2);
    const fault: Fault = {
      kind: random.pick(kinds),
      at,
      lasts: Math.min(length - at, lasts),
      host: random.below(hosts),
      plane: random.below(planes),
      serial: faults.length,
      seed: random.below(0x100000000),
    };
    const place = placeOf(fault);
    if ((freeAt.get(place) ?? 0) > at) continue;
    freeAt.set(place, at + fault.lasts);
    faults.push(fault);
  }
  return faults;
}
