import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { LabHost } from './host';
import type { Moment } from './ip-console';
import { Namespace } from './namespace';
import {
  clusterConfiguration,
  type HostOptions,
  type HostPlan,
  merge,
  planHosts,
  type Subnets,
} from './plan';
import { SANDBOX_FILES } from './sandbox';
import { type DropDirection, Switch } from './switch';
import { LabError } from './wait';

export interface LabOptions {
  readonly hosts: readonly (string | HostOptions)[];
  /** names of the planes, in order of preference */
  readonly planes: readonly string[];
  /** laid over the generated cluster file, such as `{ probe: { interval: '10ms' } }`; undefined takes a key out */
  readonly configuration?: object;
  /** default `per-plane` */
  readonly subnets?: Subnets;
}

/** One host's name, or several whose cards go at the same moment. */
export type HostNames = string | readonly string[];

function list(names: HostNames): readonly string[] {
  return typeof names === 'string' ? [names] : names;
}

/** @returns all results; where one fails, waits for the others first, so that nothing is still being made */
async function allSettled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/**
 * A cluster on this machine: each host and each plane's switch in namespaces of their own, a veth pair for each link.
 * Every fault has its inverse and returns its moment.
 */
export class Lab {
  /** the cluster file, the same for all hosts */
  readonly configurationFile: string;
  readonly planes: readonly string[];
  readonly #options: LabOptions;
  readonly #plans: readonly HostPlan[];
  readonly #directory: string;
  readonly #namespaces: Namespace[] = [];
  readonly #hosts = new Map<string, LabHost>();
  readonly #switches = new Map<string, Switch>();

  private constructor(options: LabOptions, plans: readonly HostPlan[], directory: string) {
    this.planes = options.planes;
    this.#options = options;
    this.#plans = plans;
    this.#directory = directory;
    this.configurationFile = join(directory, 'cluster.yaml');
  }

  /**
   * Builds hosts, switches and links, all up, and writes the cluster file. No agent runs yet.
   *
   * @throws LabError where the system refuses; what was made until then is gone again
   */
  static async create(options: LabOptions): Promise<Lab> {
    const plans = planHosts(options.hosts, options.planes, options.subnets ?? 'per-plane');
    const lab = new Lab(options, plans, await mkdtemp(join(SANDBOX_FILES, 'lab-')));
    try {
      await lab.#build();
    } catch (error) {
      await lab.destroy();
      throw error;
    }
    return lab;
  }

  async #build(): Promise<void> {
    const makeHost = async (plan: HostPlan): Promise<void> => {
      const namespace = await Namespace.create(plan.name, 'host');
      this.#namespaces.push(namespace);
      this.#hosts.set(plan.name, new LabHost(plan, namespace, this.configurationFile));
    };
    const makeSwitch = async (plane: string): Promise<void> => {
      this.#switches.set(plane, await Switch.create(plane));
    };
    await allSettled([
      ...this.#plans.map(makeHost),
      ...this.planes.map(makeSwitch),
      this.writeConfiguration({}).then(() => undefined),
    ]);
    await allSettled(this.planes.map((plane) => this.#plug(plane, this.#plans)));
    await allSettled([...this.#hosts.values()].map((host) => host.configureLinks()));
  }

  #plug(plane: string, plans: readonly HostPlan[]): Promise<Moment> {
    const links = plans.flatMap((host) =>
      host.links
        .filter((link) => link.plane === plane)
        .map((link) => ({ host, link, pid: this.host(host.name).pid })),
    );
    return this.#switch(plane).plug(links);
  }

  /** @throws LabError for a name that the lab doesn't have */
  host(name: string): LabHost {
    const host = this.#hosts.get(name);
    if (host === undefined) {
      throw new LabError(`no host ${name} in the lab`);
    }
    return host;
  }

  /** In the order in which they were named, whichever was made first. */
  hosts(): readonly LabHost[] {
    return this.#plans.map(({ name }) => this.host(name));
  }

  #switch(plane: string): Switch {
    const found = this.#switches.get(plane);
    if (found === undefined) {
      throw new LabError(`no plane ${plane} in the lab`);
    }
    return found;
  }

  /** Takes the carrier from the link: a pulled card or cable. Several hosts' go within some 100 µs. */
  pullCard(hosts: HostNames, plane: string): Promise<Moment> {
    return this.#switch(plane).pull(list(hosts));
  }

  returnCard(hosts: HostNames, plane: string): Promise<Moment> {
    return this.#switch(plane).return(list(hosts));
  }

  /** The switch port silently drops every frame in a direction; the carrier stays. */
  dropPort(hosts: HostNames, plane: string, direction: DropDirection = 'both'): Promise<Moment> {
    return this.#switch(plane).drop(list(hosts), direction);
  }

  undropPort(hosts: HostNames, plane: string): Promise<Moment> {
    return this.#switch(plane).undrop(list(hosts));
  }

  /** The switch port loses frames by chance, so many of a hundred in each direction; the carrier stays. */
  losePort(hosts: HostNames, plane: string, percent: number): Promise<Moment> {
    return this.#switch(plane).lose(list(hosts), percent);
  }

  unlosePort(hosts: HostNames, plane: string): Promise<Moment> {
    return this.#switch(plane).unlose(list(hosts));
  }

  /** All hosts lose the carrier on the plane at once. */
  killSwitch(plane: string): Promise<Moment> {
    return this.#switch(plane).kill();
  }

  /** Brings the carrier back; pulled cards stay pulled. */
  reviveSwitch(plane: string): Promise<Moment> {
    return this.#switch(plane).revive();
  }

  /** The switch forwards nothing any more, while all carriers stay. */
  silenceSwitch(plane: string): Promise<Moment> {
    return this.#switch(plane).silence();
  }

  unsilenceSwitch(plane: string): Promise<Moment> {
    return this.#switch(plane).unsilence();
  }

  /** A cable between the switches of two planes, by mistake: they are one network from now on. */
  joinPlanes(one: string, other: string): Promise<Moment> {
    return this.#switch(one).join(this.#switch(other));
  }

  partPlanes(one: string, other: string): Promise<Moment> {
    return this.#switch(one).part(this.#switch(other));
  }

  /** `ip link set DEVICE down`, as an operator does by mistake: the kernel removes the routes of the link. */
  downLink(host: string, plane: string): Promise<Moment> {
    return this.host(host).ip(`link set dev ${this.host(host).link(plane).device} down`);
  }

  upLink(host: string, plane: string): Promise<Moment> {
    return this.host(host).ip(`link set dev ${this.host(host).link(plane).device} up`);
  }

  /** The card is gone from the host, as when hot-unplugged or its driver is unbound. */
  async removeCard(host: string, plane: string): Promise<Moment> {
    const moment = await this.host(host).ip(`link delete dev ${this.host(host).link(plane).device}`);
    this.#switch(plane).unplug(host);
    return moment;
  }

  /** A card of the same name and address is there again, with a new interface index. */
  async insertCard(host: string, plane: string): Promise<Moment> {
    const { plan } = this.host(host);
    const moment = await this.#plug(plane, [plan]);
    await this.host(host).configureLinks([plane]);
    return moment;
  }

  /** Changes a card's hardware address, as a replaced card does. */
  changeMac(host: string, plane: string, mac: string): Promise<Moment> {
    return this.host(host).ip(`link set dev ${this.host(host).link(plane).device} address ${mac}`);
  }

  /**
   * Writes the cluster file anew, for agents that start or reload afterwards.
   *
   * @param over laid over the generated file and the lab's own options; undefined takes a key out
   * @returns its path
   */
  async writeConfiguration(over: object): Promise<string> {
    const base = clusterConfiguration(this.#plans, this.planes, this.#options.configuration ?? {});
    await writeFile(this.configurationFile, stringify(merge(base, { ...over })));
    return this.configurationFile;
  }

  /** Ends every process on every host and switch, and waits until they are gone; can be called again. */
  async destroy(): Promise<void> {
    const all = [...this.#namespaces, ...this.#switches.values()];
    await Promise.all(all.map((each) => each.destroy()));
    await rm(this.#directory, { recursive: true, force: true });
  }
}
