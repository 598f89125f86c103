import { waitUntil } from '../../../deploy/lab/wait';
import { allUseFirstPlane, layStaticRoutes } from './cluster';
import type { System } from './system';

const PATIENCE = 10_000;

/** Two static routes to each alias, by metric, and nobody who watches them. */
export const staticRoutes: System = {
  name: 'static',
  title: 'static routes alone, ignore_routes_with_linkdown=1',
  unavailable: () => Promise.resolve(undefined),
  async start(lab) {
    await layStaticRoutes(lab);
    return {
      untilSteady: async () => {
        await waitUntil(() => allUseFirstPlane(lab), PATIENCE, 'all routes by the first plane to stand');
      },
      // Nothing runs.
      kill: () => Promise.resolve(),
      revive: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    };
  },
};
