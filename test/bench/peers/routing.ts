import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHost } from '../../../deploy/lab/host';
import type { Lab } from '../../../deploy/lab/lab';
import { LabError, waitUntil } from '../../../deploy/lab/wait';
import { allUseFirstPlane, layStaticRoutes } from './cluster';
import type { RunningSystem } from './system';

/** What routing daemons of one kind have in common. */
export interface Routing {
  /** the number with which they mark their routes (/etc/iproute2/rt_protos) */
  readonly protocol: string;
  /** what they do only each so often by a clock of their own, in ms; 0 where they do everything at once */
  readonly tick: number;
  /** @returns the daemons of a host, not yet started */
  make(lab: Lab, host: LabHost): Promise<Router>;
}

/** The routing daemons of one host. */
export interface Router {
  /** Returns once they run. */
  start(): Promise<void>;
  /** Ends them by SIGKILL; does nothing where they don't run. */
  kill(): Promise<void>;
  /**
   * @returns whether it sees every peer by every plane
   * @throws LabError where a daemon has ended by itself
   */
  converged(): Promise<boolean>;
}

/** How long routing may take to converge, in ms. */
const PATIENCE = 60_000;
/** Between two looks, in ms: only where nothing is measured. */
const LOOK_INTERVAL = 100;

class RoutedCluster implements RunningSystem {
  readonly #lab: Lab;
  readonly #routing: Routing;
  readonly #routers: ReadonlyMap<string, Router>;

  constructor(lab: Lab, routing: Routing, routers: ReadonlyMap<string, Router>) {
    this.#lab = lab;
    this.#routing = routing;
    this.#routers = routers;
  }

  async untilSteady(): Promise<void> {
    const steady = async (): Promise<boolean> => {
      const converged = await Promise.all([...this.#routers.values()].map((router) => router.converged()));
      return converged.every(Boolean) && (await allUseFirstPlane(this.#lab, this.#routing.protocol));
    };
    await waitUntil(steady, PATIENCE, 'the routing to converge', LOOK_INTERVAL);
    // Convergence comes with a tick. What is done to the hosts next is to come at any phase of it.
    await sleep(Math.random() * this.#routing.tick);
  }

  kill(host: string): Promise<void> {
    return this.#router(host).kill();
  }

  revive(host: string): Promise<void> {
    return this.#router(host).start();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#routers.values()].map((router) => router.kill()));
  }

  #router(host: string): Router {
    const router = this.#routers.get(host);
    if (router === undefined) {
      throw new LabError(`no routing daemons on ${host}`);
    }
    return router;
  }
}

/** Lays static routes, starts routing daemons on top of them on every host, and waits until they have converged. */
export async function startRouting(lab: Lab, routing: Routing): Promise<RunningSystem> {
  await layStaticRoutes(lab);
  const entries = lab.hosts().map(async (host) => [host.name, await routing.make(lab, host)] as const);
  const routers = new Map(await Promise.all(entries));
  await Promise.all([...routers.values()].map((router) => router.start()));
  const cluster = new RoutedCluster(lab, routing, routers);
  await cluster.untilSteady();
  return cluster;
}
