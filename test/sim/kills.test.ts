import { Cluster } from './cluster';
import { Random } from './random';
import { findResidue } from './residue';
import { describeSchedule, plan, type Schedule, scheduleOf } from './schedule';
import { CLEAN } from './wire';

/** Kills to make; SIM_SEED=n makes those of that seed alone. */
const KILLS = Number(process.env.SIM_KILLS ?? 250);
const ONE = process.env.SIM_SEED;
const KILLS_EACH = 10;
/** How long a path that flapped may wait until it is trusted again, and how often to look, in ms. */
const MOST_RECOVERY = 120_000;
const LOOK = 1000;
const CALM = 300;

/** Faults that end, without those that teach the others to disbelieve a host. */
function faultsOf(seed: number): Schedule {
  const schedule = scheduleOf(seed);
  const { conditions } = schedule.options;
  return {
    ...schedule,
    options: { ...schedule.options, conditions: { ...CLEAN, ...conditions, loss: 0 } },
    faults: schedule.faults.filter(({ kind }) => kind !== 'clock-back' && kind !== 'clock-step'),
  };
}

/** Kills an agent at a random time: at once, or between two steps of its next plan; and it is started again, some of the time in vain at first. */
function killOnce(cluster: Cluster, random: Random, length: number): void {
  const host = random.pick(cluster.hosts);
  const start = () => {
    if (random.chance(0.4)) host.start(random.below(12));
    host.start();
    if (host.agent !== undefined) host.agent.stepsLeft = Number.POSITIVE_INFINITY;
  };
  const at = random.between(0, length);
  cluster.clock.after(at, () => {
    if (random.chance(0.5)) host.kill();
    else if (host.agent !== undefined) host.agent.stepsLeft = random.below(6);
    cluster.clock.after(random.pick([0.1, 3, 30, 300, 1500]) * random.between(0.5, 2), start);
  });
}

function residueOf(cluster: Cluster): string[] {
  return cluster.hosts.flatMap((host) => findResidue(cluster, host));
}

/** The schedule of a seed with kills in it, and what it left. */
function run(seed: number): void {
  const schedule = faultsOf(seed);
  const cluster = Cluster.started(schedule.options);
  try {
    plan(cluster, schedule);
    const random = new Random(seed ^ 0xdead);
    for (let kill = 0; kill < KILLS_EACH; kill++) killOnce(cluster, random, schedule.length);
    cluster.run(schedule.length + 4 * LOOK);
    for (let time = 0; time < MOST_RECOVERY && residueOf(cluster).length > 0; time += LOOK) cluster.run(LOOK);
    cluster.forget();
    cluster.run(CALM);
    expect(residueOf(cluster)).toEqual([]);
    expect(cluster.lost).toBe(0);
  } catch (error) {
    const replay = `SIM_SEED=${seed} npx jest --selectProjects sim --testPathPatterns kills`;
    throw new Error(
      `seed ${seed}: ${String(error)}\n${describeSchedule(schedule)}\nreplay it with: ${replay}`,
      {
        cause: error,
      },
    );
  }
}

test('whenever agents are killed, under whatever faults, the kernels hold in the end what they should and no more', () => {
  const count = Math.ceil(KILLS / KILLS_EACH);
  const seeds = ONE === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(ONE)];
  for (const seed of seeds) run(seed);
}, 600_000);
