import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Lab } from '../../../deploy/lab/lab';
import { LabError, waitUntil } from '../../../deploy/lab/wait';
import { FAR, FIRST, NEAR, SECOND } from '../scene';
import { configurationOf } from './cluster';
import type { RunningSystem, SessionPlace, System } from './system';
import { commandsOf } from './template';

/** Turns each TCP socket of a program into one of MPTCP, which Node.js can't ask for: of Debian's package libmptcpwrap0. */
const WRAPPER = 'mptcpize/libmptcpwrap.so.0';
const SWITCH = '/proc/sys/net/mptcp/enabled';
const PATIENCE = 10_000;

/** @returns the path of the wrapper, whose directory is named after the processor; undefined where it isn't installed */
function findWrapper(): string | undefined {
  return readdirSync('/usr/lib')
    .map((directory) => `/usr/lib/${directory}/${WRAPPER}`)
    .find((path) => existsSync(path));
}

function addressOf(lab: Lab, host: string, plane: string): string {
  const { address } = lab.host(host).link(plane);
  if (address === undefined) {
    throw new LabError(`${host} has no address on plane ${plane}`);
  }
  return address;
}

class MptcpHosts implements RunningSystem {
  readonly session: SessionPlace;
  readonly #lab: Lab;

  constructor(lab: Lab, wrapper: string) {
    this.#lab = lab;
    this.session = {
      source: addressOf(lab, NEAR, FIRST),
      destination: addressOf(lab, FAR, FIRST),
      env: { LD_PRELOAD: wrapper },
    };
  }

  /** Whether a subflow uses a link again is TCP's own affair; the links must only be there. */
  async untilSteady(): Promise<void> {
    const hosts = [NEAR, FAR].map((name) => this.#lab.host(name));
    const carriers = hosts.flatMap(({ pid, plan }) =>
      plan.links.map(({ device }) => `/proc/${pid}/root/sys/class/net/${device}/carrier`),
    );
    const up = (): boolean => carriers.every((file) => readFileSync(file, 'utf8').trim() === '1');
    await waitUntil(up, PATIENCE, 'both planes to have carrier');
  }

  // The kernel alone does it: there is no daemon whose end could matter.
  async kill(): Promise<void> {}
  async revive(): Promise<void> {}
  async stop(): Promise<void> {}
}

/** MPTCP of the kernel with two subflows, between the addresses of the links. */
export const mptcp: System = {
  name: 'mptcp',
  title: `MPTCP with two subflows, Linux ${release()}`,
  async unavailable() {
    if (!existsSync(SWITCH) || readFileSync(SWITCH, 'utf8').trim() !== '1') {
      return 'the kernel has no MPTCP, or net.mptcp.enabled is 0';
    }
    return findWrapper() === undefined
      ? 'the wrapper for programs is missing; install it by: sudo apt-get install libmptcpwrap0'
      : undefined;
  },
  async start(lab) {
    const wrapper = findWrapper();
    if (wrapper === undefined) {
      throw new LabError(`no ${WRAPPER} under /usr/lib`);
    }
    for (const [name, role] of [
      [NEAR, 'subflow'],
      [FAR, 'signal'],
    ] as const) {
      const host = lab.host(name);
      const addresses = {
        'address-a': addressOf(lab, name, FIRST),
        'address-b': addressOf(lab, name, SECOND),
      };
      await host.ip(...commandsOf(await configurationOf(lab, host, 'mptcp.ip', { ...addresses, role })));
    }
    return new MptcpHosts(lab, wrapper);
  },
};
