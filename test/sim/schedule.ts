import type { Cluster, ClusterOptions } from './cluster';
import { DEFAULT_PROBE } from './cluster';
import { describeFault, type Fault, type FaultKind, inflict, placeOf } from './fault';
import { Random } from './random';

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
  ['kill', 2],
  ['pause', 2],
  ['crash', 1],
  ['tamper', 2],
  ['forge', 2],
];
const KINDS = WEIGHTS.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));

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
  const faults = drawFaults(random, hosts, planes, length);
  const hardened = random.below(2 * hosts);
  const unaddressed = random.below(2 * hosts);
  const options: Partial<ClusterOptions> = {
    seed,
    hosts,
    planes,
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
  const { hosts, planes, probe, conditions } = options;
  const lines = faults.map((fault) => `  ${describeFault(fault)}`);
  return [JSON.stringify({ hosts, planes, probe, conditions }), ...lines].join('\n');
}

function drawFaults(random: Random, hosts: number, planes: number, length: number): Fault[] {
  const faults: Fault[] = [];
  const freeAt = new Map<string, number>();
  const times = Array.from({ length: 2 + random.below(9) }, () => random.between(0, 0.8 * length));
  for (const at of times.sort((a, b) => a - b)) {
    const lasts = random.pick([0.1, 3, 30, 300, 1500]) * random.between(0.5, 2);
    const fault: Fault = {
      kind: random.pick(KINDS),
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
