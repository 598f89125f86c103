import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabHost } from '../../../deploy/lab/host';
import type { Lab } from '../../../deploy/lab/lab';
import { waitUntil } from '../../../deploy/lab/wait';
import { configurationOf } from './cluster';
import { ask } from './control';
import { Daemon, versionOf } from './daemon';
import { type Router, type Routing, startRouting } from './routing';
import type { System } from './system';

/** Where Debian's package has the daemons. */
const PROGRAMS = '/usr/lib/frr';
/**
 * In the order in which they start, with the arguments of Debian's /etc/frr/daemons. zebra keeps the routes of the one
 * before it for as many seconds as -K says.
 */
const DAEMONS: readonly (readonly [name: string, ...args: string[]])[] = [
  ['zebra', '-A', '127.0.0.1', '-s', '90000000', '-K', '60'],
  ['bfdd', '-A', '127.0.0.1'],
  ['ospfd', '-A', '127.0.0.1'],
];
/** As Debian's service does. */
const NICE = '-5';
/** Private to each host, as all of /run is. */
const RUN = '/run/frr';
/** The daemons also write to /var/tmp, and leave it there when they are killed. */
const PREPARE = `
mountpoint -q /var/tmp || mount -t tmpfs -o mode=1777 tmpfs /var/tmp
install -d -o frr -g frr ${RUN}
rm -f ${RUN}/*
touch ${RUN}/vtysh.conf
cat > ${RUN}/frr.conf`;
/** OSPF's protocol number in the kernel. */
const PROTOCOL = '188';
/** A daemon ends each answer to vtysh by three zeros and the command's status (lib/vty.c, vtysh_read). */
const ANSWERS = /^[\s\S]*?\0{3}.([\s\S]*)\0{3}.$/s;
/** How long a daemon may take to listen, in ms. */
const START_PATIENCE = 10_000;

interface OspfNeighbors {
  readonly neighbors: Readonly<Record<string, readonly { readonly nbrState: string }[]>>;
}

type BfdPeers = readonly { readonly status: string }[];

/** zebra, bfdd and ospfd of one host. */
class FrrRouter implements Router {
  readonly #host: LabHost;
  readonly #configuration: string;
  /** neighbors that it has when all ways stand */
  readonly #expected: number;
  #daemons: Daemon[] = [];

  constructor(host: LabHost, configuration: string, expected: number) {
    this.#host = host;
    this.#configuration = configuration;
    this.#expected = expected;
  }

  async start(): Promise<void> {
    await this.#host.run('sh', ['-ec', PREPARE], { input: this.#configuration });
    for (const [name, ...args] of DAEMONS) {
      this.#daemons.push(new Daemon(this.#host, 'nice', ['-n', NICE, join(PROGRAMS, name), ...args]));
      const listens = async (): Promise<boolean> => {
        this.#check();
        return (await this.#ask(name, 'show version')) !== undefined;
      };
      await waitUntil(listens, START_PATIENCE, `${name} on ${this.#host.name} to listen`);
    }
    await this.#host.run('vtysh', ['--config_dir', RUN, '-b']);
  }

  async kill(): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.kill()));
    this.#daemons = [];
  }

  async converged(): Promise<boolean> {
    this.#check();
    const ospf = await this.#show<OspfNeighbors>('ospfd', 'ip ospf neighbor');
    const full = Object.values(ospf?.neighbors ?? {})
      .flat()
      .filter(({ nbrState }) => nbrState.startsWith('Full'));
    const up = (await this.#show<BfdPeers>('bfdd', 'bfd peers'))?.filter(({ status }) => status === 'up');
    return full.length === this.#expected && up?.length === this.#expected;
  }

  #check(): void {
    for (const daemon of this.#daemons) {
      daemon.check();
    }
  }

  async #show<T>(daemon: string, what: string): Promise<T | undefined> {
    const answer = await this.#ask(daemon, `show ${what} json`);
    return answer === undefined ? undefined : (JSON.parse(answer) as T);
  }

  /** @returns what a daemon prints, as vtysh would; undefined where it doesn't listen */
  async #ask(daemon: string, command: string): Promise<string | undefined> {
    const path = `/proc/${this.#host.pid}/root${RUN}/${daemon}.vty`;
    const answer = await ask(path, `enable\0${command}\0`, (text) => ANSWERS.test(text));
    return answer && ANSWERS.exec(answer)?.[1];
  }
}

function routing(interval: number, hold: boolean): Routing {
  return {
    protocol: PROTOCOL,
    tick: 0,
    async make(lab: Lab, host: LabHost) {
      const files = hold ? ['frr.conf'] : ['frr.conf', 'frr-hold0.conf'];
      const texts = files.map((name) => configurationOf(lab, host, name, { interval: `${interval}` }));
      const expected = lab.planes.length * (lab.hosts().length - 1);
      return new FrrRouter(host, (await Promise.all(texts)).join(''), expected);
    },
  };
}

/** @returns whether this process may take on another user: not where it is alone in its user namespace */
function hasOtherUsers(): boolean {
  return readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/)[2] !== '1';
}

/**
 * FRR with OSPF and BFD.
 *
 * @param interval of BFD, in ms; three of them are missed
 * @param hold whether zebra gathers changes for 10 ms, as the manual leaves it; or not, by a hidden command
 */
export function frr(interval: number, hold = true): System {
  return {
    name: `frr-bfd-${interval}x3${hold ? '' : '-hold0'}`,
    get title() {
      const version = versionOf(join(PROGRAMS, 'zebra'));
      const title = `FRR ${version}, OSPF and BFD ${interval} ms × 3`;
      return hold ? title : `${title}, and a hidden command: zebra work-queue 0`;
    },
    async unavailable() {
      if (versionOf(join(PROGRAMS, 'zebra')) === undefined) {
        return 'the package frr is not installed';
      }
      return hasOtherUsers()
        ? undefined
        : 'FRR changes to a user of its own, which only root can: sudo make bench';
    },
    start: (lab) => startRouting(lab, routing(interval, hold)),
  };
}
