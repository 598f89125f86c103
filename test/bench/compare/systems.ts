import { bird } from '../peers/bird';
import { bonding } from '../peers/bonding';
import { frr } from '../peers/frr';
import { mptcp } from '../peers/mptcp';
import { OURS } from '../peers/ours';
import { staticRoutes } from '../peers/static';
import type { System } from '../peers/system';

/** A system and which of ours its times are set in relation to. */
export interface Contender {
  readonly system: System;
  /** the name of ours with the same interval, or of the first of ours where a system has none */
  readonly against: string;
}

const NORMAL = 'multihomed-beacons';
const FAST = 'multihomed-beacons-fast';

function against(reference: string, ...systems: readonly System[]): Contender[] {
  return systems.map((system) => ({ system, against: reference }));
}

/** In the order of the tables. */
export const CONTENDERS: readonly Contender[] = [
  ...OURS.flatMap((system) => against(system.name.endsWith('-fast') ? FAST : NORMAL, system)),
  ...against(NORMAL, frr(50)),
  ...against(FAST, frr(10)),
  ...against(NORMAL, bird(50)),
  ...against(FAST, bird(10)),
  ...against(NORMAL, mptcp, bonding, staticRoutes),
];
