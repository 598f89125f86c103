import { Cluster, type ClusterOptions, type Told } from './cluster';
import { pathsTo, planeAsSeen, planeChosen } from './inspect';
import { findResidue } from './residue';
import { plan, type Schedule } from './schedule';
import { Violation } from './violation';

/** After everything is mended, in ms: until every stream must arrive, and for how long it then must. */
const RECOVERY = 1500;
const CALM = 300;
/** What nobody tells while nothing fails. */
const TROUBLES: readonly string[] = [
  'path-suspect',
  'path-down',
  'peer-unreachable',
  'beacons-lost',
  'alias-conflict',
  'repaired',
];
/** How often what lasts is looked at, in ms, and for how long: the longest hold of a path that flapped. */
const LOOK = 1000;
const MOST_RECOVERY = 130_000;

/** How a schedule ended. */
export interface Outcome {
  /** the rule that was broken */
  readonly violation: Violation | undefined;
  /** of everything that happened: the same for the same run */
  readonly hash: number;
  /** ms of the world */
  readonly elapsed: number;
}

export interface TrialOptions {
  /** instead of the schedule's own */
  readonly options?: Partial<ClusterOptions>;
  /** whether to wait until every path is trusted again, and to look for what was left in the tables */
  readonly thorough?: boolean;
  /** hears everything that the agents tell */
  readonly told?: (told: Told) => void;
}

/** Runs a schedule with all rules watching. */
export function runTrial(
  schedule: Schedule,
  { options, thorough = false, told }: TrialOptions = {},
): Outcome {
  const cluster = new Cluster({ ...schedule.options, ...options });
  if (told !== undefined) cluster.onTold = told;
  let violation: Violation | undefined;
  try {
    cluster.start();
    plan(cluster, schedule);
    cluster.run(schedule.length + RECOVERY);
    if (cluster.options.conditions.loss === 0) {
      checkCalm(cluster);
      if (thorough) checkTables(cluster);
    }
  } catch (error) {
    violation = error instanceof Violation ? error : new Violation('exception', cluster.now, stackOf(error));
  }
  return { violation, hash: cluster.trace.hash, elapsed: cluster.now };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Everything is mended: every packet arrives, nothing is in trouble, and hosts agree. */
function checkCalm(cluster: Cluster): void {
  cluster.forget();
  cluster.run(CALM);
  const { now } = cluster;
  if (cluster.lost > 0) throw new Violation('calm-loss', now, `${cluster.lost} packets lost`);
  const told = troubleIn(cluster);
  if (told !== undefined) throw new Violation('flap', now, `${told.host}: ${JSON.stringify(told)}`);
  checkAgreement(cluster);
}

/** What is told in vain: a path in trouble, or packets that take another plane, where nothing fails. */
function troubleIn({ notes, options }: Cluster): Told | undefined {
  // Where a host that stood still has answered late, it takes as long to find that it doesn't answer any more.
  const isLate = ({ event, fields }: Told) =>
    event.startsWith('path-') && Number(fields.rtt) > options.probe.interval;
  const late = notes.filter(isLate).map(({ host, fields }) => `${host} ${fields.peer}`);
  // Whoever has started with a clock that went back is believed, with what it wishes, only after its silence.
  const believed = notes
    .filter(({ event }) => event === 'beacons-heard')
    .map(({ host, fields }) => `${host} ${fields.peer}`);
  const isExcused = ({ host, fields: { cause, peer } }: Told) =>
    late.includes(`${host} ${peer}`) || (cause === 'priority' && believed.includes(`${host} ${peer}`));
  // Of a series of announcements the last ones may be hints to whoever missed the first: paths are verified.
  const isVerified = ({ event, fields }: Told) => event === 'path-suspect' && fields.cause === 'hint';
  const trouble = notes.find((told) => TROUBLES.includes(told.event) && !isLate(told) && !isVerified(told));
  return (
    trouble ??
    notes.find((told) => told.event === 'failover' && told.fields.cause !== 'steady' && !isExcused(told))
  );
}

/** Hosts that hear each other's beacons on every plane agree by which plane the packets go, and these are all that send some. */
function checkAgreement(cluster: Cluster): void {
  const fail = (what: string) => {
    throw new Violation('disagreement', cluster.now, what);
  };
  for (const host of cluster.hosts.filter(({ speaks }) => speaks)) {
    for (const peer of cluster.hosts.filter((other) => other !== host && other.speaks)) {
      // Who was set back to an earlier time is not believed for a while.
      if (!cluster.invariants.beacons.areAcquainted(host, peer)) continue;
      const paths = pathsTo(cluster, host.name, peer.name);
      const mute = paths.filter(({ hearing }) => !hearing.mutual).map(({ link }) => link);
      if (mute.length > 0 || paths.length === 0)
        fail(`${host.name} and ${peer.name} don't hear each other on ${mute}`);
      if (paths.some(({ state }) => state !== 'up')) continue;
      const chosen = planeChosen(cluster, host.name, peer.name);
      const seen = planeAsSeen(cluster, peer.name, host.name);
      if (chosen !== seen) fail(`${host.name} sends to ${peer.name} by ${chosen}, which sees ${seen}`);
    }
  }
}

/** When all paths are trusted again, the tables hold what they should and no more. */
function checkTables(cluster: Cluster): void {
  const residue = () => cluster.hosts.flatMap((host) => findResidue(cluster, host));
  for (let time = 0; time < MOST_RECOVERY && residue().length > 0; time += LOOK) cluster.run(LOOK);
  const left = residue();
  if (left.length > 0) throw new Violation('residue', cluster.now, left.join('; '));
  checkCalm(cluster);
}
