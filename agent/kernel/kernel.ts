import { constants } from 'node:os';
import { SystemError } from '../../native-bindings/system-error';
import type { LinkState } from '../core/event';
import { type KernelStep, type KernelTable, type Neighbor, neighborIdentity } from '../core/routing';
import type { LinkSettings } from '../core/settings';
import type { Ipv4 } from '../wire/address';
import { addAlias, aliasesAmong, readAddresses, removeAlias } from './alias';
import { type Disposition, dispositionOf, KernelError } from './error';
import { type Interface, linkState, readInterfaces } from './links';
import { readNeighbors, removeNeighbor, setNeighbor } from './neighbors';
import type { ChangedSetting } from './record';
import { addRoute, type RouteSpace, readRoutes, removeRoute, type StandingRoute } from './routes';
import { type KernelRequest, Rtnetlink } from './rtnetlink';
import { type Recorder, restoreSetting, Sysctls } from './sysctls';

/** A step that the kernel refused. */
export interface Refusal {
  readonly step: KernelStep;
  readonly error: KernelError;
  readonly disposition: Disposition;
}

/** Where our things are in the kernel's tables. */
export interface Space extends RouteSpace {
  /** our aliases in order, by which they are labelled */
  readonly aliases: readonly Ipv4[];
  /** aliases of former configurations that may still be bound */
  readonly formerAliases: readonly Ipv4[];
}

type SettingStep = Extract<KernelStep, { setting: unknown }>;
type NetlinkStep = Exclude<KernelStep, SettingStep>;

/** The kernel's tables as far as they are ours: reads them, and carries out steps. Thin: it decides nothing. */
export class Kernel {
  private names = new Map<number, string>();
  private links = new Map<string, LinkState>();
  /** permanent neighbor entries of others, which are never changed */
  private foreign: ReadonlySet<number> = new Set();

  private constructor(
    private readonly netlink: Rtnetlink,
    private readonly sysctls: Sysctls,
    private space: Space,
  ) {}

  /** `former` are the settings that a former run changed and did not give back. */
  static open(space: Space, record: Recorder, former: readonly ChangedSetting[]): Kernel {
    return new Kernel(Rtnetlink.open(), new Sysctls(record, former), space);
  }

  /** Takes another routing space, after the configuration was read again. */
  use(space: Space): void {
    this.space = space;
  }

  /** The port in the notifications of what we changed ourselves. */
  get port(): number {
    return this.netlink.port;
  }

  get changedSettings(): readonly ChangedSetting[] {
    return this.sysctls.changes;
  }

  close(): void {
    this.netlink.close();
  }

  /** The interfaces by name. */
  readLinks(): Map<string, LinkState> {
    const addresses = readAddresses(this.netlink);
    const interfaces = readInterfaces(this.netlink);
    this.names = new Map(interfaces.map(({ ifindex, name }) => [ifindex, name]));
    const nameOf = (ifindex: number) => this.nameOf(ifindex);
    this.links = new Map(interfaces.map((link) => [link.name, linkState(link, addresses, nameOf)]));
    return this.links;
  }

  /** Takes what the kernel told of an interface; its state, with the addresses as they were read last. */
  noteLink(told: Interface): LinkState {
    const former = this.names.get(told.ifindex);
    const addresses = this.links.get(former ?? told.name)?.addresses ?? [];
    if (former !== undefined && former !== told.name) this.links.delete(former);
    const { ifindex, mac, up, carrier, mtu } = told;
    const master = told.master === undefined ? undefined : this.nameOf(told.master);
    const state = { ifindex, mac, up, carrier, mtu, master, addresses };
    this.names.set(ifindex, told.name);
    this.links.set(told.name, state);
    return state;
  }

  /** The kernel told that an interface is gone; whether it was the one with this name. */
  forgetLink(ifindex: number, name: string): boolean {
    this.names.delete(ifindex);
    return this.links.get(name)?.ifindex === ifindex && this.links.delete(name);
  }

  readTable(): KernelTable {
    return {
      routes: this.readRoutes(),
      neighbors: this.readNeighbors(),
      aliases: aliasesAmong(
        readAddresses(this.netlink),
        new Set([...this.space.aliases, ...this.space.formerAliases]),
      ),
    };
  }

  private readNeighbors(): Neighbor[] {
    const { ours, others } = readNeighbors(this.netlink, this.space.protocol);
    this.foreign = new Set(others.map(neighborIdentity));
    return ours;
  }

  readRoutes(): StandingRoute[] {
    return readRoutes(this.netlink, this.space);
  }

  /** The settings of those links that exist. */
  readSettings(links: Iterable<string>): Map<string, LinkSettings> {
    const settings = new Map<string, LinkSettings>();
    for (const link of links) {
      const state = this.links.get(link);
      const current = this.sysctls.read(link, state?.ifindex ?? 0, (state?.addresses.length ?? 0) > 0);
      if (current !== undefined) settings.set(link, current);
    }
    return settings;
  }

  /** Forgets what a former run changed on interfaces that are gone; those of their names that other interfaces have now. */
  forgetGone(): string[] {
    return [...this.sysctls.forgetGone((ifindex) => this.names.has(ifindex))].filter((link) =>
      this.links.has(link),
    );
  }

  /** Whether a step sets again what we had set before: somebody else has changed it since. */
  putsBack(step: KernelStep): boolean {
    if (step.operation !== 'change-setting') return false;
    return this.sysctls.has(step.link, this.links.get(step.link)?.ifindex ?? 0, step.setting, step.value);
  }

  /** The name of an interface by its ifindex. */
  nameOf(ifindex: number): string {
    return this.names.get(ifindex) ?? `interface ${ifindex}`;
  }

  /** Carries out the steps in their order; those that were refused, but for what needs no telling. */
  apply(steps: readonly KernelStep[]): Refusal[] {
    const refusals = steps.filter(isSettingStep).flatMap((step) => this.applySetting(step) ?? []);
    const plain: NetlinkStep[] = [];
    for (const step of steps) {
      if (isSettingStep(step)) continue;
      if (this.isForeign(step)) refusals.push(this.leaveAlone(step));
      else plain.push(step);
    }
    this.transact(plain).forEach((error, index) => {
      const step = plain[index];
      if (error === undefined || step === undefined) return;
      const disposition = dispositionOf(error.code, step.operation.startsWith('remove'));
      if (disposition !== 'ignore') refusals.push({ step, error, disposition });
    });
    return refusals;
  }

  /** Whether somebody else's entry has the place; it may be gone since the last reading. */
  private isForeign(step: NetlinkStep): boolean {
    if (step.operation !== 'set-neighbor') return false;
    const identity = neighborIdentity(step.neighbor);
    if (!this.foreign.has(identity)) return false;
    this.readNeighbors();
    return this.foreign.has(identity);
  }

  /** What the kernel says to a route in such a place, it would not say to a neighbor entry. */
  private leaveAlone(step: NetlinkStep): Refusal {
    const error = new KernelError(constants.errno.EEXIST, this.requestFor(step).doing, undefined);
    return { step, error, disposition: dispositionOf(error.code, false) };
  }

  private transact(steps: readonly NetlinkStep[]): (KernelError | undefined)[] {
    try {
      return this.netlink.transact(steps.map((step) => this.requestFor(step)));
    } catch (error) {
      // The socket itself refused (out of memory, for one): what was done of it shows when the kernel is read again.
      if (!(error instanceof SystemError)) throw error;
      return steps.map(() => new KernelError(error.errno, error.syscall, undefined));
    }
  }

  /**
   * Gives settings their former values back where they still have ours; which. They are those of the interface, whatever its name is by now:
   * another one of that name has its own.
   */
  restore(changes: readonly ChangedSetting[]): ChangedSetting[] {
    return changes.filter((change) => restoreSetting(change, this.names.get(change.ifindex)));
  }

  private requestFor(step: NetlinkStep): KernelRequest {
    switch (step.operation) {
      case 'add-alias':
        return addAlias(step.address, Math.max(0, this.space.aliases.indexOf(step.address)));
      case 'remove-alias':
        return removeAlias(step.address);
      case 'set-neighbor':
        return setNeighbor(step.neighbor, this.space.protocol, this.nameOf(step.neighbor.device));
      case 'remove-neighbor':
        return removeNeighbor(step.neighbor, this.nameOf(step.neighbor.device));
      case 'add-route':
        return addRoute(step.route, step.beside, this.nameOf(step.route.device));
      case 'remove-route':
        return removeRoute(step.route, this.nameOf(step.route.device));
    }
  }

  private applySetting(step: SettingStep): Refusal | undefined {
    try {
      if (step.operation === 'restore-setting')
        this.sysctls.restore(step.link, step.setting, (ifindex) => this.names.get(ifindex));
      else this.sysctls.change(step.link, this.links.get(step.link)?.ifindex ?? 0, step.setting, step.value);
      return undefined;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      // A container may keep /proc/sys from us; that is told, and no reason to stop protecting.
      return error.code === 'ENOENT' ? undefined : { step, error, disposition: 'retry' };
    }
  }
}

function isSettingStep(step: KernelStep): step is SettingStep {
  return step.operation === 'change-setting' || step.operation === 'restore-setting';
}
