import { setTimeout as sleep } from 'node:timers/promises';
import { counter, inBeaconCluster, untilMutual } from './beacon-cluster';
import { damagedBeacon } from './hostile-beacon';
import { Flood, failovers, harmed, LAB_FAILOVERS, median, report, STRANGER } from './hostile-tools';
import { type Cluster, cpuShare, inCluster } from './promise-cluster';
import { arp } from './promise-frames';

/** Promise 7: as many frames as the wire carries on one plane, while the other one fails. */
jest.setTimeout(300_000);

/** Whether each flood is to be measured by itself, with so many failovers beside it. */
/** How long the flood goes on before a failover, in ms: longer than strangers are kept out at a time. */
const BEFORE = 1500;
/** Far below what a wire carries, so that it says no more than that there was a flood. */
const LEAST_RATE = 10_000;
/** Silence is found within interval + misses × retry: a failover that takes no longer has kept its speed. In ms. */
const BOUND = 65;
/** What the floods cost before strangers were kept out: 0.14 to 0.27 of a core, at 120 000 frames a second. */
const MOST_CPU = 0.12;

/**
 * Who answers, and how paths are watched: one that returns is trusted at once, so that the next failover need not wait. Agents have time for
 * their answers: on a busy machine they may not run for some ms, flood or no flood.
 */
const RESPONDERS = [
  ['kernel', { hold: '1ms' }],
  ['agent', { hold: '1ms', interval: '300ms', retry: '100ms' }],
] as const;

interface Attack {
  readonly name: string;
  frames(cluster: Cluster): readonly Uint8Array[];
}

/** By the stranger's card on plane b, with its own address: with another one the switch would move that host's port by itself. */
const BY_ARP: readonly Attack[] = [
  {
    name: 'requests for nobody',
    frames: (cluster) => [arp({ ...sender(cluster), senderIp: '10.77.1.3', targetIp: '10.77.1.9' })],
  },
  {
    name: "announcements of beta's alias",
    frames: (cluster) => [arp({ ...sender(cluster), senderIp: '10.78.0.2', targetIp: '10.78.0.2' })],
  },
  {
    name: "requests for alpha's alias",
    frames: (cluster) => [arp({ ...sender(cluster), senderIp: '10.77.1.3', targetIp: '10.78.0.1' })],
  },
  {
    name: "answers for beta's alias, to alpha and beta alone",
    frames: (cluster) =>
      ['alpha', 'beta'].map((name) => {
        const destination = cluster.lab.host(name).link('b').mac;
        return arp({
          ...sender(cluster),
          destination,
          operation: 2,
          senderIp: '10.78.0.2',
          targetIp: '10.78.0.1',
        });
      }),
  },
];
const BY_BEACONS: readonly Attack[] = [
  {
    name: 'urgent beacons with a bad tag',
    frames: (cluster) => [damagedBeacon(cluster, 'beta', 'b', { urgent: true })],
  },
  {
    name: 'steady beacons with a bad tag',
    frames: (cluster) => [damagedBeacon(cluster, 'beta', 'b', { urgent: false })],
  },
];

const sender = ({ lab }: Cluster) => ({ senderMac: lab.host('stranger').link('b').mac });

/** All at once, unless each is asked for. */
const attacksOf = (all: readonly Attack[]): readonly Attack[] =>
  LAB_FAILOVERS === undefined
    ? [{ name: 'all together', frames: (cluster) => all.flatMap(({ frames }) => frames(cluster)) }]
    : all;

/** One flood: nothing changes by it, it costs little, and a failover beside it is as fast as without. */
async function flood(cluster: Cluster, { name, frames }: Attack, calm: readonly number[]): Promise<void> {
  const stranger = cluster.lab.host('stranger');
  let going: Flood | undefined;
  let cpu = 0;
  const harm = await harmed(cluster, async () => {
    going = new Flood(stranger, stranger.link('b').device, frames(cluster));
    await sleep(BEFORE);
    cpu = await cpuShare(cluster.agent('alpha').pid, 1000);
  });
  const times = await failovers(cluster);
  const { rate } = await going!.stop();
  report([
    name,
    `${rate} frames/s`,
    `CPU ${(cpu * 100).toFixed(1)} %`,
    `failover ${median(times)} ms (${times.join(', ')})`,
    `without ${median(calm)} ms (${calm.join(', ')})`,
    `route changes ${harm.length}`,
  ]);
  expect(harm).toEqual([]);
  expect(rate).toBeGreaterThan(LEAST_RATE);
  expect(cpu).toBeLessThan(MOST_CPU);
  expect(median(times)).toBeLessThanOrEqual(Math.max(BOUND, 2 * median(calm)));
}

async function expectFlood(cluster: Cluster): Promise<void> {
  expect(cluster.eventNames('alpha')).toContain('flood');
  expect(await counter(cluster, 'alpha', 'screens')).toBeGreaterThan(0);
  await cluster.agent('alpha').waitFor('flood-over');
}

test.each(LAB_FAILOVERS === undefined ? RESPONDERS.slice(0, 1) : RESPONDERS)(
  'floods of ARP on one plane, where the %s answers for the alias',
  (responder, probe) =>
    inCluster(
      async (cluster) => {
        const calm = await failovers(cluster);
        for (const attack of attacksOf(BY_ARP)) await flood(cluster, attack, calm);
        await expectFlood(cluster);
      },
      { ...STRANGER, configuration: { ...STRANGER.configuration, probe, arp: { responder } } },
    )(),
);

test(
  'floods of beacons on one plane',
  inBeaconCluster(
    async (cluster) => {
      await untilMutual(cluster, 'alpha', 'beta');
      const calm = await failovers(cluster);
      for (const attack of attacksOf(BY_BEACONS)) await flood(cluster, attack, calm);
      await expectFlood(cluster);
    },
    { ...STRANGER, configuration: { ...STRANGER.configuration, probe: RESPONDERS[0][1] } },
  ),
);
