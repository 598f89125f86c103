import { waitUntil } from '../../deploy/lab/wait';
import { Cluster as Model } from '../sim/cluster';
import { describeFault, inflict } from '../sim/fault';
import { DEFAULT_BEACONS, DEFAULT_PROBE } from '../sim/topology';
import { beaconSection, KeyFile } from './beacon-cluster';
import { sleep } from './daemon-tools';
import { inflictInLab } from './model-faults';
import { type Stage, stagesOf } from './model-stages';
import { labTable, modelTable } from './model-tables';
import { type Cluster, inCluster, PATIENCE } from './promise-cluster';

/**
 * The model of the simulation against real kernels and agents: the same faults in the same order, each followed by a quiet point, at which
 * the tables of all hosts are the same. MODEL_SEEDS tries more, MODEL_SEED=n one alone.
 */
jest.setTimeout(3_600_000);

const SEEDS = Number(process.env.MODEL_SEEDS ?? 3);
const ONE = process.env.MODEL_SEED;
const STAGES = Number(process.env.MODEL_STAGES ?? 8);
/** Until the model is quiet, in ms of its clock: everybody is asked once a second at most. */
const QUIET = 4000;
/** How long the tables of the lab have to stay as they are, in ms. */
const STAY = 60;
const PLANES = ['a', 'b', 'c'];
/** No hold, so that neither has to wait for what flapped before. */
const PROBE = { ...DEFAULT_PROBE, hold: 0 };

interface Shape {
  readonly hosts: number;
  readonly planes: number;
  readonly beacons: boolean;
}

function shapeOf(seed: number): Shape {
  return { hosts: 2 + (seed % 2), planes: seed % 4 === 3 ? 3 : 2, beacons: seed % 2 === 0 };
}

function describeStage({ fault, mends }: Stage): string {
  return `${mends ? 'mend' : 'do'} ${describeFault(fault)}`;
}

/** Carries a stage out in both; what mends it is kept for the stage that does. */
async function carryOut(
  { fault, mends }: Stage,
  model: Model,
  cluster: Cluster,
  open: Map<number, () => Promise<unknown>>,
): Promise<void> {
  if (mends) {
    await open.get(fault.serial)!();
    return;
  }
  const mendInLab = await inflictInLab(cluster, fault, model.hosts[fault.host]!);
  const mendModel = inflict(model, fault);
  open.set(fault.serial, async () => {
    mendModel();
    await mendInLab();
  });
}

/** Waits until every table of the lab is the model's, and stays so. */
async function expectAgreement(model: Model, cluster: Cluster, done: readonly string[]): Promise<void> {
  const tables = () => Promise.all(cluster.lab.hosts().map(labTable));
  const wanted = model.hosts.map(modelTable);
  const agree = async () => JSON.stringify(await tables()) === JSON.stringify(wanted);
  const stays = async () => {
    if (!(await agree())) return false;
    await sleep(STAY);
    return agree();
  };
  try {
    await waitUntil(stays, PATIENCE, 'the tables to be as in the model');
  } catch {
    const found = await tables();
    expect({ done, tables: found }).toEqual({ done, tables: wanted });
  }
}

async function compare(seed: number, { hosts, planes, beacons }: Shape, key: KeyFile): Promise<void> {
  const model = Model.started({
    seed,
    hosts,
    planes,
    probe: PROBE,
    beacons: beacons ? DEFAULT_BEACONS : undefined,
  });
  const names = model.hosts.map(({ name }) => name);
  const configuration = { probe: { hold: '0ms' }, ...(beacons ? beaconSection(key) : {}) };
  await inCluster(
    async (cluster) => {
      const open = new Map<number, () => Promise<unknown>>();
      const done: string[] = [];
      for (const stage of stagesOf(seed, STAGES, hosts, planes)) {
        done.push(describeStage(stage));
        await carryOut(stage, model, cluster, open);
        model.run(QUIET);
        await expectAgreement(model, cluster, done);
      }
    },
    { hosts: names, planes: PLANES.slice(0, planes), configuration },
  )();
}

const seeds = ONE === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(ONE)];

test.each(seeds)('the faults of seed %d leave the tables of the model', async (seed) => {
  const key = new KeyFile(1);
  try {
    await compare(seed, shapeOf(seed), key);
  } finally {
    key.remove();
  }
});
