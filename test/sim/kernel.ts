import { kernelAnswers } from '../../agent/core/answering';
import type { LinkState, ReceivedFrame } from '../../agent/core/event';
import {
  type Alias,
  type KernelStep,
  type KernelTable,
  type Neighbor,
  neighborIdentity,
  type Route,
} from '../../agent/core/routing';
import type { LinkSettings } from '../../agent/core/settings';
import { contains, type Ipv4, type Mac } from '../../agent/wire/address';
import type { KernelLink } from './card';
import { routeIdentity } from './route-identity';

/** The names of the errors with which the modelled kernel refuses. */
export type Refusal = 'EEXIST' | 'ESRCH' | 'ENETDOWN' | 'EINVAL' | 'EADDRNOTAVAIL';

/** Who listens to the kernel: an agent with its sockets open. */
export interface Listener {
  frame(link: string, received: ReceivedFrame): void;
  link(name: string, state: LinkState | undefined): void;
  /** somebody else changed our routes, neighbor entries or aliases */
  tampered(): void;
}

/** Who watches the model itself. */
export interface KernelWatcher {
  /** Something that may move a packet is about to change. */
  changing(): void;
  /** A step is carried out; the tables are still as before. */
  step(step: KernelStep): void;
}

/** The tables of one host's kernel, and the way a packet takes through them. */
export class Kernel {
  readonly links = new Map<string, KernelLink>();
  listener: Listener | undefined;
  /** what `net.ipv4.conf.all` holds */
  readonly all = { rpFilter: 0, arpIgnore: 0 };
  routes: Route[] = [];
  private neighbors = new Map<number, Neighbor>();
  private aliases = new Map<Ipv4, Alias>();

  constructor(private readonly watcher: KernelWatcher) {}

  /** What a reboot leaves: nothing. */
  reset(): void {
    this.watcher.changing();
    this.routes = [];
    this.neighbors.clear();
    this.aliases.clear();
    for (const link of this.links.values()) link.resetSettings();
  }

  /** The state of each link, undefined for one that is not there. */
  readLinks(): Map<string, LinkState | undefined> {
    return new Map([...this.links.values()].map((link) => [link.name, link.state]));
  }

  readTable(): KernelTable {
    return {
      routes: [...this.routes],
      neighbors: [...this.neighbors.values()],
      aliases: [...this.aliases.values()],
    };
  }

  readSettings(): Map<string, LinkSettings> {
    return new Map(
      [...this.links.values()]
        .filter(({ present }) => present)
        .map(({ name, settings }) => [
          name,
          { ...settings, rpFilterAll: this.all.rpFilter, arpIgnoreAll: this.all.arpIgnore, arpFilterAll: 0 },
        ]),
    );
  }

  /** Carries out one step; why not, where it is refused. */
  apply(step: KernelStep): Refusal | undefined {
    this.watcher.changing();
    this.watcher.step(step);
    switch (step.operation) {
      case 'add-alias':
        this.aliases.set(step.address, { address: step.address, ours: true });
        return undefined;
      case 'remove-alias':
        return this.removeAlias(step.address);
      case 'set-neighbor':
        if (this.deviceOf(step.neighbor.device)?.up !== true) return 'ENETDOWN';
        this.neighbors.set(neighborIdentity(step.neighbor), step.neighbor);
        return undefined;
      case 'remove-neighbor':
        return this.neighbors.delete(neighborIdentity(step.neighbor)) ? undefined : 'ESRCH';
      case 'add-route':
        return this.addRoute(step.route, step.beside);
      case 'remove-route':
        return this.removeRoute(step.route);
      case 'change-setting':
        if (this.links.get(step.link)?.present) this.links.get(step.link)!.change(step.setting, step.value);
        return undefined;
      case 'restore-setting':
        if (this.links.get(step.link)?.present) this.links.get(step.link)!.restore();
        return undefined;
    }
  }

  hasAlias(address: Ipv4): boolean {
    return this.aliases.has(address);
  }

  /** Whether it answers ARP requests for an alias on this link by itself, with or without an agent. */
  answers(link: KernelLink, address: Ipv4): boolean {
    return this.hasAlias(address) && kernelAnswers(Math.max(link.settings.arpIgnore, this.all.arpIgnore));
  }

  /** The route that a packet takes now; undefined where only the default route of somebody else is left. */
  route(destination: Ipv4): Route | undefined {
    let best: Route | undefined;
    for (const route of this.routes) {
      if (!contains(route.destination, destination) || !this.isAlive(route)) continue;
      if (best === undefined || isBetter(route, best)) best = route;
    }
    return best;
  }

  /**
   * Whether reverse path filtering drops what `source` sends us on this link: the strict mode, and the loose mode too where the link
   * has no address (net/ipv4/fib_frontend.c, __fib_validate_source).
   */
  filters(link: KernelLink, source: Ipv4): boolean {
    const mode = Math.max(link.settings.rpFilter, this.all.rpFilter);
    const strict = mode === 1 || (mode !== 0 && !link.settings.addressed);
    return strict && this.route(source)?.device !== link.ifindex;
  }

  /** The permanent entry for an address on a link. */
  neighbor(device: number, address: Ipv4): Mac | undefined {
    return this.neighbors.get(neighborIdentity({ device, address }))?.mac;
  }

  /** What happens without a word when a link goes administratively down, and what its change of address does. */
  flush(link: KernelLink, what: 'everything' | 'neighbors'): void {
    this.watcher.changing();
    if (what === 'everything') this.routes = this.routes.filter((route) => route.device !== link.ifindex);
    for (const [identity, neighbor] of this.neighbors) {
      if (neighbor.device === link.ifindex) this.neighbors.delete(identity);
    }
  }

  /** Somebody else deletes one of our routes; ours is told. */
  tamper(route: Route): void {
    this.watcher.changing();
    this.removeRoute(route);
    this.listener?.tampered();
  }

  /** Somebody else deletes all our neighbor entries. */
  tamperNeighbors(): void {
    this.watcher.changing();
    this.neighbors.clear();
    this.listener?.tampered();
  }

  /** Somebody else removes an alias; the routes that prefer it go along without a word. */
  tamperAlias(address: Ipv4): void {
    this.watcher.changing();
    this.removeAlias(address);
    this.listener?.tampered();
  }

  changing(): void {
    this.watcher.changing();
  }

  deviceOf(ifindex: number): KernelLink | undefined {
    for (const link of this.links.values()) if (link.ifindex === ifindex) return link;
    return undefined;
  }

  private isAlive(route: Route): boolean {
    if (route.type === 'unreachable') return true;
    const link = this.deviceOf(route.device);
    if (link === undefined) return false;
    return link.carrier || link.settings.ignoreRoutesWithLinkdown === 0;
  }

  private addRoute(route: Route, beside: boolean): Refusal | undefined {
    if (route.type === 'unicast') {
      if (this.deviceOf(route.device)?.up !== true) return 'ENETDOWN';
      if (route.source !== undefined && !this.hasAlias(route.source)) return 'EINVAL';
    }
    const identity = routeIdentity(route);
    const taken = (other: Route) => (beside ? routeIdentity(other) === identity : sameSlot(other, route));
    if (this.routes.some(taken)) return 'EEXIST';
    this.routes.push(route);
    return undefined;
  }

  private removeRoute(route: Route): Refusal | undefined {
    const identity = routeIdentity(route);
    const index = this.routes.findIndex((other) => routeIdentity(other) === identity);
    if (index < 0) return 'ESRCH';
    this.routes.splice(index, 1);
    return undefined;
  }

  /** Takes the routes that prefer it along, as Linux does. */
  private removeAlias(address: Ipv4): Refusal | undefined {
    this.routes = this.routes.filter((route) => route.source !== address);
    return this.aliases.delete(address) ? undefined : 'EADDRNOTAVAIL';
  }
}

function sameSlot(a: Route, b: Route): boolean {
  const same =
    a.destination.address === b.destination.address && a.destination.length === b.destination.length;
  return same && a.metric === b.metric && a.table === b.table;
}

function isBetter(a: Route, b: Route): boolean {
  if (a.destination.length !== b.destination.length) return a.destination.length > b.destination.length;
  return a.metric < b.metric;
}
