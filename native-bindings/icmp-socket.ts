import { isIPv4 } from 'node:net';
import { addon } from './addon';
import { decodeEchoReply, type EchoDropReason, encodeEcho, encodeIpv4 } from './icmp-echo';

/** An answer to one of our echo requests, checked (type, code, identifier, checksum). */
export interface IcmpReply {
  /** dotted quad of the host that answered */
  readonly source: string;
  /** 16 bit, from the request */
  readonly sequence: number;
  /** when this process read it: CLOCK_MONOTONIC in ms, comparable with `Number(process.hrtime.bigint()) / 1e6` */
  readonly at: number;
}

export interface IcmpSocketOptions {
  /** the interface by which requests leave and answers come in, whatever the routes say (SO_BINDTODEVICE) */
  readonly interface: string;
  /** 16 bit; tells our answers from those to other programs */
  readonly identifier: number;
}

export interface IcmpSocketHandlers {
  reply(reply: IcmpReply): void;
  /** A packet came up that is no answer to us. */
  stray(reason: EchoDropReason): void;
  /** A request could not be sent, or receiving failed. The socket stays usable. The package gives no errno. */
  error(error: Error): void;
}

/** The part of the `raw-socket` package that is used here; it brings no types. */
interface RawSocketModule {
  readonly Protocol: { readonly ICMP: number };
  createSocket(options: { protocol: number }): RawSocket;
}

interface RawSocket {
  setOption(level: number, option: number, value: number): void;
  setOption(level: number, option: number, value: Uint8Array, length: number): void;
  send(
    buffer: Buffer,
    offset: number,
    length: number,
    address: string,
    sent: (error: Error | null) => void,
  ): void;
  on(event: 'message', listener: (packet: Buffer, source: string) => void): void;
  on(event: 'error', listener: (error: Error | undefined) => void): void;
  close(): void;
}

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_ATTACH_FILTER = 26;
const SOL_IP = 0;
/** linux/in.h: what is sent begins with its IP header */
const IP_HDRINCL = 3;
const SOL_RAW = 255;
/** linux/icmp.h: a mask of the types that the kernel shall not hand over */
const ICMP_FILTER = 1;
const ALL_BUT_ECHO_REPLY = 0xfffffffe;
/** What an answer takes of the receive buffer, in bytes, from a card that gives each packet a page; the kernel doubles it (socket(7)). */
const ROOM = 2304;

/**
 * ICMP echo through one interface, by the `raw-socket` package, which is loaded when the first socket is opened. The kernel hands a raw
 * socket all of the host's ICMP, each packet a turn of the event loop: so filters keep out what nobody waits for.
 */
export class IcmpSocket {
  readonly #options: IcmpSocketOptions;
  readonly #handlers: IcmpSocketHandlers;
  readonly #socket: RawSocket;
  #closed = false;

  private constructor(options: IcmpSocketOptions, handlers: IcmpSocketHandlers, socket: RawSocket) {
    this.#options = options;
    this.#handlers = handlers;
    this.#socket = socket;
    socket.on('message', (packet) => this.#receive(packet));
    socket.on('error', (error) => this.#fail(error ?? new Error('poll failed')));
  }

  /** Receives nothing before {@link admit}. Needs CAP_NET_RAW. Throws where the package is not built, the socket refused, or the interface unknown. */
  static open(options: IcmpSocketOptions, handlers: IcmpSocketHandlers): IcmpSocket {
    checkUint16('identifier', options.identifier);
    const raw = require('raw-socket') as RawSocketModule;
    let socket: RawSocket | undefined;
    try {
      socket = raw.createSocket({ protocol: raw.Protocol.ICMP });
      letIn(socket, []);
      const device = Buffer.from(`${options.interface}\0`);
      socket.setOption(SOL_SOCKET, SO_BINDTODEVICE, device, device.length);
      socket.setOption(SOL_IP, IP_HDRINCL, 1);
      socket.setOption(SOL_RAW, ICMP_FILTER, ALL_BUT_ECHO_REPLY);
    } catch (cause) {
      socket?.close();
      throw new Error(`ICMP socket on ${options.interface}: ${(cause as Error).message}`, { cause });
    }
    return new IcmpSocket(options, handlers, socket);
  }

  /**
   * Lets in the answers to requests with these sequences, at most 255, and no others; those that wait to be read stay. A request leaves in
   * the next turn of the event loop, so it is early enough to call this after {@link echo}. Throws where the kernel refuses; does nothing
   * after {@link close}.
   */
  admit(sequences: readonly number[]): void {
    if (this.#closed) return;
    const { identifier } = this.#options;
    try {
      letIn(
        this.#socket,
        sequences.map((sequence) => identifier * 0x10000 + sequence),
      );
    } catch (cause) {
      throw this.#error(cause as Error);
    }
  }

  /**
   * Sends an echo request to a dotted quad. `sequence` is 16 bit; `source` is the dotted quad to which the answer goes,
   * without it the one that the kernel's route prefers. It leaves in the next turn of the event loop; where it
   * cannot, the error handler is called. Does nothing after {@link close}.
   */
  echo(target: string, sequence: number, source?: string): void {
    checkUint16('sequence', sequence);
    // The package would open a new socket, bound to no interface.
    if (this.#closed) return;
    const message = encodeEcho(this.#options.identifier, sequence);
    const request = Buffer.from(isIPv4(target) ? encodeIpv4(message, target, source) : message);
    this.#socket.send(request, 0, request.length, target, (error) => {
      if (error !== null) this.#fail(new Error(`echo to ${target}: ${error.message}`, { cause: error }));
    });
  }

  /** Ends everything; no handler is called after it. May be called more than once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  #receive(packet: Buffer): void {
    const at = Number(process.hrtime.bigint()) / 1e6;
    const reply = decodeEchoReply(packet, this.#options.identifier);
    this.#deliver(() => {
      if (typeof reply === 'string') this.#handlers.stray(reply);
      else this.#handlers.reply({ ...reply, at });
    });
  }

  #fail(cause: Error): void {
    this.#deliver(() => this.#handlers.error(this.#error(cause)));
  }

  #error(cause: Error): Error {
    return new Error(`ICMP socket on ${this.#options.interface}: ${cause.message}`, { cause });
  }

  /** The package catches what a listener throws; from an immediate it is an uncaught exception, as it should be. */
  #deliver(call: () => void): void {
    setImmediate(() => {
      if (!this.#closed) call();
    });
  }
}

/**
 * Lets in only messages whose identifier and sequence, as one number, are among the answers; not many more of them than there are answers can
 * wait to be read, however often somebody repeats them.
 */
function letIn(socket: RawSocket, answers: readonly number[]): void {
  const filter = addon().echoFilter(Uint32Array.from(answers));
  socket.setOption(SOL_SOCKET, SO_ATTACH_FILTER, filter, filter.length);
  socket.setOption(SOL_SOCKET, SO_RCVBUF, ROOM * answers.length);
}

function checkUint16(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
    throw new RangeError(`${name} must be 0 to 65535, not ${value}`);
  }
}
