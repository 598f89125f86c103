import { formatMac } from '../wire/address';
import { Draining } from './draining';
import type { LinkState } from './event';
import { changeOf, detailsOf, type Link } from './link';
import type { Neighborhood } from './neighborhood';
import type { Outbox } from './outbox';
import type { Planning } from './planning';
import type { Registry } from './registry';
import type { Responding } from './responding';
import type { BeaconOptions, Topology } from './topology';

/** What our own links need of the core. */
export interface LinkSurroundings {
  readonly registry: Registry;
  readonly outbox: Outbox;
  readonly planning: Planning;
  readonly neighborhood: Neighborhood;
  readonly responding: Responding;
  topology(): Topology;
  /** undefined where this host sends and takes none */
  beacons(): BeaconOptions | undefined;
}

/** What follows when one of our own links changes, is drained, or is given back. */
export class OwnLinks {
  readonly draining: Draining;

  constructor(private readonly around: LinkSurroundings) {
    this.draining = new Draining(around.registry, (event, link, fields, level) =>
      around.outbox.note(event, { ...this.describe(link), ...fields }, level),
    );
  }

  describe(link: Link): { readonly link: string; readonly plane: string | undefined } {
    return { link: link.name, plane: this.around.topology().planes[link.place.plane] };
  }

  /** The kernel told at `at` ms that a link is in another state. */
  change(link: Link, after: LinkState | undefined, at: number, now: number): void {
    const { planning, outbox, registry } = this.around;
    const before = link.state;
    const served = link.serves;
    const change = changeOf(before, after);
    link.state = after;
    if (change === undefined) return;
    if (before !== undefined) {
      // The kernel drops these without a word; the next dump would tell, but the plan must be right at once.
      if (before.ifindex !== after?.ifindex || !after.up) planning.ledger.forgetDevice(before.ifindex);
      else if (before.mac !== after.mac) planning.ledger.forgetNeighbors(before.ifindex);
    }
    const lost = served && !link.serves;
    outbox.note(change, { ...this.describe(link), ...detailsOf(change, after) }, lost ? 'warn' : 'info', at);
    this.place(link, now);
    const moved = change === 'link-mac-changed' || change === 'link-replaced';
    if (moved && link.serves) link.announcing.start(now);
    for (const other of registry.links.values()) {
      if (moved) other.beaconing.urge(now);
      if (lost) tellLoss(other, now);
    }
  }

  /** Brings the paths and announcements of a link in line with its state. */
  place(link: Link, now: number): void {
    const { registry, planning, neighborhood } = this.around;
    for (const path of registry.pathsOver(link)) {
      const worked = path.works;
      path.device = link.device;
      path.works = link.works;
      path.drained = link.drained;
      for (const liveness of path.probed) {
        if (!link.works) liveness.fail(now, link.trouble);
        else if (!worked) liveness.revive(now);
      }
      if (!link.works) neighborhood.stop(path, now);
      registry.agenda.update(path);
      planning.touch(path.peer);
    }
    if (!link.serves) link.announcing.stop();
    else if (link.announcing.idle) link.announcing.start(now);
    const beacons = this.around.beacons();
    if (link.works && beacons !== undefined) link.beaconing.start(beacons.interval, now);
    else link.beaconing.stop();
    this.checkMac(link);
  }

  /** Tells, once, where the peers refuse what comes from a link: the file gives it another address than its card has. */
  private checkMac(link: Link): void {
    const expected = link.place.mac;
    const mac = expected === link.state?.mac ? undefined : link.state?.mac;
    const known = link.toldMac === mac;
    link.toldMac = mac;
    if (expected === undefined || mac === undefined || known) return;
    const fields = { ...this.describe(link), mac: formatMac(mac), expected: formatMac(expected) };
    this.around.outbox.note('link-mac-unexpected', fields, 'error');
  }

  /** The operator takes links out of use until a time, in ms. */
  drain(names: readonly string[], until: number, now: number): void {
    this.turn(this.draining.drain(names, until, now), now);
  }

  /** The operator gives links back. */
  undrain(names: readonly string[], now: number): void {
    this.turn(this.draining.undrain(names, 'operator'), now);
  }

  /** Gives links back whose time is over. */
  tick(now: number): void {
    this.turn(this.draining.expire(now), now);
  }

  /** All paths have been judged: takes drained links into use where nothing else leads anywhere, and out of use when something does. */
  review(now: number): void {
    this.turn(this.draining.review(), now);
  }

  /**
   * Peers are to send by these links, or not to, as from now. What they are told is no `hint`, which would go ahead of everything: those
   * who then ask on the link are not to be answered there any more.
   */
  private turn(changed: readonly Link[], now: number): void {
    if (changed.length === 0) return;
    for (const link of changed) this.place(link, now);
    this.around.responding.review();
    const withheld = changed.some((link) => link.withheld);
    for (const link of this.around.registry.links.values()) {
      if (withheld) tellLoss(link, now);
      else link.beaconing.urge(now);
    }
  }
}

/** Tells by a link that peers are not to send by another one any more. */
function tellLoss(link: Link, now: number): void {
  if (link.serves) link.announcing.hint(now);
  if (link.works) link.beaconing.withdraw(now);
}
