import { BROADCAST_MAC, type Mac } from '../../agent/wire/address';
import { readMac } from '../../agent/wire/ethernet';
import type { Clock } from './clock';
import type { Random } from './random';
import type { Trace } from './trace';

/** How the wire treats frames. Times are ms. */
export interface Conditions {
  /** from card to card, at least */
  readonly delay: number;
  /** up to this much more */
  readonly jitter: number;
  /** probability that a frame is lost */
  readonly loss: number;
}

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
  /** when the last frame reaches the card: frames never overtake each other */
  lastArrival = 0;

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
    const { delay, jitter, loss } = this.conditions;
    for (const to of this.reach(from, readMac(bytes, 0))) {
      if (!passes(from, to) || this.random.chance(loss)) continue;
      const at = Math.max(to.lastArrival, this.clock.now + delay + this.random.next() * jitter);
      to.lastArrival = at;
      this.clock.at(at, () => {
        // What failed while the frame was under way takes it along.
        if (to.carrier && to.toCard && to.backplane.forwards) to.card.receive(bytes, serial);
      });
    }
    return serial;
  }
}
