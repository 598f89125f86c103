import { bird } from '../peers/bird';
import { bonding } from '../peers/bonding';
import { frr } from '../peers/frr';
import { mptcp } from '../peers/mptcp';
import { OURS } from '../peers/ours';
import { staticRoutes } from '../peers/static';
import type { System } from '../peers/system';

/** In the order of the tables. */
export const SYSTEMS: readonly System[] = [
  ...OURS,
  frr(50),
  frr(10),
  bird(50),
  bird(10),
  mptcp,
  bonding,
  staticRoutes,
];
