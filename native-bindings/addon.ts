import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './package-root';

/** errno and what was being done, of an open that failed. */
export type NativeFailure = readonly [errno: number, doing: string];

/** src/packet_socket.h. Numbers below zero are a negative errno. */
export interface NativePacketSocket {
  open(
    ifindex: number,
    etherTypes: Uint16Array,
    match: Uint32Array,
    receiveBuffer: number,
    ring: number,
    readable: (() => void) | undefined,
    error: (errno: number) => void,
  ): NativeFailure | undefined;
  receive(maximum: number): number;
  send(first: number, count: number): number;
  wake(wanted: boolean): void;
  screen(senders: Uint32Array | undefined): number;
  statistics(): readonly [packets: number, drops: number];
  receiveBuffer(): number;
  close(): void;
}

/** src/netlink_socket.h. Numbers below zero are a negative errno. */
export interface NativeNetlinkSocket {
  open(
    groups: Uint32Array,
    receiveBuffer: number,
    readable?: () => void,
    error?: (errno: number) => void,
  ): NativeFailure | undefined;
  port(): number;
  send(bytes: Uint8Array): number;
  receive(): number;
  close(): void;
}

/** src/timer.h. Numbers below zero are a negative errno. */
export interface NativeTimer {
  open(fired: () => void, error: (errno: number) => void): NativeFailure | undefined;
  set(at: number): number;
  acknowledge(): number;
  close(): void;
}

interface Addon {
  readonly PacketSocket: new (
    receiveStorage: Uint8Array,
    receiveRecords: Float64Array,
    sendStorage: Uint8Array,
    sendRecords: Uint32Array,
  ) => NativePacketSocket;
  readonly NetlinkSocket: new (storage: Uint8Array) => NativeNetlinkSocket;
  readonly Timer: new () => NativeTimer;
  /** src/datagram.h: 0, or the negative errno */
  sendDatagram(path: string, text: string): number;
  /** src/echo_filter.h */
  echoFilter(answers: Uint32Array): Uint8Array;
}

let loaded: Addon | undefined;

/** The compiled addon, loaded at first use. Throws one clear error where it is not built, or built for another system. */
export function addon(): Addon {
  loaded ??= load(addonPath(__dirname));
  return loaded;
}

/** Where the addon is built, seen from a directory in the source tree or in `dist`. */
export function addonPath(from: string): string {
  return join(packageRoot(from), 'native-bindings', 'build', 'Release', 'multihomed_native.node');
}

/** Loads the addon at `path`. */
export function load(path: string): Addon {
  if (!existsSync(path)) {
    throw new Error(`the native addon is not built (${path} does not exist): run \`make build\``);
  }
  try {
    return require(path) as Addon;
  } catch (cause) {
    throw new Error(`the native addon ${path} does not load: run \`make build\` on this machine`, { cause });
  }
}
