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
  readonly place: Omit<AgentPlace, 'kernel' | 'onEnd' | 'onReload'>;
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
  /** when an agent last started, ended, or was stopped or slowed down from without */
  agentChangedAt = 0;
  /** when an agent last ended that answered ARP: what it had not answered yet, nobody does */
  answererEndedAt = Number.NEGATIVE_INFINITY;
  /** when its file was last another one: paths may be new since then, and presumed to work */
  reloadedAt = Number.NEGATIVE_INFINITY;
  /** ms that its system's clock is ahead of the world's */
  wallOffset = 0;
  private cards = 0;
  /** of the last run's beacons, as it was recorded; undefined since the boot */
  private epoch: number | undefined;
  /** how often an agent has ended */
  private ends = 0;
  /** an agent has ended, and what only a living one may leave changed was not put back yet */
  private unreleased = false;
  private current: Topology;
  private seal: Seal | undefined;
  /** links that the last run had drained, as it was recorded */
  private drained = new Set<string>();

  constructor(private readonly options: HostOptions) {
    const { index, topology, wire, watcher, settings, place, witness } = options;
    this.current = topology;
    this.seal = options.seal;
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

  /** ms of the world */
  get now(): number {
    return this.options.place.clock.now;
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
    // A file that an agent has not read yet changes nothing.
    const topology = this.agent?.topology ?? this.current;
    const peers = this.agent?.core.registry ?? { peerNamed: () => undefined };
    if (topology.peers.some(({ name }) => name === other.name) || peers.peerNamed(other.name) !== undefined)
      return true;
    return this.kernel.routes.some(({ destination }) => destination.address === other.alias);
  }

  /** As its file has it now. */
  get topology(): Topology {
    return this.current;
  }

  /** Whether it sends and takes beacons. */
  get speaks(): boolean {
    return this.seal !== undefined && this.current.beacon !== undefined;
  }

  /** Whether it ever did, by the file with which the world began. */
  get couldSpeak(): boolean {
    return this.options.topology.beacon !== undefined;
  }

  /** Starts an agent where none runs. One that is given a number of steps in the kernel is killed before the next one. */
  start(steps = Number.POSITIVE_INFINITY): void {
    if (this.agent !== undefined || !this.powered) return;
    const { current: topology, seal } = this;
    const { place, witness } = this.options;
    this.release();
    this.agentChangedAt = place.clock.now;
    this.epoch = nextEpoch(this.epoch, WALL_ORIGIN + this.wallOffset + place.clock.now);
    this.agent = new Agent(
      topology,
      {
        ...place,
        kernel: this.kernel,
        onEnd: () => this.kill(),
        onReload: () => witness.reloaded(this.name),
      },
      this.epoch,
      seal,
      this.drained,
    );
    this.agent.stepsLeft = steps;
    witness.agentStarted(this.name);
    this.agent.start();
    this.protected ||= this.agent !== undefined;
    witness.agentAdopted(this.name);
  }

  /** The agent reads its configuration again, with these keys. */
  rekey(keys: readonly number[]): void {
    this.seal = fakeSeal(keys);
    this.agent?.use(this.topology, this.seal);
  }

  /** The file is another one, and the agent, where one runs, reads it. */
  reload(topology: Topology): void {
    const spoke = this.speaks;
    this.current = topology;
    this.reloadedAt = this.now;
    if (spoke !== this.speaks) this.options.witness.agentStarted(this.name);
    this.agent?.use(topology, this.seal);
  }

  /** The file is as it was in the beginning. */
  reloadFormer(): void {
    this.reload(this.options.topology);
  }

  /**
   * The agent ends, by whatever means.
   * @param release ms until the service manager has put back what only a living agent may leave changed; 0 where the agent itself does
   */
  kill(release = 0): void {
    if (this.agent !== undefined) {
      const drained = this.links.filter((link) => this.agent?.isDrained(link.name));
      this.drained = new Set(drained.map(({ name }) => name));
      this.unreleased = true;
      this.ends += 1;
      if (this.agent.core.responder.acting === 'agent') this.answererEndedAt = this.now;
      this.agentChangedAt = this.options.place.clock.now;
    }
    this.agent?.kill();
    this.agent = undefined;
    this.options.witness.agentEnded(this.name);
    if (release === 0) this.release();
    const { ends } = this;
    this.options.place.clock.after(release, () => {
      if (ends === this.ends) this.release();
    });
  }

  private release(): void {
    if (!this.unreleased) return;
    this.unreleased = false;
    for (const { name } of this.links) {
      if (!this.drained.has(name))
        this.kernel.apply({ operation: 'restore-setting', link: name, setting: 'arp_ignore' });
    }
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
    this.unreleased = false;
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

  /** A card is taken out, or one with another address is put in. */
  setCard(plane: number, present: boolean): void {
    if (present) this.link(plane).insert(this.newMac());
    else this.link(plane).remove();
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
