import type { Moment } from './ip-console';
import { Namespace } from './namespace';
import type { HostPlan, LinkPlan } from './plan';
import { LabError, monotonic } from './wait';

/** Which frames a port drops, seen from the host that is plugged in there. */
export type DropDirection = 'both' | 'from-host' | 'to-host';

/** The device group of all ports of a switch: one request of ip(8) changes them all. */
const PORT_GROUP = 77;
const BRIDGE = 'bridge0';
/**
 * Interface indices of ports begin here, far above those of hosts. The kernel reports a carrier change of a veth at once
 * only where its index differs from its peer's; where they happen to be equal it takes it for a plain card, whose
 * changes it reports at most once a second.
 */
const FIRST_PORT_INDEX = 1000;
/** The same for ports to other switches; the far end takes the next free one. */
const FIRST_TRUNK_INDEX = 2000;

/** The port to another plane's switch; no host's name begins like that. */
function trunkTo(plane: string): string {
  return `_${plane}`;
}

/**
 * The bridge port flags that decide what a port drops while its carrier stays. A locked port takes in only frames whose
 * sender is in the forwarding table behind it; one without flooding gives out only frames whose receiver is there. With
 * learning off and the table flushed nobody is. (The port state would be shorter, but the bridge enables a disabled port
 * again at the next change of the link; nftables and tc would each need more of the kernel.)
 */
function portFlags(direction: DropDirection | undefined): string {
  const locked = direction === 'both' || direction === 'from-host' ? 'on' : 'off';
  const flood = direction === 'both' || direction === 'to-host' ? 'off' : 'on';
  const learning = direction === undefined ? 'on' : 'off';
  return `locked ${locked} flood ${flood} mcast_flood ${flood} bcast_flood ${flood} learning ${learning} fdb_flush`;
}

function lossyTableName(port: string): string {
  return `lossy_${port.replaceAll('-', '_')}`;
}

/** For nft(8): drops frames by chance as they come in from a port, and before they go out by it (kernel 5.16). */
function lossyTable(port: string, percent: number): string {
  const chain = (hook: 'ingress' | 'egress'): string => `
  chain ${hook} {
    type filter hook ${hook} device "${port}" priority 0
    numgen random mod 100 < ${percent} drop
  }`;
  return `table netdev ${lossyTableName(port)} {${chain('ingress')}${chain('egress')}\n}\n`;
}

/** The switch of one plane: a bridge in a namespace of its own, each host's link on the port of its name. */
export class Switch {
  readonly plane: string;
  readonly #namespace: Namespace;
  readonly #ports = new Map<string, { pulled: boolean }>();
  readonly #joined = new Set<Switch>();
  #trunks = 0;
  #dead = false;

  private constructor(plane: string, namespace: Namespace) {
    this.plane = plane;
    this.#namespace = namespace;
  }

  /** @throws LabError where the system refuses; nothing is left then */
  static async create(plane: string): Promise<Switch> {
    const namespace = await Namespace.create(`switch-${plane}`, 'switch');
    try {
      await namespace.ip(
        `link add name ${BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
        `link set dev ${BRIDGE} up`,
      );
    } catch (error) {
      await namespace.destroy();
      throw error;
    }
    return new Switch(plane, namespace);
  }

  /** Plugs in links: each a veth pair, made with one end on the port and the other on the host. */
  async plug(links: readonly { host: HostPlan; link: LinkPlan; pid: number }[]): Promise<Moment> {
    for (const { host } of links) {
      this.#ports.set(host.name, { pulled: false });
    }
    return this.#namespace.ip(
      ...links.flatMap(({ host, link, pid }) => [
        `link add name ${host.name} index ${FIRST_PORT_INDEX + host.number} master ${BRIDGE} group ${PORT_GROUP} type veth peer name ${link.device} address ${link.mac} netns ${pid}`,
        `link set dev ${host.name} ${this.#dead ? 'down' : 'up'}`,
      ]),
    );
  }

  /** Takes the carrier from hosts' links, as a pulled card or cable does. */
  pull(hosts: readonly string[]): Promise<Moment> {
    this.#known(hosts).forEach((port) => {
      port.pulled = true;
    });
    return this.#namespace.ip(...hosts.map((host) => `link set dev ${host} down`));
  }

  /** Puts hosts' links back; a switch that is dead gives no carrier all the same. */
  return(hosts: readonly string[]): Promise<Moment> {
    this.#known(hosts).forEach((port) => {
      port.pulled = false;
    });
    return this.#namespace.ip(...hosts.map((host) => `link set dev ${host} ${this.#dead ? 'down' : 'up'}`));
  }

  /** From now on every frame in the given direction is lost, while hosts see their carrier. */
  drop(hosts: readonly string[], direction: DropDirection): Promise<Moment> {
    this.#known(hosts);
    return this.#namespace.ip(
      ...hosts.map((host) => `link set dev ${host} type bridge_slave ${portFlags(direction)}`),
      // A frame on its way on another CPU during the first flush may have been learned after it.
      ...hosts.map((host) => `link set dev ${host} type bridge_slave fdb_flush`),
    );
  }

  undrop(hosts: readonly string[]): Promise<Moment> {
    this.#known(hosts);
    return this.#namespace.ip(
      ...hosts.map((host) => `link set dev ${host} type bridge_slave ${portFlags(undefined)}`),
    );
  }

  /** From now on a frame in either direction is lost by chance, so many of a hundred, while hosts see their carrier. */
  async lose(hosts: readonly string[], percent: number): Promise<Moment> {
    this.#known(hosts);
    const before = monotonic();
    await this.#namespace.run('nft', ['-f', '-'], {
      input: hosts.map((host) => lossyTable(host, percent)).join(''),
    });
    return { before, after: monotonic() };
  }

  async unlose(hosts: readonly string[]): Promise<Moment> {
    const before = monotonic();
    await this.#namespace.run('nft', ['-f', '-'], {
      input: hosts.map((host) => `delete table netdev ${lossyTableName(host)}\n`).join(''),
    });
    return { before, after: monotonic() };
  }

  /** All ports lose their carrier at once, as when the switch loses its power. */
  kill(): Promise<Moment> {
    this.#dead = true;
    return this.#namespace.ip(`link set group ${PORT_GROUP} down`);
  }

  /** The switch is back; pulled cards stay pulled. */
  revive(): Promise<Moment> {
    this.#dead = false;
    const pulled = [...this.#ports.values()].some((port) => port.pulled);
    if (!pulled) {
      return this.#namespace.ip(`link set group ${PORT_GROUP} up`);
    }
    const present = [...this.#ports].filter(([, port]) => !port.pulled).map(([host]) => host);
    return this.#namespace.ip(...present.map((host) => `link set dev ${host} up`));
  }

  /** Forwards nothing any more, while all hosts see their carrier. */
  silence(): Promise<Moment> {
    return this.#namespace.ip(`link set dev ${BRIDGE} down`);
  }

  unsilence(): Promise<Moment> {
    return this.#namespace.ip(`link set dev ${BRIDGE} up`);
  }

  /**
   * Connects another plane's switch by a cable, so that both planes are one network. It stays when a switch dies: one that has
   * lost its power passes on nothing all the same, since no other port of it has carrier.
   *
   * @throws LabError where there is a way between the two already: frames would go round for ever
   */
  async join(other: Switch): Promise<Moment> {
    if (this.#reaches(other)) {
      throw new LabError(`planes ${this.plane} and ${other.plane} are joined already`);
    }
    const [there, here] = [trunkTo(other.plane), trunkTo(this.plane)];
    await this.#namespace.ip(
      `link add name ${there} index ${FIRST_TRUNK_INDEX + this.#trunks++} master ${BRIDGE} type veth peer name ${here} netns ${other.#namespace.pid}`,
      `link set dev ${there} up`,
    );
    const moment = await other.#namespace.ip(`link set dev ${here} master ${BRIDGE} up`);
    this.#joined.add(other);
    other.#joined.add(this);
    return moment;
  }

  /** Takes the cable away. */
  async part(other: Switch): Promise<Moment> {
    if (!this.#joined.has(other)) {
      throw new LabError(`no cable joins planes ${this.plane} and ${other.plane}`);
    }
    const moment = await this.#namespace.ip(`link delete dev ${trunkTo(other.plane)}`);
    this.#joined.delete(other);
    other.#joined.delete(this);
    return moment;
  }

  /** Whether frames can get from here to another switch. */
  #reaches(target: Switch, from?: Switch): boolean {
    if (this === target) return true;
    return [...this.#joined].some((next) => next !== from && next.#reaches(target, this));
  }

  /** Forgets a port whose veth pair is gone. */
  unplug(host: string): void {
    this.#ports.delete(host);
  }

  destroy(): Promise<void> {
    return this.#namespace.destroy();
  }

  #known(hosts: readonly string[]): { pulled: boolean }[] {
    return hosts.map((host) => {
      const port = this.#ports.get(host);
      if (port === undefined) {
        throw new LabError(`${host} has no card on plane ${this.plane}`);
      }
      return port;
    });
  }
}
