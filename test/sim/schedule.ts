import type { Cluster, ClusterOptions } from './cluster';
import { describeFault, type Fault, type FaultKind, inflict, placeOf } from './fault';
import { Random } from './random';
import { type BeaconPlan, DEFAULT_BEACONS, DEFAULT_PROBE } from './topology';

/** How often each kind is drawn, relative to the others. */
const WEIGHTS: readonly (readonly [FaultKind, number])[] = [
  ['pull', 5],
  ['silence', 4],
  ['deaf', 2],
  ['mute', 2],
  ['switch-off', 2],
  ['switch-hang', 1],
  ['link-down', 2],
  ['new-mac', 1],
  ['drain', 4],
  ['kill', 2],
  ['pause', 2],
  ['crash', 1],
  ['tamper', 2],
  ['forge', 2],
];
/** What can happen to beacons alone. */
const BEACON_WEIGHTS: typeof WEIGHTS = [
  ['clock-back', 2],
  ['forge-beacon', 3],
];

/** Shares of the seeds with no beacons at all, and with beacons of all hosts; the others are mixed. */
const SILENT = 0.3;
const ALL = 0.45;

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
  const hosts = random.pick([2, 3, 3, 4]);
  const planes = random.pick([2, 2, 2, 3]);
  const length = random.between(1500, 4000);
  const beacons = drawBeacons(new Random(seed ^ 0xbeac), hosts, planes);
  const kinds = kindsOf(beacons === undefined ? WEIGHTS : [...WEIGHTS, ...BEACON_WEIGHTS]);
  const faults = drawFaults(random, kinds, hosts, planes, length);
  const hardened = random.below(2 * hosts);
  const unaddressed = random.below(2 * hosts);
  const options: Partial<ClusterOptions> = {
    seed,
    hosts,
    planes,
    beacons,
    probe: random.chance(0.3)
      ? { ...DEFAULT_PROBE, interval: 10, retry: 2, hold: 200 }
      : { ...DEFAULT_PROBE, hold: random.pick([0, 100, 1000]) },
    conditions: {
      delay: random.between(0.01, 0.2),
      jitter: random.between(0, 0.1),
      loss: random.chance(0.25) ? random.between(0.001, 0.2) : 0,
    },
    latency: random.between(0, 0.3),
    settings: (host) => ({
      rpFilter: random.pick([0, 1, 2]),
      arpIgnore: host === hardened ? 1 : 0,
      addressed: host !== unaddressed,
    }),
  };
  return { seed, options, faults, length };
}

/** Lets the faults of a schedule happen and be mended; time does not move here. */
export function plan(cluster: Cluster, { faults, seed }: Schedule): void {
  const random = new Random(seed ^ 0x5eed);
  for (const fault of faults) {
    cluster.clock.after(fault.at, () => {
      cluster.trace.text(fault.kind);
      const mend = inflict(cluster, fault, random);
      cluster.clock.after(fault.lasts, mend);
    });
  }
}

export function describeSchedule({ options, faults }: Schedule): string {
  const { hosts = 0, planes = 0, probe, conditions, beacons } = options;
  const lines = faults.map((fault) => `  ${describeFault(fault)}`);
  const said = beacons && describeBeacons(beacons, hosts, planes);
  return [JSON.stringify({ hosts, planes, probe, conditions, beacons: said }), ...lines].join('\n');
}

function kindsOf(weights: typeof WEIGHTS): FaultKind[] {
  return weights.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));
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
  hosts: number,
  planes: number,
  length: number,
): Fault[] {
  const faults: Fault[] = [];
  const freeAt = new Map<string, number>();
  const times = Array.from({ length: 2 + random.below(9) }, () => random.between(0, 0.8 * length));
  for (const at of times.sort((a, b) => a - b)) {
    const lasts = random.pick([0.1, 3, 30, 300, 1500]) * random.between(0.5, 2);
    const fault: Fault = {
      kind: random.pick(kinds),
      at,
      lasts: Math.min(length - at, lasts),
      host: random.below(hosts),
      plane: random.below(planes),
    };
    const place = placeOf(fault);
    if ((freeAt.get(place) ?? 0) > at) continue;
    freeAt.set(place, at + fault.lasts);
    faults.push(fault);
  }
  return faults;
}
