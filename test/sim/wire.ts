import { BROADCAST_MAC, type Mac } from '../../agent/wire/address';
import { readMac } from '../../agent/wire/ethernet';
import type { Clock } from './clock';
import type { Random } from './random';
import type { Trace } from './trace';

/** How the wire treats frames. Times are ms, probabilities from 0 to 1. */
export interface Conditions {
  /** from card to card, at least */
  readonly delay: number;
  /** up to this much more */
  readonly jitter: number;
  /** probability that a frame is lost */
  readonly loss: number;
  /** probability that a frame arrives twice */
  readonly duplication: number;
  /** probability that a frame is held back, so that later ones overtake it, and for how long at most */
  readonly reordering: number;
  readonly held: number;
}

/** A wire that treats all frames well. */
export const CLEAN: Conditions = {
  delay: 0.03,
  jitter: 0.02,
  loss: 0,
  duplication: 0,
  reordering: 0,
  held: 0,
};

/** Frames are treated as everywhere. */
export const UNDISTURBED: Partial<Conditions> = {};

/** A card: what is plugged into a port. */
export interface Card {
  readonly mac: Mac;
  /** A frame arrives, `serial` telling it from every other one. */
  receive(bytes: Uint8Array, serial: number): void;
  /** Something on the way to it is about to change. */
  changing(): void;
  /** Its carrier has changed. */
  carrierChanged(): void;
}

/** A switch port with the cable and the card on it. */
export class Port {
  /** a cable that works lies between switch and card */
  cable = true;
  /** frames pass from the switch to the card */
  toCard = true;
  /** frames pass from the card to the switch */
  fromCard = true;
  /** when the last frame reaches the card: frames that are not held back never overtake each other */
  lastArrival = 0;
  /** when a frame from another port was last lost by chance on its way here */
  readonly lossFrom = new Map<Port, number>();

  constructor(
    readonly backplane: Backplane,
    readonly card: Card,
  ) {}

  get carrier(): boolean {
    return this.cable && this.backplane.powered;
  }

  setCable(works: boolean): void {
    if (this.cable === works) return;
    this.card.changing();
    const before = this.carrier;
    this.cable = works;
    if (before !== this.carrier) this.card.carrierChanged();
  }

  /** Lets frames pass, or drops them without a word. */
  setPassing(toCard: boolean, fromCard: boolean): void {
    this.card.changing();
    this.toCard = toCard;
    this.fromCard = fromCard;
  }
}

/** One switch. */
export class Backplane {
  readonly ports: Port[] = [];
  powered = true;
  /** false: the ports keep their carrier, but nothing passes */
  forwards = true;
  /** another switch that a cable joins to this one */
  joined: Backplane | undefined;
  /** the switches to which cables lead */
  private readonly neighbors = new Set<Backplane>();
  /** how it treats frames, where that is not as everywhere */
  disturbance: Partial<Conditions> = UNDISTURBED;
  private treatedSince = 0;

  plug(card: Card): Port {
    const port = new Port(this, card);
    this.ports.push(port);
    return port;
  }

  setPower(powered: boolean): void {
    if (this.powered === powered) return;
    for (const port of this.ports) port.card.changing();
    this.powered = powered;
    for (const port of this.ports) if (port.cable) port.card.carrierChanged();
  }

  /** Lays a cable to another switch, or takes it away. */
  join(other: Backplane, joins: boolean, now: number): void {
    for (const backplane of [this, other]) {
      for (const port of backplane.ports) port.card.changing();
      // What is under way from a switch that is slow holds up what comes later.
      const last = Math.max(now, ...backplane.ports.map(({ lastArrival }) => lastArrival));
      backplane.treatedSince = Math.max(backplane.treatedSince, last);
    }
    if (joins) this.neighbors.add(other);
    else this.neighbors.delete(other);
    if (joins) other.neighbors.add(this);
    else other.neighbors.delete(this);
    this.joined = joins ? other : undefined;
  }

  /** Treats frames in another way from now on; what was delayed before may be under way until `until`. */
  disturb(disturbance: Partial<Conditions>, until: number): void {
    for (const port of this.ports) port.card.changing();
    this.disturbance = disturbance;
    this.treatedSince = Math.max(this.treatedSince, until);
  }

  /** From when on its present treatment of frames, and that of those it is joined to, holds for all that arrive, on the clock of the world. */
  get changedAt(): number {
    let latest = this.treatedSince;
    for (const { treatedSince } of this.neighbors) latest = Math.max(latest, treatedSince);
    return latest;
  }

  /** Whether frames get lost by chance, or are under way for so long that an answer may come too late. */
  get unreliable(): boolean {
    for (const { isUnreliable } of this.neighbors) if (isUnreliable) return true;
    return this.isUnreliable;
  }

  /** Whether a cable leads to another switch. */
  get isJoined(): boolean {
    return this.neighbors.size > 0;
  }

  private get isUnreliable(): boolean {
    return (this.disturbance.loss ?? 0) > 0 || (this.disturbance.delay ?? 0) > 0;
  }

  /** Lets frames pass, or keeps all ports lit while nothing does. */
  setForwards(forwards: boolean): void {
    for (const port of this.ports) port.card.changing();
    this.forwards = forwards;
  }
}

/** Whether a frame sent by the card on `from` would reach the one on `to` now. */
export function passes(from: Port, to: Port): boolean {
  const [here, there] = [from.backplane, to.backplane];
  const connected = here === there || here.joined === there || there.joined === here;
  const sending = from.carrier && from.fromCard && here.forwards;
  return connected && sending && there.forwards && to.carrier && to.toCard;
}

/** Carries frames between cards with delay and loss. */
export class Wire {
  conditions: Conditions;
  private serial = 0;

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly trace: Trace,
    readonly backplanes: readonly Backplane[],
    conditions: Conditions,
  ) {
    this.conditions = conditions;
  }

  /** The ports at which a frame from `from` to `destination` comes out, whether or not anything stands in its way. */
  reach(from: Port, destination: Mac): Port[] {
    const { backplane } = from;
    const segment = this.backplanes.filter(
      (other) => other === backplane || other === backplane.joined || other.joined === backplane,
    );
    return segment.flatMap(({ ports }) =>
      ports.filter(
        (port) => port !== from && (destination === BROADCAST_MAC || port.card.mac === destination),
      ),
    );
  }

  /** Sends a frame; its serial number. */
  transmit(from: Port, bytes: Uint8Array): number {
    const serial = this.serial++;
    this.trace.time(this.clock.now);
    this.trace.bytes(bytes);
    const { disturbance } = from.backplane;
    const conditions = disturbance === UNDISTURBED ? this.conditions : { ...this.conditions, ...disturbance };
    for (const to of this.reach(from, readMac(bytes, 0))) {
      if (!passes(from, to)) continue;
      if (this.random.chance(conditions.loss)) {
        to.lossFrom.set(from, this.clock.now);
        continue;
      }
      this.deliver(to, bytes, serial, conditions);
      if (this.random.chance(conditions.duplication)) this.deliver(to, bytes, this.serial++, conditions);
    }
    return serial;
  }

  private deliver(to: Port, bytes: Uint8Array, serial: number, conditions: Conditions): void {
    const { delay, jitter, reordering, held } = conditions;
    const overtaken = this.random.chance(reordering);
    const earliest = this.clock.now + delay + this.random.next() * jitter;
    const at = overtaken ? earliest + this.random.next() * held : Math.max(to.lastArrival, earliest);
    if (!overtaken) to.lastArrival = at;
    this.clock.at(at, () => {
      // What failed while the frame was under way takes it along.
      if (to.carrier && to.toCard && to.backplane.forwards) to.card.receive(bytes, serial);
    });
  }
}
