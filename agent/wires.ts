import { type PacketMatch, PacketSocket, type ReceivedFrame } from '../native-bindings/packet-socket';
import { SystemError } from '../native-bindings/system-error';
import type { Send, Voice } from './core/event';
import type { Mac } from './wire/address';
import { FLAGS_OFFSET, URGENT } from './wire/beacon';
import { ETHERTYPE_ARP } from './wire/ethernet';

/** What a link's sockets have to tell. */
export interface WireHandlers {
  /** frames wait on some link that should not wait longer: urgent beacons, ARP to everybody, and where we answer, ARP to us alone */
  readable(): void;
  error(link: string, error: SystemError): void;
}

/** What a link's sockets are for, in the order in which they are read: ARP to us alone and ARP to everybody before steady beacons. */
const ROLES = ['urgent', 'directed', 'broadcast', 'steady'] as const;
type Role = (typeof ROLES)[number];

const ROLES_OF: Readonly<Record<Voice, readonly Role[]>> = {
  broadcast: ['broadcast'],
  directed: ['directed'],
  beacons: ['urgent', 'steady'],
};

/** The group bit of the Ethernet destination (IEEE 802, 8.2.2). */
const IS_BROADCAST: PacketMatch = { offset: 0, mask: 1, value: 1 };
const IS_DIRECTED: PacketMatch = { ...IS_BROADCAST, value: 0 };
const IS_URGENT: PacketMatch = { offset: FLAGS_OFFSET, mask: URGENT, value: URGENT };
const IS_STEADY: PacketMatch = { ...IS_URGENT, value: 0 };
/** How many beacons that wake nobody may wait on a link: a thousand peers send half of it in 50 ms, the default interval. */
const STEADY_ROOM = 2048;

/** The sockets on one interface. */
interface Wire {
  readonly ifindex: number;
  /** of the beacons that the sockets receive */
  beaconEtherType: number | undefined;
  readonly sockets: Partial<Record<Role, PacketSocket>>;
}

/**
 * Packet sockets on every link that exists: for ARP to everybody and ARP to us alone, and where beacons are on, for the urgent ones and the
 * steady ones. With many peers steady beacons come by the ten thousands a second, and ARP to us alone by the thousands: answers to our
 * requests, and requests that the kernel answers. So both wait until something else has woken the agent.
 */
export class Wires {
  private readonly wires = new Map<string, Wire>();
  private beaconEtherType: number | undefined;
  private answering = false;
  private drops = 0;

  constructor(private readonly handlers: WireHandlers) {}

  /** Receives beacons of this EtherType on all links from now on, or none where it is undefined. What is refused: as with {@link match}. */
  use(beaconEtherType: number | undefined): void {
    this.beaconEtherType = beaconEtherType;
    for (const [link, { ifindex }] of this.wires) this.match(link, ifindex);
  }

  /** Whether we answer requests, so that those to us alone must not wait. */
  set answers(answering: boolean) {
    if (answering === this.answering) return;
    this.answering = answering;
    for (const { sockets } of this.wires.values()) sockets.directed?.wake(answering);
  }

  /**
   * Lets in only frames of these senders on a link, or everybody's. Where the kernel can't keep the others out, since the senders are too many,
   * none of the frames wakes the agent: they are read when something else does.
   */
  screen(link: string, voice: Voice, senders: readonly Mac[] | undefined): void {
    for (const role of ROLES_OF[voice]) {
      const socket = this.wires.get(link)?.sockets[role];
      const screened = socket?.screen(senders) ?? true;
      if (role !== 'steady') socket?.wake(screened && (role !== 'directed' || this.answering));
    }
  }

  /**
   * Has sockets on the interface that a link is now, and none on one that it was; `ifindex` is undefined where it doesn't exist. What the
   * machine refuses for the moment is told to the handler, and asked for again by the next call. Throws SystemError where the permission is
   * missing.
   */
  match(link: string, ifindex: number | undefined): void {
    if (this.wires.get(link)?.ifindex !== ifindex) this.close(link);
    if (ifindex === undefined) return;
    try {
      this.open(link, ifindex);
    } catch (error) {
      if (!(error instanceof SystemError) || error.code === 'EPERM') throw error;
      this.handlers.error(link, error);
    }
  }

  /** Opens what a link lacks, and closes what is no longer wanted. */
  private open(link: string, ifindex: number): void {
    const wire = this.wires.get(link) ?? { ifindex, beaconEtherType: undefined, sockets: {} };
    this.wires.set(link, wire);
    if (wire.beaconEtherType !== this.beaconEtherType) this.closeSockets(wire, ['urgent', 'steady']);
    wire.beaconEtherType = this.beaconEtherType;
    const error = (error: SystemError): void => this.handlers.error(link, error);
    const waking = { readable: () => this.handlers.readable(), error };
    const on = { interface: link, ifindex };
    const arp = { ...on, etherTypes: [ETHERTYPE_ARP] };
    wire.sockets.broadcast ??= PacketSocket.open({ ...arp, match: IS_BROADCAST }, waking);
    wire.sockets.directed ??= PacketSocket.open({ ...arp, match: IS_DIRECTED }, waking);
    wire.sockets.directed.wake(this.answering);
    if (wire.beaconEtherType === undefined) return;
    const beacons = { ...on, etherTypes: [wire.beaconEtherType] };
    wire.sockets.urgent ??= PacketSocket.open({ ...beacons, match: IS_URGENT }, waking);
    wire.sockets.steady ??= PacketSocket.open({ ...beacons, match: IS_STEADY, ring: STEADY_ROOM }, { error });
  }

  close(link: string): void {
    const wire = this.wires.get(link);
    if (wire === undefined) return;
    this.wires.delete(link);
    this.closeSockets(wire, ROLES);
  }

  private closeSockets({ sockets }: Wire, roles: readonly Role[]): void {
    for (const role of roles) {
      this.drops += sockets[role]?.statistics().drops ?? 0;
      sockets[role]?.close();
      delete sockets[role];
    }
  }

  closeAll(): void {
    for (const link of [...this.wires.keys()]) this.close(link);
  }

  /**
   * Everything that was received, by link, in a part for each role. The urgent beacons of all links come first, and the rest is read only when
   * they have been taken: so they are acted upon first. What belongs to one part is to be judged together: one link may have heard that a
   * path is lost, and another one later that it is back.
   */
  *receive(): Generator<readonly (readonly [link: string, frames: readonly ReceivedFrame[]])[], void> {
    for (const role of ROLES) {
      const sockets = [...this.wires].flatMap(([link, wire]) => {
        const socket = wire.sockets[role];
        return socket === undefined ? [] : [[link, () => socket.receive()] as const];
      });
      const part = role === 'broadcast' ? readTogether(sockets) : readOnce(sockets);
      if (part.length > 0) yield part;
    }
  }

  /** Sends the frames, those of one link in one go. A frame that a link refuses is lost, as on any wire. */
  send(sends: readonly Send[], refused: (link: string, error: SystemError) => void): void {
    const byLink = new Map<string, Uint8Array[]>();
    for (const { link, frame } of sends) {
      const frames = byLink.get(link);
      if (frames === undefined) byLink.set(link, [frame]);
      else frames.push(frame);
    }
    for (const [link, frames] of byLink) {
      // A socket sends frames of any EtherType.
      const error = this.wires.get(link)?.sockets.broadcast?.send(frames).error;
      if (error !== undefined) refused(link, error);
    }
  }

  /** Frames that the kernel dropped since the start because we did not read in time. */
  get dropped(): number {
    let drops = this.drops;
    for (const { sockets } of this.wires.values()) {
      for (const role of ROLES) drops += sockets[role]?.statistics().drops ?? 0;
    }
    return drops;
  }
}

type Received = readonly [link: string, frames: readonly ReceivedFrame[]];
type Reader = readonly [link: string, receive: () => readonly ReceivedFrame[]];

function readOnce(readers: readonly Reader[]): Received[] {
  return readers.flatMap(([link, receive]) => {
    const frames = receive();
    return frames.length === 0 ? [] : [[link, frames] as const];
  });
}

/**
 * Reads links, and once more where something was there: on joined planes a frame comes by all of them, and which came first decides. One that
 * comes while the links are read would otherwise be seen on the last of them alone.
 */
export function readTogether(readers: readonly Reader[]): Received[] {
  const part = readOnce(readers);
  return part.length === 0 || readers.length < 2 ? part : [...part, ...readOnce(readers)];
}
