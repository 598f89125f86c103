import { execFileSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { monotonic, waitUntil } from '../../deploy/lab/wait';
import {
  PacketSocket,
  type PacketSocketHandlers,
  type PacketSocketOptions,
  type ReceivedFrame,
} from '../../native-bindings/packet-socket';

export { monotonic, waitUntil };

export const ARP = 0x0806;
/** For local experiments (IEEE 802): the beacons' EtherType. */
export const BEACON = 0x88b5;
export const IPV4 = 0x0800;
/** How long something that has to happen may take, in ms. */
export const PATIENCE = 10_000;
// More than any one wait, so that a wait in vain says what it waited for.
jest.setTimeout(4 * PATIENCE);

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
/** A unicast address that no interface here has. */
export const FOREIGN = '02:00:00:00:be:ef';

/** Carries out `ip` with these arguments in this process's network namespace; what it printed. */
export function ip(line: string): string {
  return execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: 'pipe' });
}

/** An interface as `ip -j` shows it. */
export interface Port {
  readonly name: string;
  readonly ifindex: number;
  readonly mac: string;
}

export interface Veth {
  readonly near: Port;
  readonly far: Port;
  remove(): void;
}

let pairs = 0;

/** The interface of this name as it is now. */
export function port(name: string): Port {
  const [link] = JSON.parse(ip(`-j link show dev ${name}`)) as { ifindex: number; address: string }[];
  return { name, ifindex: link!.ifindex, mac: link!.address };
}

/** Two interfaces with a cable between them, both up, silent (no IPv6), and with names that nobody else uses. */
export function makeVeth(options = ''): Veth {
  pairs++;
  const [near, far] = [`n${process.pid}x${pairs}`, `f${process.pid}x${pairs}`];
  ip(
    `link add ${near} ${options ? `${options} ` : ''}type veth peer name ${far}${options ? ` ${options}` : ''}`,
  );
  for (const name of [near, far]) {
    ip(`link set ${name} addrgenmode none`);
    ip(`link set ${name} arp off`);
    ip(`link set ${name} up`);
  }
  return {
    near: port(near),
    far: port(far),
    remove() {
      // It may be what the test removed.
      execFileSync('sh', ['-c', `ip link del ${near} 2>/dev/null || :`]);
    },
  };
}

/** A cable of its own for each test of the file; the sockets on it are closed when the test ends. */
export function freshVeth(): Pick<Veth, 'near' | 'far'> {
  let veth: Veth;
  beforeEach(() => {
    veth = makeVeth();
  });
  afterEach(() => {
    closeAll();
    veth.remove();
  });
  return {
    get near() {
      return veth.near;
    },
    get far() {
      return veth.far;
    },
  };
}

/** An Ethernet frame; `payload` is filled up with zeros to 46 bytes. */
export function frameOf(destination: string, etherType: number, payload: readonly number[] = []): Uint8Array {
  const bytes = new Uint8Array(14 + Math.max(46, payload.length));
  bytes.set(destination.split(':').map((octet) => Number.parseInt(octet, 16)));
  bytes.set([0x02, 0, 0, 0, 0, 0x01], 6);
  bytes.set([etherType >>> 8, etherType & 0xff], 12);
  bytes.set(payload, 14);
  return bytes;
}

/** The same frame with an 802.1Q tag. */
export function tagged(frame: Uint8Array, vlan: number): Uint8Array {
  return Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, vlan >>> 8, vlan & 0xff, ...frame.subarray(12)]);
}

/** A number in the first four bytes of a payload, and back. */
export function numbered(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function numberIn(frame: ReceivedFrame): number {
  return Buffer.from(frame.bytes).readUInt32BE(14);
}

/** A socket whose frames and errors are gathered as they come. */
export interface Listener {
  readonly socket: PacketSocket;
  readonly frames: ReceivedFrame[];
  readonly errors: string[];
}

const opened: PacketSocket[] = [];

/** A packet socket that is closed by {@link closeAll}. It is not polled unless `handlers` say what to do then. */
export function openSocket(
  at: Port,
  etherTypes: readonly number[],
  handlers: Partial<PacketSocketHandlers> = {},
  options: Partial<PacketSocketOptions> = {},
): PacketSocket {
  const socket = PacketSocket.open(
    { interface: at.name, ifindex: at.ifindex, etherTypes, ...options },
    { error: () => undefined, ...handlers },
  );
  opened.push(socket);
  return socket;
}

export function listen(
  at: Port,
  etherTypes: readonly number[],
  options?: Partial<PacketSocketOptions>,
): Listener {
  const frames: ReceivedFrame[] = [];
  const errors: string[] = [];
  const handlers: PacketSocketHandlers = {
    readable: () => frames.push(...socket.receive()),
    error: (error) => errors.push(`${error.code} ${error.interface}`),
  };
  const socket: PacketSocket = openSocket(at, etherTypes, handlers, options);
  return { socket, frames, errors };
}

export function closeAll(): void {
  for (const socket of opened.splice(0)) socket.close();
}

/** Waits until a socket has as many frames; they are then all there, since the rest came before the last. */
export async function untilFrames(listener: Listener, count: number): Promise<ReceivedFrame[]> {
  await waitUntil(() => listener.frames.length >= count, PATIENCE, `${count} frames`);
  return listener.frames;
}

/** Frees what is garbage now, so that what stays can be measured. */
export const collectGarbage: () => void = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();
