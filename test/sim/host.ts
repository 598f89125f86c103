import type { Topology } from '../../agent/core/topology';
import type { Ipv4, Mac } from '../../agent/wire/address';
import { Agent, type AgentPlace } from './agent';
import { type ArpWitness, type InitialSettings, KernelLink } from './card';
import { Kernel, type KernelWatcher } from './kernel';
import type { Wire } from './wire';

/** Where MAC addresses of cards begin: locally administered (IEEE 802, 8.4). */
const FIRST_MAC = 0x020000000000;

/** What a host is made from. */
export interface HostOptions {
  readonly index: number;
  readonly topology: Topology;
  readonly wire: Wire;
  readonly place: Omit<AgentPlace, 'kernel'>;
  readonly settings: InitialSettings;
  readonly watcher: KernelWatcher;
  readonly witness: ArpWitness;
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
  private cards = 0;

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

  link(plane: number): KernelLink {
    const link = this.links[plane];
    if (link === undefined) throw new RangeError(`${this.name} is not on plane ${plane}`);
    return link;
  }

  /** Starts an agent where none runs. */
  start(): void {
    if (this.agent !== undefined || !this.powered) return;
    this.agent = new Agent(this.options.topology, { ...this.options.place, kernel: this.kernel });
    this.agent.start();
    this.protected = true;
  }

  /** The agent ends, by whatever means. */
  kill(): void {
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

  /** The host comes back from a crash, with an agent. */
  boot(): void {
    if (this.powered) return;
    this.kernel.reset();
    this.protected = false;
    this.setPower(true);
    this.start();
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
