import { setTimeout as sleep } from 'node:timers/promises';
import { monotonic, waitUntil } from '../../deploy/lab/wait';
import { type Change, proveEach, untilWhole } from './machine-tools';
import { type Cluster, PATIENCE } from './promise-cluster';
import { setSetting, setting } from './promise-kernel';

/** Somebody else changes alpha's kernel under the agent: all of ours is back within a bound, one event names it, and no CPU turns in circles. */
jest.setTimeout(180_000);

/** How long the quarrel lasts, in ms. */
const QUARREL = Number(process.env.MACHINE_QUARREL ?? 2) * 1000;
/** Routes of somebody else that come and go. */
const FOREIGN_ROUTES = 50_000;
/** From a removal to the repair: the next reading is no sooner than 20 ms after the last. */
const REPAIR = 20;
/** A card without carrier while the agent is busy: the far end finds out by silence. */
const DETECTION = 65;

const LINKS = ['eth0', 'eth1'];
/** `rp_filter`: what would drop packets that come by the link by which we don't answer, and what lets them in on both. */
const STRICT = 1;
const LOOSE = '2,2';

/** Does to the routes to beta what another manager of the network may do, a hundred times a second. */
async function quarrel(cluster: Cluster): Promise<void> {
  const { alpha, beta } = cluster;
  const [place, shadow] = [100, 60].map((metric) => `${beta.alias} dev eth1 metric ${metric} proto static`);
  // It may not be back yet.
  await repeat(() => alpha.ip(`route del ${beta.alias} dev eth1 proto 77`).catch(() => undefined));
  await untilWhole(cluster);
  const turn = [`route replace ${place}`, `route add ${shadow}`, `route del ${place}`, `route del ${shadow}`];
  // What counts is what becomes of the traffic, and that it is whole afterwards, not that each of somebody else's commands succeeds.
  await repeat(() => alpha.ip(...turn).catch(() => undefined));
}

/** Does something a hundred times a second. */
async function repeat(turn: () => Promise<unknown>): Promise<void> {
  const until = monotonic() + QUARREL / 2;
  for (let next = monotonic(); monotonic() < until; next += 10) {
    await sleep(Math.max(0, next - monotonic()));
    await turn();
  }
}

/** Has the kernel tell more than the agent's socket holds while the agent is stopped, and takes a card's carrier behind that. */
async function overrun(cluster: Cluster): Promise<void> {
  const agent = cluster.agent('alpha');
  agent.kill('SIGSTOP');
  await addForeignRoutes(cluster);
  await cluster.lab.pullCard('alpha', 'a');
  agent.kill('SIGCONT');
}

/** Adds foreign routes while the agent runs, and has something fail in the middle of it. */
async function flood(cluster: Cluster, fail: () => Promise<unknown>): Promise<void> {
  const adding = addForeignRoutes(cluster);
  await sleep(300);
  await fail();
  await adding;
}

let network = 18;
async function addForeignRoutes({ alpha }: Cluster): Promise<void> {
  const address = (n: number) => `198.${network}.${n >>> 8}.${n & 255}`;
  network += 1;
  const lines = Array.from(
    { length: FOREIGN_ROUTES },
    (_, n) => `route add ${address(n)} dev eth1 proto static`,
  );
  await alpha.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}

const CHANGES: readonly Change[] = [
  {
    name: 'alias removed',
    inflict: ({ alpha }) => alpha.ip(`address del ${alpha.alias}/32 dev lo`),
    event: {
      event: 'repaired',
      kinds: ['alias', 'route'],
      of: ['alias 10.78.0.1', ...LINKS.map((link) => `10.78.0.2/32 dev ${link}`)],
    },
    bound: REPAIR,
  },
  {
    name: 'preferred route removed',
    inflict: ({ alpha, beta }) => alpha.ip(`route del ${beta.alias} dev eth0 proto 77`),
    event: { event: 'repaired', kinds: ['route'], of: ['10.78.0.2/32 dev eth0'] },
    bound: 0,
  },
  {
    name: 'all routes removed',
    inflict: ({ alpha }) => alpha.ip('route flush proto 77'),
    event: { event: 'repaired', kinds: ['route'] },
    // They are removed one by one, and the first may be back before the last is gone.
    times: 3,
    bound: REPAIR,
  },
  {
    name: 'neighbor entry replaced by a wrong one',
    inflict: ({ alpha, beta }) =>
      alpha.ip(`neighbor replace ${beta.alias} lladdr 02:00:00:00:ee:77 dev eth0 nud permanent`),
    event: { event: 'repaired', kinds: ['neighbor'], of: ['neighbor 10.78.0.2 dev eth0'] },
    bound: REPAIR,
  },
  {
    name: 'preferred route replaced by one over the other link',
    inflict: ({ alpha, beta }) => alpha.ip(`route replace ${beta.alias} dev eth1 metric 100 proto static`),
    event: { event: 'kernel-refused', operation: 'add-route', code: 'EEXIST' },
    bound: 0,
    mend: ({ alpha, beta }) => alpha.ip(`route del ${beta.alias} dev eth1 metric 100 proto static`),
  },
  {
    name: 'routes shadowed by one over the other link',
    inflict: ({ alpha, beta }) => alpha.ip(`route add ${beta.alias} dev eth1 metric 50 proto static`),
    event: { event: 'route-shadowed', destination: '10.78.0.2', link: 'eth1', metric: 50, protocol: 4 },
    bound: 0,
    mend: ({ alpha, beta }) => alpha.ip(`route del ${beta.alias} dev eth1 metric 50 proto static`),
  },
  {
    name: 'settings flipped back',
    inflict: async ({ alpha }) => {
      for (const device of LINKS) {
        await setSetting(alpha, device, 'ignore_routes_with_linkdown', 0);
        await setSetting(alpha, device, 'rp_filter', STRICT);
      }
    },
    event: { event: 'repaired', kinds: ['setting'] },
    // Each may be put back before the next is flipped.
    times: 4,
    bound: 0,
    mend: ({ alpha }) => {
      const filters = () => Promise.all(LINKS.map((device) => setting(alpha, device, 'rp_filter')));
      return waitUntil(async () => (await filters()).join() === LOOSE, PATIENCE, 'the loose filters');
    },
  },
  {
    name: 'routes removed, replaced and shadowed 100 times a second',
    inflict: quarrel,
    event: { event: 'repaired', kinds: ['route'] },
    // Ten repairs are told one by one, and then a sum each 10 s.
    times: 12 + QUARREL / 10_000,
    bound: 0,
    busy: 0.4,
  },
];

/** What takes its time, or the machine's, and is left to `make drill-machine`. */
const LONG: readonly Change[] = [
  {
    name: 'all routes removed 100 times a second',
    inflict: ({ alpha }) => repeat(() => alpha.ip('route flush proto 77').catch(() => undefined)),
    // By then only sums are told.
    event: { event: 'repaired', kinds: ['route'] },
    times: 2 + QUARREL / 10_000,
    // There is a way now and then; afterwards there is one again.
    bound: QUARREL / 2,
    busy: 0.4,
  },
];

const FLOODS: readonly Change[] = [
  {
    name: '50 000 foreign routes added, and a card pulled meanwhile',
    inflict: (cluster) => flood(cluster, () => cluster.lab.pullCard('alpha', 'a')),
    event: { event: 'carrier-lost', link: 'eth0' },
    bound: DETECTION,
    mend: ({ lab }) => lab.returnCard('alpha', 'a'),
  },
  {
    name: '50 000 more, and a silent port meanwhile',
    inflict: (cluster) => flood(cluster, () => cluster.lab.dropPort('beta', 'a')),
    event: { event: 'path-down', peer: 'beta', plane: 'a', cause: 'silence' },
    bound: DETECTION,
    mend: ({ lab }) => lab.undropPort('beta', 'a'),
  },
  {
    name: '50 000 more while the agent is stopped, and a card pulled behind them',
    inflict: overrun,
    event: { event: 'netlink-overrun' },
    bound: DETECTION,
    mend: ({ lab }) => lab.returnCard('alpha', 'a'),
  },
];

proveEach([...CHANGES, ...(process.env.MACHINE_REPORT === undefined ? [] : LONG), ...FLOODS]);
