import { type BeaconFrame, decodeBeacon } from '../../agent/wire/beacon';
import { monotonic, waitUntil } from '../../deploy/lab/wait';
import { counter, inBeaconCluster, peerOf, untilMutual } from './beacon-cluster';
import { Witness } from './daemon-tools';
import { type Cluster, NOTHING_LOST, PATIENCE } from './promise-cluster';

/** What beacons make of a failure, on real links. */
jest.setTimeout(90_000);

const ETHERTYPE = 0x88b5;
/** Why a path falls whose peer's beacons stay away. */
const OTHERWISE = ['beacon-silence', 'silence', 'hint'];

/** The beacons that a witness saw, oldest first. */
function beaconsOf(witness: Witness): BeaconFrame[] {
  return witness.captured.flatMap(({ bytes }) => {
    const beacon = decodeBeacon(bytes);
    return typeof beacon === 'string' ? [] : [beacon];
  });
}

/** Waits until a host's agent has taken a path out that it had found before, and tells why. (The peer may have started later than it.) */
async function causeOfDown(cluster: Cluster, host: string, peer: string): Promise<unknown> {
  const down = await cluster
    .agent(host)
    .waitFor(
      'path-down',
      (event) => event.peer === peer && event.plane === 'a' && event.from !== 'unknown',
      PATIENCE,
    );
  return down.cause;
}

test(
  'a pulled far card is withdrawn by three frames, and the first of them takes the path out',
  inBeaconCluster(async (cluster) => {
    await untilMutual(cluster, 'alpha', 'beta');
    const witness = await Witness.start(cluster.alpha, 'b', `ether proto ${ETHERTYPE}`);
    await cluster.lab.pullCard('beta', 'a');
    expect(await causeOfDown(cluster, 'alpha', 'beta')).toBe('withdrawn');
    expect(await peerOf(cluster, 'alpha', 'beta')).toMatchObject({
      active: 'b',
      choice: { plane: 'b', reason: 'only' },
      returns: { plane: 'b', reason: 'only' },
      paths: [{ beacon: { state: 'down' } }, { beacon: { state: 'up', hearsUs: true } }],
    });
    // The steady one that follows says that the repetitions are over.
    const fromBeta = () => beaconsOf(witness).filter(({ host }) => host === 'beta');
    const isOver = () =>
      fromBeta()
        .slice(fromBeta().findIndex(({ urgent }) => urgent))
        .some((b) => !b.urgent);
    await waitUntil(isOver, PATIENCE, 'a steady beacon after the withdrawal');
    await witness.stop();
    const urgent = fromBeta().filter((beacon) => beacon.urgent);
    expect(urgent.map(({ links }) => links.map(({ state }) => state))).toEqual(
      Array.from({ length: 3 }, () => ['down', 'up']),
    );
    await cluster.lab.returnCard('beta', 'a');
    await cluster.waitForPath('alpha', 'beta', 'a', 'up');
  }),
);

test(
  'a card that comes back loses nothing',
  inBeaconCluster(async (cluster) => {
    const streams = await cluster.startStreams();
    await cluster.lab.pullCard('beta', 'a');
    await cluster.waitForPath('alpha', 'beta', 'a', 'down');
    const lost = await cluster.measure(streams, async () => {
      await cluster.lab.returnCard('beta', 'a');
      await cluster.waitForPath('alpha', 'beta', 'a', 'up');
      await cluster.waitForPath('beta', 'alpha', 'a', 'up');
    });
    expect(lost).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
  }),
);

test(
  'a port that silently drops both ways is found by the silence of the beacons, on both sides',
  inBeaconCluster(async (cluster) => {
    await untilMutual(cluster, 'alpha', 'beta');
    await untilMutual(cluster, 'beta', 'alpha');
    await cluster.lab.dropPort('beta', 'a');
    // The request of each second may be the first to notice, or one for an announcement that came late on a busy machine.
    expect(OTHERWISE).toContain(await causeOfDown(cluster, 'alpha', 'beta'));
    expect([...OTHERWISE, 'not-heard']).toContain(await causeOfDown(cluster, 'beta', 'alpha'));
  }),
);

test(
  'a port that drops only what a host sends moves both sides, since the other says that it hears it no more',
  inBeaconCluster(async (cluster) => {
    await untilMutual(cluster, 'alpha', 'beta');
    await untilMutual(cluster, 'beta', 'alpha');
    await cluster.lab.dropPort('beta', 'a', 'from-host');
    expect(OTHERWISE).toContain(await causeOfDown(cluster, 'alpha', 'beta'));
    expect(['not-heard', 'silence', 'hint']).toContain(await causeOfDown(cluster, 'beta', 'alpha'));
    await cluster.lab.undropPort('beta', 'a');
    await cluster.waitForPaths('up');
  }),
);

test(
  'requests slow down between hosts that hear each other, and are back when the peer’s agent is killed; no path falls',
  inBeaconCluster(async (cluster) => {
    await untilMutual(cluster, 'alpha', 'beta');
    await untilMutual(cluster, 'beta', 'alpha');
    const seen = cluster.agent('alpha').events().length;
    const rate = async (ms: number) => {
      const [before, from] = [await counter(cluster, 'alpha', 'requests'), monotonic()];
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ((await counter(cluster, 'alpha', 'requests')) - before) / ((monotonic() - from) / 1000);
    };
    // Two paths are asked once a second, instead of 40 times; beacons that come late on a busy machine cost a request each.
    expect(await rate(3000)).toBeLessThan(20);
    await cluster.kill('beta');
    await cluster.agent('alpha').waitFor('beacons-lost');
    expect(await rate(1000)).toBeGreaterThan(20);
    expect(cluster.eventNames('alpha', seen)).not.toContain('path-down');
  }),
);

test(
  'a host that doesn’t beacon takes part by ARP in the same cluster',
  inBeaconCluster(
    async (cluster) => {
      await cluster.kill('gamma');
      const off = await cluster.lab.writeConfiguration({ beacon: { enabled: false } });
      const silent = await cluster.start('gamma', { configurationFile: off });
      await cluster.waitForPaths('up');
      await untilMutual(cluster, 'alpha', 'beta');
      const { paths } = (await peerOf(cluster, 'alpha', 'gamma'))!;
      expect(paths.map(({ beacon }) => beacon?.coming)).toEqual([false, false]);
      await cluster.lab.pullCard('gamma', 'a');
      expect(await causeOfDown(cluster, 'alpha', 'gamma')).toMatch(/^(hint|silence)$/);
      await cluster.lab.pullCard('beta', 'a');
      const seen = await silent.waitFor('failover', ({ peer }) => peer === 'beta', PATIENCE);
      expect(seen).toMatchObject({ from: 'a', to: 'b' });
    },
    { hosts: ['alpha', 'beta', 'gamma'] },
  ),
);
