import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Lab } from '../../../deploy/lab/lab';
import { LabError, waitUntil } from '../../../deploy/lab/wait';
import { FAR, FIRST, NEAR, SECOND } from '../scene';
import { configurationOf } from './cluster';
import type { RunningSystem, SessionPlace, System } from './system';
import { commandsOf } from './template';

/** Turns each TCP socket of a program into one of MPTCP: Node.js can't ask for it. Of Debian's package mptcpize. */
const WRAPPER = '/usr/lib/x86_64-linux-gnu/mptcpize/libmptcpwrap.so.0';
const SWITCH = '/proc/sys/net/mptcp/enabled';
const PATIENCE = 10_000;

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

  constructor(lab: Lab) {
    this.#lab = lab;
    this.session = {
      source: addressOf(lab, NEAR, FIRST),
      destination: addressOf(lab, FAR, FIRST),
      env: { LD_PRELOAD: WRAPPER },
    };
  }

  async untilSteady(): Promise<void> {
    const host = this.#lab.host(NEAR);
    const reached = async (): Promise<boolean> => {
      const pings = [FIRST, SECOND].map((plane) =>
        host.run('ping', ['-c', '1', '-W', '1', addressOf(this.#lab, FAR, plane)], { check: false }),
      );
      return (await Promise.all(pings)).every(({ status }) => status === 0);
    };
    await waitUntil(reached, PATIENCE, 'both planes to carry packets');
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
    return existsSync(WRAPPER) ? undefined : 'the package mptcpize is missing';
  },
  async start(lab) {
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
    return new MptcpHosts(lab);
  },
};
