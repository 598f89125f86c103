import type { Note } from '../../agent/core/event';
import { isUsable } from '../../agent/core/routing';
import { type BeaconFrame, decodeBeacon } from '../../agent/wire/beacon';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import { newView, type View } from './beacon-view';
import type { KernelLink } from './card';
import type { Clock } from './clock';
import type { ClusterOptions } from './cluster';
import type { Host } from './host';
import { fakeSeal } from './seal';
import { type Rule, Violation } from './violation';

/** How much later than the latency of the agents something may happen, in ms: rounding. */
const ROUNDING = 0.01;
/** A host counts as silent when it was not heard for this many intervals, and is forgotten so many later: agent/core/neighborhood.ts. */
const SILENT_AFTER = 3;
const FORGOTTEN_AFTER = 2;
/** An agent is woken so often from the last beacon until a host is forgotten: where the next one is missing, where the host is silent, and then. */
const FORGETTING_WAKES = 3;
/** How often it is looked whether silent hosts were forgotten, in ms. */
const AUDIT = 100;

/** The rules of beacons that hold at every moment of every run, whatever fails. */
export class BeaconRules {
  private hosts: readonly Host[] = [];
  /** by receiver and sender */
  private readonly views = new Map<Host, Map<Host, View>>();
  /** views that an agent gives up while it reads, by those that take their places */
  private readonly givenUp = new Map<View, View>();
  private readonly forgeries = new WeakSet<Uint8Array>();

  constructor(
    private readonly clock: Clock,
    private readonly options: ClusterOptions,
  ) {}

  watch(hosts: readonly Host[]): void {
    this.hosts = hosts;
    if (this.options.beacons !== undefined) this.audit();
  }

  /** Somebody else than its sender puts this frame on the wire. */
  forged(bytes: Uint8Array): void {
    this.forgeries.add(bytes);
  }

  /**
   * How long silence between two hosts may stay unnoticed where they hear each other's beacons, in ms; 0 where they don't. In the worst case
   * only the far end can notice it, both have to wait with their verification, and the far end's word waits for its next beacon.
   */
  detectionBetween(source: Host, destination: Host): number {
    const { beacons, probe, latency } = this.options;
    if (beacons === undefined || !source.couldSpeak || !destination.couldSpeak) return 0;
    const noticed = beacons.options.interval + probe.retry;
    const verified = probe.interval + probe.misses * probe.retry;
    return noticed + 2 * verified + beacons.options.interval + 10 * latency + 1;
  }

  /** Whether every agent that could take a recorded frame has taken a newer one of its sender by that plane, and misses none. */
  isOldNews(bytes: Uint8Array): boolean {
    const beacon = decodeBeacon(bytes);
    if (typeof beacon === 'string') return true;
    const sender = this.hosts.find(({ name }) => name === beacon.host);
    // The recorded frame was a damaged one.
    if (sender === undefined) return true;
    return this.hosts
      .filter((host) => host !== sender && host.speaks && host.agent !== undefined)
      .every((host) => {
        const { epoch, sequences, believed, lostAt } = this.viewOf(host, sender);
        const plane = host.topology.planes.indexOf(beacon.links[beacon.sentOn]!.plane);
        const taken = sequences[plane]?.[beacon.urgent ? 'urgent' : 'steady'] ?? -1;
        const newer = epoch > beacon.epoch || (epoch === beacon.epoch && taken >= beacon.sequence);
        return newer && believed === epoch && lostAt === undefined && !this.isLate(host);
      });
  }

  /** Whether a host takes the beacons of another for those of a former run. */
  disbelieves(host: Host, peer: Host): boolean {
    return (peer.agent?.epoch ?? 0) < (this.viewOf(host, peer).believed ?? 0);
  }

  /** Whether two hosts have believed each other for so long that both know to be heard, and by which planes. */
  areAcquainted(one: Host, other: Host): boolean {
    const since = Math.max(this.viewOf(one, other).believedAt, this.viewOf(other, one).believedAt);
    if (this.clock.now < since + this.wakeUp + this.reaction) return false;
    return !this.disbelieves(one, other) && !this.disbelieves(other, one);
  }

  /** A host has taken another file: what its peers said, it has to hear again of those that it forgot meanwhile. */
  reloaded(host: Host): void {
    const { core } = host.agent!;
    // Without beacons, nothing of what was said is remembered.
    if (!core.speaks) this.views.set(host, new Map());
    const { now } = this.clock;
    const again = now + (this.options.beacons?.options.interval ?? 0) + this.options.latency;
    for (const [peer, view] of this.views.get(host) ?? []) {
      // Whom it leaves out counts as silent, as long as he may say what he likes.
      if (core.registry.peerNamed(peer.name) === undefined) view.lostAt ??= now;
      view.withdrawals.forEach((withdrawal, plane) => {
        if (withdrawal === undefined) return;
        const by = Math.max(withdrawal.by, again + this.wakeUp + this.reaction);
        view.withdrawals[plane] = { ...withdrawal, by };
      });
    }
  }

  agentStarted(host: Host): void {
    this.views.set(host, new Map());
  }

  /** A frame of the beacons' EtherType arrives at a card. */
  arrived(receiver: Host, link: KernelLink, bytes: Uint8Array): void {
    const beacon = decodeBeacon(bytes);
    if (this.forgeries.has(bytes) || typeof beacon === 'string' || receiver.agent === undefined) return;
    if (!receiver.speaks || !this.isReadable(receiver, beacon)) return;
    const plane = this.planeOf(receiver, link);
    const isElsewhere = beacon.links[beacon.sentOn]!.plane !== receiver.agent.topology.planes[plane];
    const sender = this.hosts.find(({ name }) => name === beacon.host)!;
    if (sender === receiver && isElsewhere) this.expectJoined(receiver, beacon, link);
    if (sender !== receiver && !isElsewhere) this.take(receiver, sender, plane, beacon);
  }

  /** An agent tells something. */
  told(host: Host, { event, fields }: Note): void {
    const peer = this.hosts.find(({ name }) => name === fields.peer);
    if (peer === undefined) return;
    if (event === 'beacons-heard') this.believes(host, peer, Number(fields.epoch));
    if (event === 'beacons-lost') this.lost(host, peer);
    if (event === 'host-forgotten') this.forgets(host, peer);
  }

  /** Everything of this moment has happened. */
  settled(): void {
    for (const [host, views] of this.views)
      for (const [peer, view] of views) this.checkWithdrawn(host, peer, view);
  }

  private take(receiver: Host, sender: Host, plane: number, beacon: BeaconFrame): void {
    const { now } = this.clock;
    const view = this.viewOf(receiver, sender);
    const { epoch, sequence, urgent } = beacon;
    if (epoch < Math.max(view.epoch, view.believed ?? 0)) {
      const { refused } = view;
      if (refused?.epoch !== epoch || refused.sequence < sequence) view.refused = { epoch, sequence };
      return;
    }
    if (epoch > view.epoch) {
      for (const each of view.sequences) Object.assign(each, { urgent: -1, steady: -1 });
      this.expectBelief(receiver, sender, receiver.link(plane), epoch);
    }
    const isNew = epoch > view.epoch || sequence > view.sequence;
    const kind = urgent ? 'urgent' : 'steady';
    if (sequence <= view.sequences[plane]![kind]) return;
    view.sequences[plane]![kind] = sequence;
    view.arrivedAt[plane] = now;
    this.expectRead(receiver, receiver.link(plane), view);
    if (!isNew) return;
    view.epoch = epoch;
    view.sequence = sequence;
    const { planes } = receiver.agent!.topology;
    for (const [index, name] of planes.entries()) {
      const state = beacon.links.find((link) => link.plane === name)?.state ?? 'down';
      const deadline = now + (urgent ? 0 : this.wakeUp) + this.reaction;
      if (state === 'up') {
        view.withdrawals[index] = undefined;
        continue;
      }
      this.withdraw(receiver, receiver.link(plane), view, index, deadline);
      this.clock.at(deadline, () => this.checkWithdrawn(receiver, sender, view));
    }
  }

  /** A beacon that has just arrived on a link withdraws a plane, as others before it may have done. */
  private withdraw({ agent }: Host, link: KernelLink, view: View, plane: number, deadline: number): void {
    const former = view.withdrawals[plane];
    // Of those that came while the agent stood still, nothing may be left where their link was lost before they were read.
    const counts = former !== undefined && Math.min(link.changedAt, agent!.runningSince) < former.at;
    view.withdrawals[plane] = counts
      ? { at: former.at, by: Math.min(former.by, deadline) }
      : { at: this.clock.now, by: deadline };
  }

  /** What waited to be read until its link was lost, or while the host stood still, may never count. */
  private expectRead(host: Host, link: KernelLink, view: View): void {
    const { now } = this.clock;
    this.clock.after(this.wakeUp + this.reaction, () => {
      if (link.changedAt < now && !this.isLate(host)) view.readAt = now;
    });
  }

  /** A new epoch is believed as soon as it is read. */
  private expectBelief(host: Host, peer: Host, link: KernelLink, epoch: number): void {
    const { agent } = host;
    const view = this.viewOf(host, peer);
    const isListed = agent?.topology.peers.some(({ name }) => name === peer.name);
    if (!isListed && !this.options.beacons!.options.discover) return;
    const { now } = this.clock;
    this.clock.after(this.wakeUp + this.reaction, () => {
      if (agent !== host.agent || this.isLate(host) || view !== this.viewOf(host, peer)) return;
      // Nothing is expected of a link that was lost before it was read.
      if (link.changedAt >= now) return;
      // Nor where a recorded beacon tells of a run before the sender's clock was set back: docs/beacon-protocol.md.
      if (view.epoch === epoch && (view.believed ?? 0) < epoch)
        this.fail(
          'epoch-ignored',
          `${host.name} does not believe the beacons of ${peer.name}, which has started`,
        );
    });
  }

  private expectJoined(host: Host, { epoch }: BeaconFrame, link: KernelLink): void {
    const { agent } = host;
    const { now } = this.clock;
    if (agent === undefined || agent.epoch !== epoch) return;
    this.clock.after(this.wakeUp + this.reaction, () => {
      // Nothing is expected of a link that was lost before it was read, nor where a file may have turned beacons off meanwhile.
      if (Math.max(link.changedAt, host.reloadedAt) >= now) return;
      if (agent === host.agent && !this.isLate(host) && !agent.core.planesJoined(host.toHost(this.clock.now)))
        this.fail(
          'joined-unnoticed',
          `${host.name} hears its own beacons and does not take the planes for joined`,
        );
    });
  }

  private believes(host: Host, peer: Host, epoch: number): void {
    const view = this.viewOf(host, peer);
    const { lostAt, believed = 0, epoch: arrived, refused } = view;
    const former = this.givenUp.get(view);
    const forgotten = lostAt !== undefined && this.clock.now - lostAt > this.options.beacons!.options.expire;
    if (epoch < believed && !forgotten)
      this.fail('epoch-back', `${host.name} believes ${peer.name}, whose epoch went back`);
    if (epoch < Math.max(believed, arrived)) {
      // What arrived of another run and was never read counts no more, and what was refused of this one does.
      this.views.get(host)!.delete(peer);
      const other = this.viewOf(host, peer);
      if (refused?.epoch === epoch) Object.assign(other, refused);
      if (epoch >= believed) this.givenUp.set(other, view);
      this.clock.after(0, () => this.givenUp.delete(other));
    } else if (former?.epoch === epoch) {
      // But it does where it only waited behind what is older, and is read along with it: then nothing of it is forgotten.
      this.views.get(host)!.set(peer, former);
    }
    Object.assign(this.viewOf(host, peer), {
      believed: epoch,
      believedAt: this.clock.now,
      lostAt: undefined,
    });
  }

  /** Nobody's beacons are missed while they come. */
  private lost(host: Host, peer: Host): void {
    const view = this.viewOf(host, peer);
    const coming = view.arrivedAt.findIndex((at, plane) => this.isFresh(host, plane, at, view));
    if (coming >= 0)
      this.fail(
        'beacons-missed',
        `${host.name} misses beacons of ${peer.name}, one of which came at ${view.arrivedAt[coming]}`,
      );
    view.lostAt = this.clock.now;
    view.withdrawals.fill(undefined);
  }

  private forgets(host: Host, peer: Host): void {
    const view = this.viewOf(host, peer);
    const silence = this.clock.now - Math.max(view.readAt, 0);
    // Whom the file names now is no discovered host any more, and who takes no beacons knows none.
    const { topology } = host.agent!.core;
    if (topology.beacon === undefined || topology.peers.some(({ name }) => name === peer.name)) return;
    this.views.get(host)!.delete(peer);
    if (silence < this.options.beacons!.options.expire)
      this.fail(
        'forgotten-early',
        `${host.name} forgets ${peer.name} after ${silence.toFixed(3)} ms of silence`,
      );
  }

  /** No packet to a host leaves by a link that it has withdrawn, while there is another way. */
  private checkWithdrawn(host: Host, peer: Host, view: View): void {
    const { now } = this.clock;
    const { agent, kernel } = host;
    if (agent === undefined || agent.behind || view !== this.views.get(host)?.get(peer)) return;
    const known = agent.core.registry.peerNamed(peer.name);
    if (known === undefined || !view.arrivedAt.some((at, plane) => this.isFresh(host, plane, at, view)))
      return;
    const paths = agent.core.registry.paths.get(known)!;
    view.withdrawals.forEach((withdrawal, plane) => {
      if (withdrawal === undefined) return;
      if (now < Math.max(withdrawal.by, agent.runningSince + this.reaction)) return;
      const others = paths.filter((path) => path.plane !== plane && path.device !== undefined);
      const device = host.link(plane).ifindex;
      const stands = kernel.routes.some(
        (route) => route.destination.address === peer.alias && route.device === device,
      );
      if (stands && others.some(({ state }) => isUsable(state) || state === 'held'))
        this.fail(
          'withdrawn-route',
          `${host.name} has a route to ${peer.name} by plane ${plane}, which that host has withdrawn`,
        );
    });
  }

  /** Who is not in the file goes after its silence, and with it what a former run of the agent left. */
  private audit(): void {
    this.clock.after(AUDIT, () => this.audit());
    const { interval, expire } = this.options.beacons!.options;
    const silence = (SILENT_AFTER + FORGOTTEN_AFTER) * interval + this.options.probe.retry;
    const patience = silence + expire + FORGETTING_WAKES * this.reaction;
    for (const host of this.hosts) {
      const { agent } = host;
      if (agent === undefined || agent.behind || !host.speaks) continue;
      for (const peer of this.hosts) {
        if (peer === host || agent.topology.peers.some(({ name }) => name === peer.name)) continue;
        const { believedAt, arrivedAt } = this.viewOf(host, peer);
        const last = Math.max(agent.runningSince, believedAt, ...arrivedAt);
        if (this.clock.now > last + patience && host.knows(peer))
          this.fail(
            'forgotten-late',
            `${host.name} still knows ${peer.name}, silent since ${last.toFixed(3)}`,
          );
      }
    }
  }

  /** Whether a beacon that arrived at `at` must still count: the link works since then, and the next one is not yet missing. */
  private isFresh(host: Host, plane: number, at: number, { epoch, believed }: View): boolean {
    const { up, carrier, changedAt } = host.link(plane);
    const { interval } = this.options.beacons!.options;
    return epoch === believed && up && carrier && changedAt < at && this.clock.now - at <= interval;
  }

  /** An agent reads what wakes nobody when its own next beacon is due; where that has just gone out with something else, with the one after it. */
  private get wakeUp(): number {
    return 2 * this.options.beacons!.options.interval + this.options.latency;
  }

  /** How long an agent takes at most for what wakes it. */
  private get reaction(): number {
    return this.options.latency + ROUNDING;
  }

  /** Whether an agent stood still so lately that it can't be expected to have taken everything. */
  private isLate({ agent }: Host): boolean {
    if (agent === undefined || agent.behind) return true;
    return this.clock.now - agent.runningSince < this.wakeUp + this.reaction;
  }

  private isReadable(host: Host, beacon: BeaconFrame): boolean {
    const keys = this.options.beacons!.keys(this.hosts.indexOf(host));
    return fakeSeal(keys).verify(beacon.keyId, beacon.bytes, ETHERNET_HEADER, beacon.signed) === 'good';
  }

  private planeOf(host: Host, link: KernelLink): number {
    return host.links.indexOf(link);
  }

  private viewOf(host: Host, peer: Host): View {
    const views = this.views.get(host)!;
    let view = views.get(peer);
    if (view === undefined) {
      view = newView(host.links.length);
      views.set(peer, view);
    }
    return view;
  }

  private fail(rule: Rule, what: string): never {
    throw new Violation(rule, this.clock.now, what);
  }
}
