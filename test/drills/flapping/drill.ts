import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEvent } from '../../../deploy/lab/agent-process';
import { monotonic, waitUntil } from '../../../deploy/lab/wait';
import { RouteWatch } from '../../bench/route-watch';
import { FAR, FIRST, momentOf, NEAR, type Scene } from '../../bench/scene';
import type { Scenario } from './scenario';

/** What one host did of it. */
export interface HostResult {
  readonly host: string;
  /** by the log: how often packets to the other host left by another plane, the return at the end included */
  readonly reroutes: number;
  /** by the kernel: routes to it that were added, removed or changed */
  readonly routeChanges: number;
  /** ms of the trouble in which packets left by the troubled plane */
  readonly onTroubled: number;
  /** packets to the other host that were lost during the trouble, and from its end on until the return was over */
  readonly lost: number;
  readonly lostOnReturn: number;
}

export interface Result {
  readonly scenario: string;
  readonly title: string;
  readonly beacons: boolean;
  /** ms */
  readonly hold: number;
  readonly length: number;
  /** how often the link failed */
  readonly failures: number;
  /** most reroutes that each host may make */
  readonly bound: number;
  readonly hosts: readonly HostResult[];
  /** the longest time from a TCP request to its answer during the trouble, in ms */
  readonly stall: number;
  /** from the end of the trouble until all traffic was on the preferred plane, in ms */
  readonly back: number;
}

/** How long anything may take, in ms: a path that has flapped waits for up to 64 holds. */
const PATIENCE = 100_000;
/** Between two looks at the agents, in ms. */
const LOOK = 20;
/** Undisturbed traffic after a return that still belongs to it, in ms. */
const AFTERMATH = 300;

const HOSTS = [NEAR, FAR] as const;
const other = (host: string): string => (host === NEAR ? FAR : NEAR);

/** Brings about a trouble for some ms under traffic, and counts what the hosts did of it. */
export async function drill(scene: Scene, scenario: Scenario, length: number): Promise<Result> {
  await scene.untilSteady();
  const watches = await Promise.all(HOSTS.map((host) => RouteWatch.start(scene.lab.host(host))));
  for (const watch of watches) watch.clear();
  const logged = HOSTS.map((host) => scene.agents.get(host)!.events().length);
  const begun = monotonic();
  const failures = await scenario.trouble(scene, length);
  const mended = monotonic();
  await untilBack(scene);
  const back = monotonic();
  await sleep(AFTERMATH);
  const [during, later] = [
    await scene.traffic(begun, mended),
    await scene.traffic(mended, back + AFTERMATH / 2),
  ];
  const packets = (outage: number) => Math.round((outage * scene.rate) / 1000);
  const hosts = HOSTS.map((host, index): HostResult => {
    const events = scene.agents.get(host)!.events().slice(logged[index]);
    const moves = events.filter(({ event, peer }) => event === 'failover' && peer === other(host));
    const direction = host === NEAR ? 'outageToward' : 'outageFrom';
    return {
      host,
      reroutes: moves.length,
      routeChanges: watches[index]!.changes(scene.lab.host(other(host)).alias),
      onTroubled: onTroubled(moves, begun, mended),
      lost: packets(during[direction]),
      lostOnReturn: packets(later[direction]),
    };
  });
  return {
    scenario: scenario.name,
    title: scenario.title,
    beacons: scene.timing.beacons === true,
    hold: scene.timing.hold,
    length: mended - begun,
    failures,
    bound: 2 + 2 * scenario.returns(mended - begun, scene.timing.hold),
    hosts,
    stall: during.stall,
    back: back - mended,
  };
}

/** What is not as it must be; empty where all is well. */
export function problemsOf({ scenario, bound, hosts, beacons }: Result): string[] {
  const name = `${scenario}, ${beacons ? 'beacons' : 'ARP alone'}`;
  return hosts.flatMap(({ host, reroutes, routeChanges, lostOnReturn }) => [
    ...(reroutes > bound || routeChanges > bound
      ? [
          `${name}: ${host} rerouted ${reroutes} times, by ${routeChanges} changes of routes; at most ${bound}`,
        ]
      : []),
    ...(lostOnReturn > 0 ? [`${name}: ${lostOnReturn} packets of ${host} were lost on the return`] : []),
  ]);
}

async function untilBack(scene: Scene): Promise<void> {
  const isBack = async () => {
    const reports = await Promise.all(HOSTS.map((host) => scene.lab.host(host).status()));
    return reports.every(({ peers }) =>
      peers.every(({ active, paths }) => active === FIRST && paths.every(({ state }) => state === 'up')),
    );
  };
  await waitUntil(isBack, PATIENCE, `the traffic to be on plane ${FIRST} again`, LOOK);
}

/** How long of a time packets left by the troubled plane, by the moves that were logged, in ms. */
function onTroubled(moves: readonly LogEvent[], begun: number, ended: number): number {
  let [sum, since]: [number, number | undefined] = [0, begun];
  for (const move of moves) {
    const at = Math.min(Math.max(momentOf(move), begun), ended);
    if (since !== undefined) sum += at - since;
    since = move.to === FIRST ? at : undefined;
  }
  return since === undefined ? sum : sum + ended - since;
}
