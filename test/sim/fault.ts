import type { Cluster } from './cluster';
import { forge, forgeBeacon, repeatedly } from './forgery';
import type { Host } from './host';
import { Random } from './random';
import { reload } from './reload';
import { type Conditions, UNDISTURBED } from './wire';

/** One fault at one place, from a time until it is mended. */
export interface Fault {
  readonly kind: FaultKind;
  /** ms after the start of the schedule */
  readonly at: number;
  /** ms */
  readonly lasts: number;
  /** index of the host; of no meaning for a switch */
  readonly host: number;
  readonly plane: number;
  /** its number in the schedule of its seed */
  readonly serial: number;
  /** of whatever is drawn while it happens, so that it is the same whichever other faults there are */
  readonly seed: number;
}

/** Where a fault happens, and how. */
interface Scene {
  readonly cluster: Cluster;
  readonly host: Host;
  readonly plane: number;
  readonly random: Random;
}

/** Makes it happen; what mends it. */
type Inflict = (scene: Scene) => () => void;

/** What a fault holds on to until it is mended: two faults never share it. */
type Place = 'port' | 'link' | 'mac' | 'operator' | 'agent' | 'file' | 'forger' | 'switch' | 'wire' | 'cable';

/** How far a system's clock is set, in ms. */
const CLOCK_STEPS = [-7_200_000, -3_600_000, 3_600_000, 86_400_000];
const CLOCK_BACK = -3_600_000;
/** How late a slow host's agent gets the processor, in ms. */
const SLOWNESS = [3, 20, 80];
/** How long frames are under way where a switch is busy, in ms at most. */
const DELAYS = [2, 8, 25];
/** How long a frame may be held back at most, in ms: less than an agent waits for an answer. */
const HELD = 0.3;
/** The longest time until the service manager has put back what a killed agent has left, in ms. */
const MOST_RELEASE = 30;

const nothing = () => undefined;

/** Everything that can be done to a cluster: what it holds on to, and how it is done. */
const FAULTS = {
  /** the card's cable is pulled */
  pull: ['port', ({ host, plane }) => cable(host, plane)],
  /** the switch port drops every frame, without a word */
  silence: ['port', (scene) => port(scene, false, false)],
  /** only those toward the card, or only those from it */
  deaf: ['port', (scene) => port(scene, false, true)],
  mute: ['port', (scene) => port(scene, true, false)],
  /** the whole switch loses its power, or keeps it and passes nothing */
  'switch-off': ['switch', power],
  'switch-hang': ['switch', hang],
  /** a cable joins the plane to the next one */
  join: ['cable', join],
  /** the switch loses frames by chance, lets them arrive twice, out of order, or late */
  lossy: ['wire', (scene) => disturb(scene, { loss: scene.random.pick([0.05, 0.3, 0.9]) })],
  duplicating: ['wire', (scene) => disturb(scene, { duplication: 0.5 })],
  reordering: ['wire', (scene) => disturb(scene, { reordering: 0.5, held: HELD })],
  delaying: ['wire', delay],
  /** the link is administratively taken down */
  'link-down': ['link', linkDown],
  /** the card is taken out, and another one put in */
  'card-swap': ['link', swapCard],
  /** the card gets another address */
  'new-mac': ['mac', ({ host, plane }) => only(() => host.changeMac(plane))],
  /** the operator drains the link, and then gives it back */
  drain: ['operator', drain],
  /** the agent ends by a signal that it heeds, or by one that it doesn't */
  stop: ['agent', ({ host }) => killed(host, 0)],
  kill: ['agent', ({ host, random }) => killed(host, random.pick([0, random.between(0, MOST_RELEASE)]))],
  /** it ends between two steps of its next plan, and its successor is ended at its start as well */
  'kill-between': ['agent', killBetween],
  /** the agent stands still, or gets the processor late */
  pause: ['agent', pause],
  slow: ['agent', slow],
  /** the host loses its power, and in the second case comes back with an earlier time */
  crash: ['agent', crash],
  'clock-back': ['agent', (scene) => stepBack(scene)],
  /** the system's clock is set forward or back, and stays so */
  'clock-step': ['agent', ({ host, random }) => only(() => setClock(host, random.pick(CLOCK_STEPS)))],
  /** somebody else deletes one of our routes, all our neighbor entries, or the alias */
  tamper: ['agent', tamper],
  'tamper-neighbors': ['agent', ({ host }) => only(() => host.agent && host.kernel.tamperNeighbors())],
  'tamper-alias': ['agent', ({ host }) => only(() => host.agent && host.kernel.tamperAlias(host.alias))],
  /** the file is changed, and the agent reads it again; then it is as before */
  reload: ['file', ({ host, random }) => reload(host, random)],
  /** somebody on the plane forges announcements and answers of the host */
  forge: ['forger', forgery(forge)],
  /** somebody without the key sends beacons of the host: forged, damaged or recorded ones */
  'forge-beacon': ['forger', forgery(forgeBeacon)],
} as const satisfies Record<string, readonly [Place, Inflict]>;

export type FaultKind = keyof typeof FAULTS;

export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

/** What a fault holds on to until it is mended: two faults never share it. */
export function placeOf({ kind, host, plane }: Fault): string {
  const [place] = FAULTS[kind];
  switch (place) {
    case 'cable':
      return place;
    case 'switch':
    case 'wire':
      return `${place} ${plane}`;
    case 'agent':
    case 'file':
      return `${place} ${host}`;
    default:
      return `${place} ${host} ${plane}`;
  }
}

export function describeFault({ serial, kind, at, lasts, host, plane }: Fault): string {
  return `${serial}: ${kind} host ${host} plane ${plane} at ${at.toFixed(2)} for ${lasts.toFixed(2)} ms`;
}

/** Makes something fail at a named host now; what mends it. */
export function fail(cluster: Cluster, kind: FaultKind, host: string, plane = 0): () => void {
  const index = cluster.hosts.indexOf(cluster.host(host));
  return inflict(cluster, { kind, at: 0, lasts: 0, host: index, plane, serial: 0, seed: 1 });
}

/** Makes a fault happen now; what mends it. */
export function inflict(cluster: Cluster, { kind, host, plane, seed }: Fault): () => void {
  const make: Inflict = FAULTS[kind][1];
  return make({ cluster, host: cluster.hosts[host]!, plane, random: new Random(seed) });
}

/** Something that nobody mends. */
function only(action: () => unknown): () => void {
  action();
  return nothing;
}

function cable(host: Host, plane: number): () => void {
  const { port } = host.link(plane);
  port.setCable(false);
  return () => port.setCable(true);
}

function port({ host, plane }: Scene, toCard: boolean, fromCard: boolean): () => void {
  const { port } = host.link(plane);
  port.setPassing(toCard, fromCard);
  return () => port.setPassing(true, true);
}

function power({ cluster, plane }: Scene): () => void {
  const backplane = cluster.backplane(plane);
  backplane.setPower(false);
  return () => backplane.setPower(true);
}

function hang({ cluster, plane }: Scene): () => void {
  const backplane = cluster.backplane(plane);
  backplane.setForwards(false);
  return () => backplane.setForwards(true);
}

function join({ cluster, plane }: Scene): () => void {
  const { backplanes } = cluster.wire;
  const [one, other] = [backplanes[plane]!, backplanes[(plane + 1) % backplanes.length]!];
  if (one === other) return nothing;
  one.join(other, true, cluster.now);
  return () => one.join(other, false, cluster.now);
}

function disturb({ cluster, plane }: Scene, how: Partial<Conditions>): () => void {
  const backplane = cluster.backplane(plane);
  backplane.disturb(how, cluster.now);
  const last = (how.delay ?? 0) + (how.jitter ?? 0) + (how.held ?? 0);
  return () => backplane.disturb(UNDISTURBED, cluster.now + last);
}

function delay(scene: Scene): () => void {
  const most = scene.random.pick(DELAYS);
  scene.cluster.invariants.delayed(2 * most);
  return disturb(scene, { delay: scene.random.between(0.1, most), jitter: scene.random.between(0, most) });
}

function linkDown({ host, plane }: Scene): () => void {
  const link = host.link(plane);
  link.setUp(false);
  return () => link.setUp(true);
}

function swapCard({ host, plane }: Scene): () => void {
  host.setCard(plane, false);
  return () => host.setCard(plane, true);
}

function drain({ host, plane }: Scene): () => void {
  const link = host.link(plane);
  host.agent?.drain(link.name);
  return () => host.undrain(link);
}

function killed(host: Host, release: number): () => void {
  host.kill(release);
  return () => host.start();
}

function killBetween({ host, random }: Scene): () => void {
  const inVain = random.chance(0.4) ? random.below(12) : undefined;
  if (host.agent !== undefined) host.agent.stepsLeft = random.below(6);
  return () => {
    if (host.agent !== undefined) host.kill();
    if (inVain !== undefined) host.start(inVain);
    host.start();
    if (host.agent !== undefined) host.agent.stepsLeft = Number.POSITIVE_INFINITY;
  };
}

function pause({ host }: Scene): () => void {
  host.agent?.pause();
  host.agentChangedAt = host.now;
  return () => {
    host.agent?.resume();
    host.agentChangedAt = host.now;
  };
}

function slow({ cluster, host, random }: Scene): () => void {
  const latency = random.pick(SLOWNESS) * random.between(0.5, 1.5);
  // Where the agent answers ARP, the others learn how long that takes.
  cluster.invariants.delayed(latency);
  host.agent?.slow(latency);
  return () => {
    host.agent?.slow();
    host.agentChangedAt = host.now + latency;
  };
}

function crash({ host }: Scene): () => void {
  host.crash();
  return () => host.boot();
}

function stepBack({ host }: Scene): () => void {
  host.crash();
  setClock(host, CLOCK_BACK);
  return () => host.boot();
}

function setClock(host: Host, step: number): void {
  host.wallOffset += step;
}

function tamper({ host, random }: Scene): () => void {
  const { routes } = host.kernel;
  if (host.agent !== undefined && routes.length > 0) host.kernel.tamper(random.pick(routes));
  return nothing;
}

function forgery(act: (cluster: Cluster, victim: Host, plane: number, random: Random) => void): Inflict {
  return ({ cluster, host, plane, random }) => repeatedly(cluster, () => act(cluster, host, plane, random));
}
