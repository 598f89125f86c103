import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../../deploy/lab/lab';
import { monotonic } from '../../../deploy/lab/wait';
import { DEFAULT_TIMING, FAR, FIRST, momentOf, NEAR, Scene, SECOND, type Timing } from '../scene';
import type { Application, RunningApplication, Throughput } from './application';

/** Something that is done to the cluster, and its moment. */
interface Change {
  /** in ms of `monotonic()` */
  readonly moment: number;
  /** when the last agent had moved the traffic */
  readonly moved: number;
}

export interface Event {
  readonly name: string;
  /** whether every path has to be up before; otherwise it mends what the event before it broke */
  readonly fault: boolean;
  run(scene: Scene): Promise<Change>;
}

/** What an event did to an application. */
export interface Outcome {
  readonly event: string;
  /** whether the session went on, and neither end took the other for dead */
  readonly held: boolean;
  /** in ms */
  readonly stall: number;
  readonly losses: readonly string[];
  /** from the event until both agents had moved the traffic, in ms; 0 where there was none to move */
  readonly reroute: number;
  /** paths on the plane that never fails that an agent took for dead, for instance since their ARP waited behind bulk */
  readonly mistakes: number;
  /** of a bulk transfer */
  readonly throughput?: Throughput;
}

/** As by default, but a path that returns is trusted sooner, so that a drill waits less. */
const TIMING: Timing = { ...DEFAULT_TIMING, hold: 200 };
/** Packets a second of the streams that run in every scene, and of which nothing is asked here. */
const RATE = 10;
/** After the traffic has moved, in ms: what is late shows by then. */
const AFTERMATH = 600;
/** Undisturbed before each event, in ms. */
const CALM = 300;
/** How long a session may take to show that it lives, in ms: more than any heartbeat here waits. */
const ALIVE = 8000;

async function move(scene: Scene, plane: string, change: Parameters<Scene['move']>[0]): Promise<Change> {
  const { moment, told } = await scene.move(change, [NEAR, FAR], plane);
  return { moment: moment.before, moved: Math.max(...[...told.values()].map(momentOf)) };
}

/** SIGTERM and a new start, as a package's upgrade does. */
async function upgrade(scene: Scene): Promise<Change> {
  const moment = monotonic();
  await scene.agents.get(NEAR)?.stop();
  await scene.startAgent(NEAR);
  return { moment, moved: moment };
}

export const EVENTS: readonly Event[] = [
  {
    name: 'card pulled',
    fault: true,
    run: (scene) => move(scene, SECOND, () => scene.lab.pullCard(NEAR, FIRST)),
  },
  {
    name: 'card returned',
    fault: false,
    run: (scene) => move(scene, FIRST, () => scene.lab.returnCard(NEAR, FIRST)),
  },
  {
    name: 'silent drop',
    fault: true,
    run: (scene) => move(scene, SECOND, () => scene.lab.dropPort(NEAR, FIRST, 'both')),
  },
  {
    name: 'silence over',
    fault: false,
    run: (scene) => move(scene, FIRST, () => scene.lab.undropPort(NEAR, FIRST)),
  },
  {
    name: 'switch dead',
    fault: true,
    run: (scene) => move(scene, SECOND, () => scene.lab.killSwitch(FIRST)),
  },
  {
    name: 'switch back',
    fault: false,
    run: (scene) => move(scene, FIRST, () => scene.lab.reviveSwitch(FIRST)),
  },
  { name: 'agent upgraded', fault: true, run: upgrade },
];

/** How often an agent took a path on the second plane, which is never harmed, for dead since a moment. */
function mistakesSince(scene: Scene, moment: number): number {
  const lines = [...scene.agents.values()].flatMap((agent) => agent.events());
  return lines.filter(
    (line) => line.event === 'path-down' && line.plane === SECOND && momentOf(line) >= moment,
  ).length;
}

/** @param known how many losses have been told already */
async function runEvent(
  scene: Scene,
  running: RunningApplication,
  event: Event,
  known: number,
): Promise<Outcome> {
  await sleep(CALM);
  await scene.randomPhase();
  const { moment, moved } = await event.run(scene);
  await sleep(AFTERMATH);
  const alive = await running.alive(ALIVE);
  const losses = running.losses().slice(known);
  return {
    event: event.name,
    held: alive && losses.length === 0,
    stall: running.stall(moment),
    losses,
    reroute: moved - moment,
    mistakes: mistakesSince(scene, moment),
    ...(running.throughput && { throughput: running.throughput(moment, moved) }),
  };
}

/**
 * Gives every card a queue, as real ones have. A veth pair without one tells TCP of each packet that it loses in the moment
 * between a fault and the kernel's notice; TCP then takes it for never sent, and waits for its probe timer: 200 ms at least, whatever
 * `rto_min` says (tcp_probe0_base, include/net/tcp.h). Of what a queue loses TCP isn't told, and so repeats it in time.
 */
async function giveQueues(lab: Lab): Promise<void> {
  for (const host of lab.hosts()) {
    const commands = host.plan.links.map(({ device }) => `qdisc replace dev ${device} root pfifo_fast\n`);
    await host.run('tc', ['-batch', '-'], { input: commands.join('') });
  }
}

export interface DrillOptions {
  /** how often each event comes */
  readonly drills: number;
  /** whether the hosts beacon */
  readonly beacons: boolean;
  /** gives numbers from 0 to below 1 */
  readonly random: () => number;
  /** default all */
  readonly events?: readonly Event[];
}

/**
 * Runs an application through all events, again and again, in a cluster of its own.
 *
 * @throws LabError where it doesn't start, or the cluster doesn't do what is asked of it
 */
export async function drill(application: Application, options: DrillOptions): Promise<Outcome[]> {
  const { drills, beacons, random, events = EVENTS } = options;
  const scene = await Scene.create({ ...TIMING, beacons }, RATE, random);
  const outcomes: Outcome[] = [];
  try {
    await giveQueues(scene.lab);
    let running = await application.start(scene.lab);
    let known = running.losses().length;
    for (const event of Array.from({ length: drills }, () => events).flat()) {
      if (event.fault) await scene.untilSteady();
      const outcome = await runEvent(scene, running, event, known);
      outcomes.push(outcome);
      if (outcome.held) continue;
      await running.stop();
      running = await application.start(scene.lab);
      known = running.losses().length;
    }
    await running.stop();
  } finally {
    await scene.destroy();
  }
  return outcomes;
}
