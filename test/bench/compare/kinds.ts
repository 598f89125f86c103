import { setTimeout as sleep } from 'node:timers/promises';
import type { Moment } from '../../../deploy/lab/ip-console';
import type { Lab } from '../../../deploy/lab/lab';
import { monotonic } from '../../../deploy/lab/wait';
import type { RunningSystem } from '../peers/system';
import { FAR, FIRST, NEAR } from '../scene';

/** A failure that befalls every system alike, and its mending. */
export interface FailureKind {
  readonly name: string;
  readonly title: string;
  break(lab: Lab, system: RunningSystem): Promise<Moment>;
  mend(lab: Lab, system: RunningSystem): Promise<Moment>;
  /** the kind that the mending is measured as; undefined where it isn't */
  readonly returns?: string;
}

/** Between the end of the daemon and that of the card, in ms: time enough for the others to notice. */
const AFTER_KILL = 500;

/** Every failure is on the preferred plane. */
export const FAILURE_KINDS: readonly FailureKind[] = [
  {
    name: 'card',
    title: 'local card pulled',
    break: (lab) => lab.pullCard(NEAR, FIRST),
    mend: (lab) => lab.returnCard(NEAR, FIRST),
    returns: 'return',
  },
  {
    name: 'far-card',
    title: "far end's card pulled",
    break: (lab) => lab.pullCard(FAR, FIRST),
    mend: (lab) => lab.returnCard(FAR, FIRST),
  },
  {
    name: 'silent',
    title: 'port silently drops, both ways',
    break: (lab) => lab.dropPort(NEAR, FIRST, 'both'),
    mend: (lab) => lab.undropPort(NEAR, FIRST),
  },
  {
    name: 'silent-from',
    title: 'port silently drops what the host sends',
    break: (lab) => lab.dropPort(NEAR, FIRST, 'from-host'),
    mend: (lab) => lab.undropPort(NEAR, FIRST),
  },
  {
    name: 'silent-to',
    title: 'port silently drops what goes to the host',
    break: (lab) => lab.dropPort(NEAR, FIRST, 'to-host'),
    mend: (lab) => lab.undropPort(NEAR, FIRST),
  },
  {
    name: 'switch',
    title: 'whole switch dead, carriers lost',
    break: (lab) => lab.killSwitch(FIRST),
    mend: (lab) => lab.reviveSwitch(FIRST),
  },
  {
    name: 'switch-silent',
    title: 'whole switch dead, carriers stay',
    break: (lab) => lab.silenceSwitch(FIRST),
    mend: (lab) => lab.unsilenceSwitch(FIRST),
  },
  {
    name: 'killed',
    title: 'agent or daemons killed, then local card pulled',
    break: async (lab, system) => {
      const before = monotonic();
      await system.kill(NEAR);
      await sleep(AFTER_KILL);
      // What the end of the daemon itself costs belongs to it.
      return { ...(await lab.pullCard(NEAR, FIRST)), before };
    },
    mend: async (lab, system) => {
      const moment = await lab.returnCard(NEAR, FIRST);
      await system.revive(NEAR);
      return moment;
    },
  },
];

const RETURN_TITLE = 'local card back again';

/** All that is measured, in the order of the tables. */
export const NAMES: readonly string[] = FAILURE_KINDS.flatMap(({ name, returns }) => [
  name,
  returns ?? [],
]).flat();

/** The title of a kind, and of what is measured when it is mended. */
export function titleOf(name: string): string {
  return FAILURE_KINDS.find((kind) => kind.name === name)?.title ?? RETURN_TITLE;
}
