import { PacketSocket } from '../native-bindings/packet-socket';
import { SystemError } from '../native-bindings/system-error';
import type { ReceivedArp, Send } from './core/event';
import { ETHERTYPE_ARP } from './wire/ethernet';

/** What a link's socket has to tell. */
export interface WireHandlers {
  /** frames wait on some link */
  readable(): void;
  error(link: string, error: SystemError): void;
}

interface Wire {
  readonly ifindex: number;
  readonly socket: PacketSocket;
}

/** A packet socket for ARP on every link that exists. */
export class Wires {
  private readonly wires = new Map<string, Wire>();
  private drops = 0;

  constructor(private readonly handlers: WireHandlers) {}

  /**
   * Has a socket on the interface that a link is now, and none on one that it was; `ifindex` is undefined where it doesn't exist. What
   * the machine refuses for the moment is told to the handler. Throws SystemError where the permission is missing.
   */
  match(link: string, ifindex: number | undefined): void {
    if (this.wires.get(link)?.ifindex === ifindex) return;
    this.close(link);
    if (ifindex === undefined) return;
    try {
      this.open(link, ifindex);
    } catch (error) {
      if (!(error instanceof SystemError) || error.code === 'EPERM') throw error;
      this.handlers.error(link, error);
    }
  }

  private open(link: string, ifindex: number): void {
    const socket = PacketSocket.open(
      { interface: link, ifindex, etherTypes: [ETHERTYPE_ARP] },
      { readable: () => this.handlers.readable(), error: (error) => this.handlers.error(link, error) },
    );
    this.wires.set(link, { ifindex, socket });
  }

  close(link: string): void {
    const wire = this.wires.get(link);
    if (wire === undefined) return;
    this.wires.delete(link);
    this.drops += wire.socket.statistics().drops;
    wire.socket.close();
  }

  closeAll(): void {
    for (const link of [...this.wires.keys()]) this.close(link);
  }

  /** Everything received before now, by link. */
  receive(): [link: string, frames: readonly ReceivedArp[]][] {
    const received: [string, readonly ReceivedArp[]][] = [];
    for (const [link, { socket }] of this.wires) {
      const frames = socket.receive();
      if (frames.length > 0) received.push([link, frames]);
    }
    return received;
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
      const error = this.wires.get(link)?.socket.send(frames).error;
      if (error !== undefined) refused(link, error);
    }
  }

  /** Frames that the kernel dropped since the start because we did not read in time. */
  get dropped(): number {
    let drops = this.drops;
    for (const { socket } of this.wires.values()) drops += socket.statistics().drops;
    return drops;
  }
}
