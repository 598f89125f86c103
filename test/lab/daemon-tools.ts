import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ArpFrame, decodeArp } from '../../agent/wire/arp';
import type { AgentExit, AgentProcess } from '../../deploy/lab/agent-process';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { Capture, type CapturedFrame } from '../../native-bindings/capture';

/** How long something that has to happen may take, in ms; a machine that is busy with other things needs the time. */
export const PATIENCE = 10_000;
/** Long enough for whatever must not happen to have happened, in ms. */
export const QUIET = 300;

/** An ARP frame that passed. */
export interface SeenArp extends ArpFrame {
  /** ms since 1970, when the capturing process read it */
  readonly at: number;
}

/** What passes by a host's link, as libpcap sees it: a witness that has no code in common with the agent's own sockets. */
export class Witness {
  readonly captured: CapturedFrame[] = [];
  readonly #capture: Capture;
  readonly #ended: Promise<void>;

  private constructor(capture: (frames: CapturedFrame[], ended: () => void) => Capture) {
    let ended = (): void => undefined;
    this.#ended = new Promise((resolve) => {
      ended = resolve;
    });
    this.#capture = capture(this.captured, ended);
  }

  /** Frames that pass after this has resolved are seen. */
  static async start(host: LabHost, plane: string, filter = 'arp'): Promise<Witness> {
    let ready = (): void => undefined;
    const capturing = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const options = {
      interface: host.link(plane).device,
      filter,
      command: ['nsenter', '--target', `${host.pid}`, '--net', '--mount', '--'],
    };
    const witness = new Witness((frames, ended) =>
      Capture.start(options, { ready, frame: (frame) => frames.push(frame), end: ended }),
    );
    await Promise.race([
      capturing,
      witness.#ended.then(() => Promise.reject(new Error(`no capture on ${host.name}`))),
    ]);
    return witness;
  }

  /** The well-formed ARP so far, oldest first. */
  arp(): SeenArp[] {
    return this.captured.flatMap(({ at, bytes }) => {
      const frame = decodeArp(bytes);
      return typeof frame === 'string' ? [] : [{ ...frame, at: Date.parse(at) }];
    });
  }

  /** Ends the capture; what passed before is in {@link captured} then. */
  async stop(): Promise<void> {
    // The kernel hands frames over in blocks, a few ms after they passed.
    await sleep(50);
    this.#capture.stop();
    await this.#ended;
  }
}

/** The daemon's program and that of multihomectl. */
export const MAIN = join(ROOT, 'dist', 'agent', 'main.js');
export const CTL = join(ROOT, 'dist', 'agent', 'cli', 'multihomectl.js');

/** Waits for a daemon that is expected to end; what it left behind. */
export async function endOf(agent: AgentProcess): Promise<AgentExit & { readonly errors: string }> {
  return { ...(await agent.exited), errors: agent.errors() };
}

/** What the kernel of a host holds of routes, addresses and permanent neighbor entries, as iproute2 prints it. */
export async function kernelState(host: LabHost): Promise<string> {
  const show = 'ip -4 -o address; ip -4 route show table all; ip -4 neigh show nud permanent';
  return (await host.run('sh', ['-ec', show])).stdout;
}

/** Settings under net.ipv4.conf of a host, given as `eth0/arp_ignore`. */
export async function settings(host: LabHost, ...names: readonly string[]): Promise<number[]> {
  const { stdout } = await host.run(
    'cat',
    names.map((name) => `/proc/sys/net/ipv4/conf/${name}`),
  );
  return stdout.trim().split('\n').map(Number);
}

/** Sets settings under net.ipv4.conf, such as `{ 'eth0/arp_ignore': 1 }`. */
export async function set(host: LabHost, values: Readonly<Record<string, number>>): Promise<void> {
  const lines = Object.entries(values).map(([name, value]) => `echo ${value} > ${name}`);
  await host.run('sh', ['-ec', ['cd /proc/sys/net/ipv4/conf', ...lines].join('\n')]);
}

/** Writes a file on a host, with the directories above it. Hosts share all but /run and /sys. */
export async function write(host: LabHost, path: string, text: string): Promise<void> {
  await host.run('sh', ['-ec', 'mkdir -p "$(dirname "$1")"; cat > "$1"', 'write', path], { input: text });
}

export { sleep };
