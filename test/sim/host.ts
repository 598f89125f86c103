import type { Seal } from '../../agent/core/seal';
import type { Topology } from '../../agent/core/topology';
import { nextEpoch } from '../../agent/kernel/record';
import type { Ipv4, Mac } from '../../agent/wire/address';
import { Agent, type AgentPlace } from './agent';
import { type InitialSettings, KernelLink, type WireWitness } from './card';
import { Kernel, type KernelWatcher } from './kernel';
import { fakeSeal } from './seal';
import type { Wire } from './wire';

/** Where MAC addresses of cards begin: locally administered (IEEE 802, 8.4). */
const FIRST_MAC = 0x020000000000;
/** What the system's clock says when the world begins, in ms since 1970. */
const WALL_ORIGIN = 1_795_000_000_000;

/** What a host is made from. */
export interface HostOptions {
  readonly index: number;
  readonly topology: Topology;
  /** of its beacons; undefined where it sends none */
  readonly seal: Seal | undefined;
  readonly wire: Wire;
  readonly place: Omit<AgentPlace, 'kernel' | 'onEnd'>;
  readonly settings: InitialSettings;
  readonly watcher: KernelWatcher;
  readonly witness: WireWitness;
}

/** One host of the cluster: a kernel with its cards, and an agent while one runs. */
export class Host {
  readonly name: string;
  readonly alias: Ipv4;
  readonly kernel: Kernel;
  /** by plane */
  readonly links: readonly KernelLink[];
  agent: Agent | undefined;
  powered = true;
  /** whether an agent has run since the host booted: from then on its peers are protected */
  protected = false;
  /** ms that its system's clock is ahead of the world's */
  wallOffset = 0;
  private cards = 0;
  /** of the last run's beacons, as it was recorded; undefined since the boot */
  private epoch: number | undefined;
  /** links that the last run had drained, as it was recorded */
  private drained = new Set<string>();

  constructor(private readonly options: HostOptions) {
    const { index, topology, wire, watcher, settings, place, witness } = options;
    this.name = topology.host;
    this.alias = topology.aliases[0]!;
    this.kernel = new Kernel(watcher);
    const world = { clock: place.clock, origin: place.origin, wire, witness };
    this.links = topology.links.map(({ name, plane }) => {
      const mac = this.newMac();
      const ifindex = 2 + plane + 10 * index;
      const { kernel } = this;
      const backplane = wire.backplanes[plane]!;
      const link = new KernelLink(name, ifindex, mac, backplane, settings, kernel, this.name, world);
      this.kernel.links.set(name, link);
      return link;
    });
  }

  /** A time of the world on the monotonic clock of this host, in ms, and the other way round. */
  toHost(time: number): number {
    return time + this.options.place.origin;
  }

  toWorld(time: number): number {
    return time - this.options.place.origin;
  }

  link(plane: number): KernelLink {
    const link = this.links[plane];
    if (link === undefined) throw new RangeError(`${this.name} is not on plane ${plane}`);
    return link;
  }

  /** Whether packets to a host leave by routes of ours: the file names it, it was discovered, or a former run of the agent left its routes. */
  knows(other: Host): boolean {
    const { topology } = this;
    const peers = this.agent?.core.registry ?? { peerNamed: () => undefined };
    if (topology.peers.some(({ name }) => name === other.name) || peers.peerNamed(other.name) !== undefined)
      return true;
    return this.kernel.routes.some(({ destination }) => destination.address === other.alias);
  }

  get topology(): Topology {
    return this.options.topology;
  }

  /** Whether it sends and takes beacons. */
  get speaks(): boolean {
    return this.options.seal !== undefined && this.options.topology.beacon !== undefined;
  }

  /** Starts an agent where none runs. One that is given a number of steps in the kernel is killed before the next one. */
  start(steps = Number.POSITIVE_INFINITY): void {
    if (this.agent !== undefined || !this.powered) return;
    const { topology, place, seal, witness } = this.options;
    this.epoch = nextEpoch(this.epoch, WALL_ORIGIN + this.wallOffset + place.clock.now);
    this.agent = new Agent(
      topology,
      { ...place, kernel: this.kernel, onEnd: () => this.kill() },
      this.epoch,
      seal,
      this.drained,
    );
    this.agent.stepsLeft = steps;
    witness.agentStarted(this.name);
    this.agent.start();
    this.protected ||= this.agent !== undefined;
  }

  /** The agent reads its configuration again, with these keys. */
  rekey(keys: readonly number[]): void {
    this.agent?.use(this.topology, fakeSeal(keys));
  }

  /** The agent ends, by whatever means. */
  kill(): void {
    const drained = this.links.filter((link) => this.agent?.isDrained(link.name));
    if (this.agent !== undefined) this.drained = new Set(drained.map(({ name }) => name));
    this.agent?.kill();
    this.agent = undefined;
    this.options.witness.agentEnded(this.name);
  }

  /** The power fails. */
  crash(): void {
    this.kernel.changing();
    this.kill();
    this.setPower(false);
  }

  /** The host comes back from a crash, with an agent: see {@link start}. */
  boot(steps?: number): void {
    if (this.powered) return;
    this.kernel.reset();
    // The record lies in /run.
    this.epoch = undefined;
    this.drained.clear();
    this.protected = false;
    this.setPower(true);
    this.start(steps);
  }

  /** Whether a link is drained, also while no agent runs. */
  isDrained({ name }: KernelLink): boolean {
    return this.agent?.isDrained(name) ?? this.drained.has(name);
  }

  /** Whether peers are kept from a link: it is drained, and not in use all the same. */
  isWithheld(link: KernelLink): boolean {
    return this.agent?.isWithheld(link.name) ?? this.isDrained(link);
  }

  /** The operator gives a link back; where no agent runs, its time is over before the next one starts. */
  undrain({ name }: KernelLink): void {
    this.drained.delete(name);
    this.agent?.undrain(name);
  }

  /** Gives a card another address. */
  changeMac(plane: number): Mac {
    const mac = this.newMac();
    this.link(plane).setMac(mac);
    return mac;
  }

  private setPower(powered: boolean): void {
    this.powered = powered;
    for (const link of this.links) link.powered = powered;
  }

  private newMac(): Mac {
    this.cards += 1;
    return (FIRST_MAC + 0x10000 * this.options.index + this.cards) as Mac;
  }
}
