import { contains, formatMac, type Ipv4, type Mac } from '../wire/address';
import { Announcing } from './announcing';
import { Beaconing } from './beaconing';
import type { LinkState } from './event';
import type { Cause } from './liveness';
import type { ArpOptions, LinkPlace, ProbeOptions } from './topology';

/** One of this host's interfaces: where it is, what the kernel says of it, and what is announced on it. */
export class Link {
  state: LinkState | undefined;
  /** until when the operator has drained it, in ms; infinite for until told otherwise, undefined while it is not drained */
  drainedUntil: number | undefined;
  /** drained, but in use all the same, since nothing else leads anywhere */
  overridden = false;
  /** its address that was told to be another one than the peers expect */
  toldMac: Mac | undefined;
  readonly announcing: Announcing;
  readonly beaconing = new Beaconing();

  constructor(
    public place: LinkPlace,
    arp: ArpOptions,
    probe: ProbeOptions,
  ) {
    this.announcing = new Announcing(arp, probe.retry);
  }

  get name(): string {
    return this.place.name;
  }

  /** Whether frames can pass: it exists, is up and has carrier. */
  get works(): boolean {
    return this.state?.up === true && this.state.carrier;
  }

  get drained(): boolean {
    return this.drainedUntil !== undefined;
  }

  /** Whether peers are kept from sending by it. */
  get withheld(): boolean {
    return this.drained && !this.overridden;
  }

  /** Whether peers are to send by it. */
  get serves(): boolean {
    return this.works && !this.withheld;
  }

  /** Its ifindex while it can hold routes; a link without carrier can. */
  get device(): number | undefined {
    return this.state?.up === true ? this.state.ifindex : undefined;
  }

  /** Why it doesn't work. */
  get trouble(): Cause {
    if (this.state === undefined) return 'link-gone';
    return this.state.up ? 'carrier-lost' : 'link-down';
  }

  /** Whether an address is one of its own. */
  hasAddress(address: Ipv4): boolean {
    return this.state?.addresses.some((own) => own.address === address) ?? false;
  }

  /** The address to ask for `target` from: our own on its subnet where we have one, since some far ends answer no other. */
  addressToward(target: Ipv4): Ipv4 | undefined {
    return this.state?.addresses.find((own) => contains(subnetOf(own), target))?.address;
  }
}

function subnetOf(own: { readonly address: Ipv4; readonly length: number }) {
  const mask = own.length === 0 ? 0 : -1 << (32 - own.length);
  return { address: ((own.address & mask) >>> 0) as Ipv4, length: own.length };
}

/** What changed from one state of a link to the next, as the name of an event; undefined where nothing that matters did. */
export function changeOf(before: LinkState | undefined, after: LinkState | undefined): string | undefined {
  if (before === undefined) return after === undefined ? undefined : 'link-appeared';
  if (after === undefined) return 'link-gone';
  if (before.ifindex !== after.ifindex) return 'link-replaced';
  if (before.up !== after.up) return after.up ? 'link-up' : 'link-down';
  if (before.carrier !== after.carrier) return after.carrier ? 'carrier-back' : 'carrier-lost';
  if (before.mac !== after.mac) return 'link-mac-changed';
  if (before.master !== after.master) return after.master === undefined ? 'link-released' : 'link-enslaved';
  return before.mtu === after.mtu ? undefined : 'link-mtu-changed';
}

/** What is told of a change beside its name. */
export function detailsOf(change: string, after: LinkState | undefined): Readonly<Record<string, unknown>> {
  if (after === undefined) return {};
  if (change === 'link-mac-changed') return { mac: formatMac(after.mac) };
  if (change === 'link-enslaved') return { master: after.master };
  return change === 'link-mtu-changed' ? { mtu: after.mtu ?? null } : {};
}
