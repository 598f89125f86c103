import type { LabHost } from '../../../deploy/lab/host';
import type { Lab } from '../../../deploy/lab/lab';
import { waitUntil } from '../../../deploy/lab/wait';
import { configurationOf } from './cluster';
import { ask } from './control';
import { Daemon, versionOf } from './daemon';
import { type Router, type Routing, startRouting } from './routing';
import type { System } from './system';

/** Private to each host, as all of /run is. */
const RUN = '/run/bird';
const SOCKET = `${RUN}/bird.ctl`;
/** BIRD's protocol number in the kernel. */
const PROTOCOL = '12';
/** How often its OSPF originates LSAs and computes routes, in ms. */
const TICK = 1000;
/** It does not originate an LSA again before, in s (RFC 2328, MinLSInterval), less the tick that ages are told by. */
const LEAST_AGE = 6;
/** The last line of an answer: a code of its own, apart from 0001, which greets, and a space instead of a hyphen. */
const ANSWER_END = /^(?!0001)\d{4} .*\n$/m;
/** How long it may take to listen, in ms. */
const START_PATIENCE = 10_000;

/** @returns the ages of all router-LSAs, in s, as `show ospf lsadb` prints them */
export function agesOf(database: string): number[] {
  return [...database.matchAll(/^\s*0001\s+\S+\s+\S+\s+\S+\s+(\d+)/gm)].map(([, age]) => Number(age));
}

/** The daemon of one host. */
class BirdRouter implements Router {
  readonly #host: LabHost;
  readonly #configuration: string;
  /** neighbors that it has when all ways stand */
  readonly #expected: number;
  readonly #ospf: boolean;
  #daemon: Daemon | undefined;

  constructor(host: LabHost, configuration: string, expected: number, ospf: boolean) {
    this.#host = host;
    this.#configuration = configuration;
    this.#expected = expected;
    this.#ospf = ospf;
  }

  async start(): Promise<void> {
    const file = `${RUN}/bird.conf`;
    await this.#host.run('sh', ['-ec', `mkdir -p ${RUN}; cat > ${file}`], { input: this.#configuration });
    this.#daemon = new Daemon(this.#host, 'bird', ['-f', '-c', file, '-s', SOCKET]);
    const listens = async (): Promise<boolean> => (await this.#show('status')) !== '';
    await waitUntil(listens, START_PATIENCE, `bird on ${this.#host.name} to listen`);
  }

  async kill(): Promise<void> {
    await this.#daemon?.kill();
    this.#daemon = undefined;
  }

  async converged(): Promise<boolean> {
    const up = (await this.#show('bfd sessions')).match(/\sUp\s/g);
    return up?.length === this.#expected && (!this.#ospf || (await this.#ospfConverged()));
  }

  async #ospfConverged(): Promise<boolean> {
    const full = (await this.#show('ospf neighbors')).match(/\sFull\//g);
    const ages = agesOf(await this.#show('ospf lsadb'));
    return full?.length === this.#expected && ages.every((age) => age >= LEAST_AGE);
  }

  /** @returns what it prints, as birdc would; nothing where it finds no daemon */
  async #show(what: string): Promise<string> {
    this.#daemon?.check();
    const path = `/proc/${this.#host.pid}/root${SOCKET}`;
    return (await ask(path, `show ${what}\n`, (text) => ANSWER_END.test(text))) ?? '';
  }
}

function routing(interval: number, ospf: boolean): Routing {
  return {
    protocol: PROTOCOL,
    tick: ospf ? TICK : 0,
    async make(lab: Lab, host: LabHost) {
      const name = ospf ? 'bird-ospf.conf' : 'bird-static.conf';
      const configuration = await configurationOf(lab, host, name, { interval: `${interval}` });
      return new BirdRouter(host, configuration, lab.planes.length * (lab.hosts().length - 1), ospf);
    },
  };
}

/**
 * BIRD with BFD.
 *
 * @param interval of BFD, in ms; three of them are missed
 * @param ospf whether the routes are OSPF's; or static ones whose next hops BFD watches
 */
export function bird(interval: number, ospf = true): System {
  return {
    name: ospf ? `bird-bfd-${interval}x3` : `bird-static-bfd-${interval}x3`,
    get title() {
      return `BIRD ${versionOf('bird')}, ${ospf ? 'OSPF' : 'static routes'} and BFD ${interval} ms × 3`;
    },
    async unavailable() {
      return versionOf('bird') !== undefined ? undefined : 'the package bird2 is not installed';
    },
    start: (lab) => startRouting(lab, routing(interval, ospf)),
  };
}
