import type { Clock } from './clock';
import type { CoreEvent, LinkState } from './core/event';
import type { Topology } from './core/topology';
import type { Echoes } from './echoes';
import type { Kernel } from './kernel/kernel';
import type { Notification } from './kernel/monitor';
import type { Wires } from './wires';

type Told = Extract<Notification, { type: 'interface' | 'interface-gone' }>;

/** Turns what the kernel says of interfaces into events of our links, and has the sockets follow. */
export class Interfaces {
  constructor(
    private readonly kernel: Kernel,
    private readonly wires: Wires,
    private readonly echoes: Echoes,
    private readonly clock: Clock,
  ) {}

  /** The states of all our links, as they were read. */
  eventsFrom(states: ReadonlyMap<string, LinkState>, topology: Topology): CoreEvent[] {
    return topology.links.flatMap(({ name }) => this.eventsFor(name, states.get(name), topology));
  }

  /** What the kernel told of one interface; nothing where it is none of our links. A renamed one is gone from its former name. */
  eventsOf(told: Told, topology: Topology): CoreEvent[] {
    if (told.type === 'interface-gone') {
      const { ifindex, name } = told;
      return this.kernel.forgetLink(ifindex, name) ? this.eventsFor(name, undefined, topology) : [];
    }
    const { name, ifindex } = told.interface;
    const former = this.kernel.nameOf(ifindex);
    const state = this.kernel.noteLink(told.interface);
    const renamed = former === name ? [] : this.eventsFor(former, undefined, topology);
    return [...renamed, ...this.eventsFor(name, state, topology)];
  }

  private eventsFor(name: string, state: LinkState | undefined, topology: Topology): CoreEvent[] {
    if (!topology.links.some((link) => link.name === name)) return [];
    this.wires.match(name, state?.ifindex);
    if (state === undefined) this.echoes.close(name);
    return [{ type: 'link', name, state, at: this.clock.now() }];
  }
}
