import type { Seal } from '../../agent/core/seal';
import { BROADCAST_MAC, type Ipv4, type Mac } from '../../agent/wire/address';
import {
  type ArpFrame,
  arpAnnouncement,
  arpReply,
  arpRequest,
  decodeArp,
  encodeArp,
} from '../../agent/wire/arp';
import { decodeBeacon } from '../../agent/wire/beacon';
import { ETHERNET_HEADER, ETHERTYPE_ARP, readMac, readUint16 } from '../../agent/wire/ethernet';
import { Beat } from './beat';
import { CommonlyHeard, FarEndsBeacons } from './far-ends-beacons';
import { aliasOf, farEndOf, macOf } from './far-ends-plan';

/** How the far ends behave. Every time is in ms. */
export interface FarEndsOptions {
  readonly count: number;
  readonly cluster: string;
  /** names, in order of preference */
  readonly planes: readonly string[];
  /** the agent's alias */
  readonly agent: Ipv4;
  /** between two beacons of one far end on one plane; undefined for no beacons */
  readonly beacon: number | undefined;
  readonly etherType: number;
  /** between two ARP requests of one far end to the agent on one plane; undefined for none */
  readonly ask: number | undefined;
}

/** What was sent and received so far. */
export interface FarEndsCounts {
  beacons: number;
  /** ARP requests of the agent that were answered */
  answers: number;
  /** ARP requests to the agent */
  requests: number;
  /** of these, answered */
  answered: number;
  /** beacons of the agent, on all planes */
  heard: number;
}

/** Between two announcements of one far end: the agent's own default. */
const REFRESH = 30_000;
/** A withdrawal is sent this often, this far apart. */
const WITHDRAWALS = 3;
const WITHDRAWAL_SPACING = 2;
/** The agent is no longer heard after as many of its intervals without a beacon. */
const PATIENCE = 3;

/** So that a thousand of them don't keep the others from answering. */
const URGENT_AT_ONCE = 64;

interface Urgent {
  readonly at: number;
  readonly farEnd: number;
  readonly plane: number;
}

/** Frames to send, by plane. */
export type Frames = readonly Uint8Array[][];

/**
 * Many far ends of one cluster, as an agent sees them on the wire. Opens nothing and reads no clock; times are ms of a monotonic
 * clock, planes and far ends are counted from 0.
 */
export class FarEndsModel {
  readonly counts: FarEndsCounts = { beacons: 0, answers: 0, requests: 0, answered: 0, heard: 0 };
  readonly #options: FarEndsOptions;
  readonly #seal: Seal;
  readonly #beacons: FarEndsBeacons;
  readonly #beaconBeat: Beat;
  readonly #askBeat: Beat;
  readonly #announceBeat: Beat;
  /** by plane: who is cut off there, and whether it knows */
  readonly #cutOff: Map<number, 'known' | 'unknown'>[];
  readonly #heard: CommonlyHeard[];
  /** by plane: until when the agent is heard, and its address once it is known */
  readonly #agentUntil: number[];
  readonly #agentMac: (Mac | undefined)[];
  readonly #replies = new Map<Mac, { readonly to: Mac; readonly bytes: Uint8Array }>();
  /** in order of time */
  #urgents: Urgent[] = [];

  constructor(options: FarEndsOptions, seal: Seal, epoch: number, now: number) {
    const { count, planes, beacon, ask } = options;
    this.#options = options;
    this.#seal = seal;
    this.#beacons = new FarEndsBeacons({ ...options, interval: beacon ?? 0, epoch, seal }, count);
    this.#beaconBeat = new Beat(beacon === undefined ? 0 : count, beacon ?? 0, now);
    this.#askBeat = new Beat(ask === undefined ? 0 : count, ask ?? 0, now);
    this.#announceBeat = new Beat(count, REFRESH, now);
    this.#cutOff = planes.map(() => new Map());
    this.#heard = planes.map(
      (_, plane) => new CommonlyHeard(count, options.agent, (farEnd) => this.#reaches(farEnd, plane)),
    );
    this.#agentUntil = planes.map(() => Number.NEGATIVE_INFINITY);
    this.#agentMac = planes.map(() => undefined);
  }

  /** When something is to be sent next. */
  get wakeAt(): number {
    const beats = [this.#beaconBeat, this.#askBeat, this.#announceBeat].map(({ wakeAt }) => wakeAt);
    return Math.min(...beats, this.#urgents[0]?.at ?? Number.POSITIVE_INFINITY);
  }

  /** @returns what is to be sent by now; valid until the next call */
  due(now: number): Frames {
    const frames: Uint8Array[][] = this.#options.planes.map(() => []);
    this.#heard.forEach((heard, plane) => {
      heard.agent = now < this.#agentUntil[plane]!;
    });
    // Before the steady ones, and as copies: the same far end may have several here, and their bytes are in one place.
    for (const { farEnd, plane } of this.#takeUrgents(now)) {
      this.#speak(frames, farEnd, plane, true);
    }
    for (const farEnd of this.#beaconBeat.due(now)) {
      this.#everywhere((plane) => this.#speak(frames, farEnd, plane, false), farEnd);
    }
    for (const farEnd of this.#askBeat.due(now)) {
      this.#everywhere((plane) => this.#ask(frames, farEnd, plane), farEnd);
    }
    for (const farEnd of this.#announceBeat.due(now)) {
      this.#everywhere((plane) => this.#announce(frames, farEnd, plane), farEnd);
    }
    return frames;
  }

  /** Takes a frame that was received on a plane. @returns the answer to it, if any */
  take(bytes: Uint8Array, plane: number, now: number): Uint8Array | undefined {
    if (bytes.length >= ETHERNET_HEADER && readUint16(bytes, 12) === ETHERTYPE_ARP) {
      const frame = decodeArp(bytes);
      return typeof frame === 'string' ? undefined : this.#takeArp(frame, plane);
    }
    this.#takeBeacon(bytes, plane, now);
    return undefined;
  }

  /**
   * Far ends are cut off from a plane.
   *
   * @param known whether they have lost their cards, and say so on their other planes; otherwise somebody drops their frames
   */
  lose(farEnds: readonly number[], plane: number, known: boolean, now: number): void {
    for (const farEnd of farEnds) {
      this.#cutOff[plane]!.set(farEnd, known ? 'known' : 'unknown');
    }
    this.#heard[plane]!.revise();
    if (known) {
      this.#urge(farEnds, WITHDRAWALS, now);
    }
  }

  /** They are back: said on all planes at once, as a link that came up is. */
  regain(farEnds: readonly number[], plane: number, now: number): void {
    for (const farEnd of farEnds) {
      this.#cutOff[plane]!.delete(farEnd);
    }
    this.#heard[plane]!.revise();
    this.#urge(farEnds, 1, now);
  }

  #reaches(farEnd: number, plane: number): boolean {
    return !this.#cutOff[plane]!.has(farEnd);
  }

  /** Those that the far end knows to work: bit n for the n-th plane. */
  #cards(farEnd: number): number {
    return this.#cutOff.reduce(
      (cards, cutOff, plane) => (cutOff.get(farEnd) === 'known' ? cards : cards | (1 << plane)),
      0,
    );
  }

  #everywhere(act: (plane: number) => void, farEnd: number): void {
    for (let plane = 0; plane < this.#options.planes.length; plane++) {
      if (this.#reaches(farEnd, plane)) {
        act(plane);
      }
    }
  }

  #urge(farEnds: readonly number[], times: number, now: number): void {
    if (this.#options.beacon === undefined) {
      return;
    }
    for (let time = 0; time < times; time++) {
      for (const farEnd of farEnds) {
        const at = now + time * WITHDRAWAL_SPACING;
        this.#everywhere((plane) => this.#urgents.push({ at, farEnd, plane }), farEnd);
      }
    }
    this.#urgents.sort((one, other) => one.at - other.at);
  }

  #takeUrgents(now: number): readonly Urgent[] {
    const first = this.#urgents.slice(0, URGENT_AT_ONCE);
    return this.#urgents.splice(0, first.filter(({ at }) => at <= now).length);
  }

  #speak(frames: Frames, farEnd: number, plane: number, urgent: boolean): void {
    const bytes = this.#beacons.next(farEnd, plane, urgent, this.#cards(farEnd), this.#heard[plane]!.heard);
    frames[plane]!.push(urgent ? bytes.slice() : bytes);
    this.counts.beacons += 1;
  }

  #ask(frames: Frames, farEnd: number, plane: number): void {
    const { agent } = this.#options;
    const request = arpRequest(macOf(farEnd, plane), aliasOf(farEnd), agent, this.#agentMac[plane]);
    frames[plane]!.push(encodeArp(request));
    this.counts.requests += 1;
  }

  #announce(frames: Frames, farEnd: number, plane: number): void {
    frames[plane]!.push(encodeArp(arpAnnouncement(macOf(farEnd, plane), aliasOf(farEnd))));
  }

  #takeArp(frame: ArpFrame, plane: number): Uint8Array | undefined {
    const { agent, count } = this.#options;
    if (frame.senderIp !== agent) {
      return undefined;
    }
    this.#agentMac[plane] = frame.senderMac;
    const farEnd = farEndOf(frame.targetIp, count);
    if (farEnd === undefined || !this.#reaches(farEnd, plane)) {
      return undefined;
    }
    const mac = macOf(farEnd, plane);
    if (frame.destination !== mac && frame.destination !== BROADCAST_MAC) {
      return undefined;
    }
    if (frame.operation === 'reply') {
      this.counts.answered += 1;
      return undefined;
    }
    this.counts.answers += 1;
    return this.#reply(frame, mac);
  }

  #reply(request: ArpFrame, mac: Mac): Uint8Array {
    const known = this.#replies.get(mac);
    if (known?.to === request.senderMac) {
      return known.bytes;
    }
    const bytes = encodeArp(arpReply(request, mac));
    this.#replies.set(mac, { to: request.senderMac, bytes });
    return bytes;
  }

  #takeBeacon(bytes: Uint8Array, plane: number, now: number): void {
    const beacon = decodeBeacon(bytes);
    if (typeof beacon === 'string' || beacon.aliases[0] !== this.#options.agent) {
      return;
    }
    if (this.#seal.verify(beacon.keyId, bytes, ETHERNET_HEADER, beacon.signed) !== 'good') {
      return;
    }
    this.counts.heard += 1;
    this.#agentMac[plane] = readMac(bytes, 6);
    this.#agentUntil[plane] = now + (PATIENCE * beacon.interval) / 1000;
    this.#heard[plane]!.agent = true;
  }
}
