import type { Fault, FaultKind } from '../sim/fault';
import { placeOf } from '../sim/fault';
import { Random } from '../sim/random';

/** What can happen in the lab as it does in the model. */
const KINDS = [
  'pull',
  'pull',
  'silence',
  'deaf',
  'mute',
  'switch-off',
  'switch-hang',
  'link-down',
  'card-swap',
  'new-mac',
  'drain',
  'drain',
  'kill',
  'stop',
  'pause',
  'tamper',
  'tamper-neighbors',
  'tamper-alias',
] as const satisfies readonly FaultKind[];

export type LabFault = Fault & { readonly kind: (typeof KINDS)[number] };

/** Something that happens, or is mended, before a quiet point. */
export interface Stage {
  readonly fault: LabFault;
  readonly mends: boolean;
}

/** How likely it is that a fault is mended rather than another one begins. */
const MENDING = 0.4;
/** Those that are over at once. */
const MOMENTARY: readonly FaultKind[] = ['new-mac', 'tamper', 'tamper-neighbors', 'tamper-alias'];
const OF_AGENTS: readonly FaultKind[] = ['kill', 'stop', 'pause'];
/** What takes an agent that runs, by its nature or since the operator asks it. */
const WITH_AGENT: readonly FaultKind[] = ['drain', 'tamper', 'tamper-neighbors', 'tamper-alias'];

/** The stages that a seed stands for: one thing after the other, and at the end everything is mended. */
export function stagesOf(seed: number, count: number, hosts: number, planes: number): Stage[] {
  const random = new Random(seed);
  const open: LabFault[] = [];
  const stages: Stage[] = [];
  const isAway = (host: number) =>
    open.some((fault) => fault.host === host && OF_AGENTS.includes(fault.kind));
  const mend = (index: number) => {
    const [fault] = open.splice(index, 1);
    stages.push({ fault: fault!, mends: true });
  };
  while (stages.length < count) {
    const index = random.below(Math.max(1, open.length));
    const mendable = open[index] !== undefined && !(open[index].kind === 'drain' && isAway(open[index].host));
    if (mendable && random.chance(MENDING)) {
      mend(index);
      continue;
    }
    const fault = drawFault(random, stages.length, hosts, planes);
    const taken = open.some((other) => placeOf(other) === placeOf(fault) || isOfOneCard(other, fault));
    if (taken || (WITH_AGENT.includes(fault.kind) && isAway(fault.host))) continue;
    stages.push({ fault, mends: false });
    if (!MOMENTARY.includes(fault.kind)) open.push(fault);
  }
  // Agents first: they are needed to give drained links back.
  open.sort((one, other) => Number(OF_AGENTS.includes(other.kind)) - Number(OF_AGENTS.includes(one.kind)));
  while (open.length > 0) mend(0);
  return stages;
}

/** A port of the lab is plugged in anew with the card, and a card that is gone has no address to change. */
function isOfOneCard(one: Fault, other: Fault): boolean {
  const cards: readonly FaultKind[] = [
    'card-swap',
    'pull',
    'silence',
    'deaf',
    'mute',
    'new-mac',
    'link-down',
  ];
  const same = one.host === other.host && one.plane === other.plane;
  const both = cards.includes(one.kind) && cards.includes(other.kind);
  return same && both && (one.kind === 'card-swap' || other.kind === 'card-swap');
}

function drawFault(random: Random, serial: number, hosts: number, planes: number): LabFault {
  return {
    kind: random.pick(KINDS),
    at: 0,
    lasts: 0,
    host: random.below(hosts),
    plane: random.below(planes),
    serial,
    seed: random.below(0x100000000),
  };
}
