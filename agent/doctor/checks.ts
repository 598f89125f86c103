import { aliasCheck } from './aliases';
import type { Check } from './check';
import { agentCheck } from './daemon';
import { iptablesCheck, nftablesCheck } from './firewall';
import { cardCheck, linkCheck, mtuCheck, subnetCheck } from './links';
import { networkdCheck, networkManagerCheck } from './managers';
import { beaconPlaneCheck, duplicateCheck, joinedCheck, silenceCheck } from './planes';
import { routeCheck } from './routes';
import { sessionCheck } from './sessions';
import { answeringCheck, carrierCheck, filteringCheck, localSourceCheck, martiansCheck } from './settings';
import { timeOutCheck } from './time-outs';

/** Every check, in the order in which its findings are told. */
export const CHECKS: readonly Check[] = [
  agentCheck,
  linkCheck,
  cardCheck,
  subnetCheck,
  mtuCheck,
  aliasCheck,
  filteringCheck,
  answeringCheck,
  carrierCheck,
  localSourceCheck,
  martiansCheck,
  routeCheck,
  nftablesCheck,
  iptablesCheck,
  networkdCheck,
  networkManagerCheck,
  joinedCheck,
  beaconPlaneCheck,
  silenceCheck,
  duplicateCheck,
  timeOutCheck,
  sessionCheck,
];
