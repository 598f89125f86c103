import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../deploy/lab/host';
import { waitUntil } from '../../deploy/lab/wait';
import { beaconSection, counter, inBeaconCluster, peerOf, untilMutual } from './beacon-cluster';
import { endOf } from './daemon-tools';
import { type Cluster, NOTHING_LOST, PATIENCE } from './promise-cluster';
import { example, shell } from './script-tools';

/** What operators do, as docs/operations.md describes it. */
jest.setTimeout(90_000);

const HOSTS = ['alpha', 'beta'] as const;
const STATE = '/run/multihomed/state.json';

/** Reads the cluster file again on a host, after it was written anew. */
async function reload(cluster: Cluster, host: string): Promise<void> {
  const { status, stderr } = await cluster.lab.host(host).ctl('reload');
  expect([status, stderr]).toEqual([0, '']);
}

/** How many events each agent has told until now. */
function told(cluster: Cluster): Map<string, number> {
  return new Map(HOSTS.map((host) => [host, cluster.agent(host).events().length]));
}

function expectNoPathDown(cluster: Cluster, since: Map<string, number>): void {
  for (const host of HOSTS) expect(cluster.eventNames(host, since.get(host))).not.toContain('path-down');
}

test(
  'beacons are switched on, and off again, host by host without a lost packet or a lost path',
  inBeaconCluster(
    async (cluster, key) => {
      const streams = await cluster.startStreams();
      const before = told(cluster);
      const lost = await cluster.measure(streams, async () => {
        await cluster.lab.writeConfiguration(beaconSection(key));
        await reload(cluster, 'alpha');
        expect((await cluster.alpha.status()).beacon).not.toBeNull();
        expect((await peerOf(cluster, 'alpha', 'beta'))?.paths[0]?.beacon).toBeNull();
        await reload(cluster, 'beta');
        for (const [host, peer] of [HOSTS, [...HOSTS].reverse()]) await untilMutual(cluster, host!, peer!);
        await cluster.lab.writeConfiguration({ beacon: { enabled: false } });
        await reload(cluster, 'alpha');
        await cluster.agent('beta').waitFor('beacons-lost', undefined, PATIENCE);
        await reload(cluster, 'beta');
        expect((await cluster.beta.status()).beacon).toBeNull();
      });
      expect(lost).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
      expectNoPathDown(cluster, before);
    },
    { beacon: { enabled: false } },
  ),
);

/** Restarts beta's agent as after a reboot of beta with its clock behind: without a record, and with an older epoch than before. */
async function rebootWithOlderClock(cluster: Cluster): Promise<void> {
  const { beta } = cluster;
  const ahead = `s/"epoch": [0-9]*/"epoch": ${Date.now() + 1_000_000_000}/`;
  await cluster.kill('beta');
  await beta.run('sed', ['-i', ahead, STATE]);
  await cluster.start('beta');
  await untilMutual(cluster, 'alpha', 'beta');
  await cluster.kill('beta');
  await beta.run('rm', [STATE]);
  await cluster.start('beta');
}

test(
  'a host whose clock is behind after a reboot works by ARP, until its peers have been without beacons of it for long enough',
  inBeaconCluster(
    async (cluster) => {
      await untilMutual(cluster, 'alpha', 'beta');
      const streams = await cluster.startStreams();
      const before = told(cluster).set('beta', 0);
      const lost = await cluster.measure(streams, async () => {
        await rebootWithOlderClock(cluster);
        const refused = async () => (await counter(cluster, 'alpha', 'beacon-older-epoch')) > 0;
        await waitUntil(refused, PATIENCE, 'older beacons to be refused');
        expect(await peerOf(cluster, 'alpha', 'beta')).toMatchObject({
          paths: [
            { state: 'up', beacon: { coming: false } },
            { state: 'up', beacon: { coming: false } },
          ],
        });
        await cluster.lab.writeConfiguration({ beacon: { expire: '1s' } });
        await reload(cluster, 'alpha');
        await untilMutual(cluster, 'alpha', 'beta');
      });
      expect(lost).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
      expectNoPathDown(cluster, before);
    },
    // Longer than any restart takes, however busy the machine is.
    { beacon: { expire: '1h' } },
  ),
);

test(
  'without its key file a reload is refused, and a start ends with a status after which the service manager waits for a person',
  inBeaconCluster(async (cluster, key) => {
    rmSync(key.path);
    const { status, stderr } = await cluster.alpha.ctl('reload');
    expect([status, stderr]).toEqual([78, expect.stringContaining(`${key.path}: there is no such file`)]);
    await untilMutual(cluster, 'alpha', 'beta');
    await cluster.kill('alpha');
    const { code, errors } = await endOf(await cluster.alpha.startAgent({ wait: false }));
    expect([code, errors.trim().split('\n')]).toEqual([66, [expect.stringContaining('make a key: ')]]);
    const unit = readFileSync(join(ROOT, 'deploy', 'multihomed.service'), 'utf8');
    expect(/^RestartPreventExitStatus=(.*)$/m.exec(unit)?.[1]?.split(' ')).toContain(`${code}`);
  }),
);

test(
  'the documented scripts list who is known by beacons alone, and by which paths beacons do not pass',
  inBeaconCluster(async (cluster) => {
    const { alpha, beta, lab } = cluster;
    const discovered = () => shell(alpha, example('Which hosts are known by their beacons alone?'));
    const troubled = () => shell(alpha, example('By which paths do beacons not pass both ways?'));
    // One that is late for a moment is named as well.
    const untilTroubled = (paths: string) =>
      waitUntil(async () => String(await troubled()) === paths, PATIENCE, `the script to print '${paths}'`);
    await untilMutual(cluster, 'alpha', 'beta');
    await untilTroubled('');
    expect(await discovered()).toEqual([]);
    await lab.writeConfiguration({ hosts: { beta: undefined } });
    await reload(cluster, 'alpha');
    await untilMutual(cluster, 'alpha', 'beta');
    expect(await discovered()).toEqual([`beta ${beta.alias}`]);
    await lab.dropPort('beta', 'b', 'from-host');
    await untilTroubled('beta b');
    expect(await shell(alpha, example('Which plane carries the traffic to each peer?', 1))).toEqual([
      'beta a',
    ]);
  }),
);
