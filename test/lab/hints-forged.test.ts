import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { waitUntil } from '../../deploy/lab/wait';
import { type Cluster, cpuShare, inCluster, NOTHING_LOST, PATIENCE } from './promise-cluster';
import { type ArpText, arp, sendFrames } from './promise-frames';
import { aliasNeighbors, KernelWatch, ownRoutes } from './promise-kernel';

/** What forged announcements can cause: requests, and of these only so many (`probe.hints`). */
jest.setTimeout(90_000);

const PLANES = ['a', 'b'] as const;
const INTERVAL = 10;
const MISSES = 3;
/** The default. */
const HINTS = 60;
/** Frames a second on each plane, just below what is taken for a flood and kept out, and for how long, in ms. */
const RATE = 900;
const FORGING = 4000;
/** Far more than it takes, and far less than all of a core: the agent's own share, beside its steady requests. */
const MOST_CPU = 0.5;

const BETA = '10.78.0.2';
const STRANGER_MACS = ['02:00:00:00:00:03', '02:00:00:00:00:77'];

/** Announcements of beta's alias in both forms, from addresses that are not beta's: one stays, and one comes anew. */
const FORGERIES: readonly ArpText[] = STRANGER_MACS.flatMap((senderMac) => [
  { senderMac, senderIp: BETA, targetIp: BETA },
  { operation: 2, senderMac, senderIp: BETA, targetMac: senderMac, targetIp: BETA },
]);

/** So short an interval that a verification an interval would be more than `hints` allows. */
function clusterWith(hints: number): object {
  return {
    hosts: ['alpha', 'beta', 'stranger'],
    agents: ['alpha', 'beta'],
    configuration: {
      hosts: { stranger: undefined },
      probe: { interval: `${INTERVAL}ms`, retry: `${INTERVAL}ms`, misses: MISSES, hints, hold: '100ms' },
    },
  };
}

/** What leaves a link, by tshark with the kernel's own times. */
class Count {
  readonly #child: ChildProcess;
  #said = '';
  #lines = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#lines += chunk;
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#said += chunk;
    });
  }

  /** Of ARP requests of a host's alias for another, on all planes. */
  static async start(host: LabHost, target: string): Promise<Count> {
    const links = PLANES.map((plane) => host.link(plane));
    const hex = (address: string) =>
      `0x${address
        .split('.')
        .map((octet) => Number(octet).toString(16).padStart(2, '0'))
        .join('')}`;
    const senders = links.map(({ mac }) => `ether src ${mac}`).join(' or ');
    // Operation, sender's and target's address: RFC 826.
    const filter = `arp and (${senders}) and arp[6:2] = 1 and arp[14:4] = ${hex(host.alias)} and arp[24:4] = ${hex(target)}`;
    const interfaces = links.flatMap(({ device }) => ['-i', device]);
    const fields = ['-T', 'fields', '-e', 'frame.time_epoch'];
    const child = host.spawn('tshark', ['-n', '-l', '-f', filter, ...interfaces, ...fields], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const count = new Count(child);
    await waitUntil(() => count.times().length > 0, PATIENCE, `a request by ${host.name}: ${count.#said}`);
    return count;
  }

  /** In ms, ascending. */
  times(): number[] {
    const complete = this.#lines.slice(0, this.#lines.lastIndexOf('\n') + 1).split('\n');
    return complete
      .filter((line) => line !== '')
      .map((line) => Number(line) * 1000)
      .sort((one, other) => one - other);
  }

  async stop(): Promise<void> {
    // What passed before is written by then.
    const before = Date.now();
    await waitUntil(() => (this.times().at(-1) ?? 0) > before, PATIENCE, 'the end of the capture');
    this.#child.kill('SIGTERM');
  }
}

/** The most of some times that lie within any second. */
function mostInSecond(times: readonly number[]): number {
  let first = 0;
  return times.reduce((most, time, index) => {
    while (time - times[first]! >= 1000) first++;
    return Math.max(most, index - first + 1);
  }, 0);
}

/** How many requests in any second a host may send by the steady ones, and for suspicions that no hint caused. */
function steadyRequests(cluster: Cluster, from: number): number {
  const events = cluster.agent('alpha').events().slice(from);
  const suspicions = events.filter(
    ({ event, cause }) => event === 'path-suspect' && cause === 'silence',
  ).length;
  return PLANES.length * (1000 / INTERVAL + 1) + MISSES * suspicions;
}

/** Forges on some planes at once; how many frames went. */
async function forgeBy(stranger: LabHost, planes: readonly string[]): Promise<number> {
  const frames = FORGERIES.map(arp);
  const sent = planes.map((plane) =>
    sendFrames(stranger, stranger.link(plane).device, frames, FORGING, RATE),
  );
  return (await Promise.all(sent)).reduce((sum, some) => sum + some, 0);
}

/** What an agent may tell meanwhile: a suspicion that an answer ends. */
const SUSPICION = ['path-suspect', 'path-up'];
const NONE = { there: NOTHING_LOST, back: NOTHING_LOST };

test.each([
  ['one plane', ['a']],
  ['both planes', ['a', 'b']],
] as const)(
  'a stream of forged announcements on %s causes no more requests than allowed, and nothing else',
  (_, planes) =>
    inCluster(async (cluster) => {
      const { lab, alpha } = cluster;
      const stranger = lab.host('stranger');
      const holdings = async () => ({
        routes: await ownRoutes(alpha),
        neighbors: await aliasNeighbors(alpha),
      });
      const before = await holdings();
      const watch = await KernelWatch.start(alpha);
      const streams = await cluster.startStreams();
      const seen = cluster.agent('alpha').events().length;
      const counted = (await alpha.status()).counters.hints ?? 0;
      const requests = await Count.start(alpha, BETA);
      const cpu = sleep(FORGING / 4).then(() => cpuShare(cluster.agent('alpha').pid, FORGING / 2));
      let forged = 0;
      const result = await cluster.measure(streams, async () => {
        forged = await forgeBy(stranger, planes);
      });
      await requests.stop();

      expect(result).toEqual(NONE);
      expect(forged).toBeGreaterThan((planes.length * RATE * FORGING) / 1000 / 4);
      // What else is there to show that the agent took them for what they pretend to be?
      expect(((await alpha.status()).counters.hints ?? 0) - counted).toBeGreaterThan(forged / 2);
      expect(mostInSecond(requests.times())).toBeLessThanOrEqual(steadyRequests(cluster, seen) + HINTS);
      expect(await holdings()).toEqual(before);
      expect(await watch.take()).toEqual([]);
      expect(cluster.eventNames('alpha', seen).filter((event) => !SUSPICION.includes(event))).toEqual([]);
      expect(await cpu).toBeLessThan(MOST_CPU);
      watch.stop();
      await cluster.waitForPaths('up');
    }, clusterWith(HINTS))(),
);

test(
  'while somebody forges announcements of a peer, the real loss of its card is found all the same',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    const forging = forgeBy(lab.host('stranger'), PLANES);
    const counted = async () => ((await alpha.status()).counters.hints ?? 0) > RATE;
    await waitUntil(counted, PATIENCE, 'forged announcements at alpha');
    await lab.pullCard('beta', 'a');
    await cluster.waitForPlane(alpha, beta.alias, 'b');
    expect(await cluster.path('alpha', 'beta', 'b')).toMatchObject({ state: 'up' });
    await forging;
    await lab.returnCard('beta', 'a');
    await cluster.waitForPaths('up');
  }, clusterWith(HINTS)),
);

/** Longer than a hurried verification waits before it asks again, and shorter than a request is waited for. */
const LATE = 6;
const FEW_HINTS = 10;

test(
  'toward a peer whose answers take their time, hints cause no more requests than allowed',
  inCluster(
    async (cluster) => {
      const { lab, alpha, beta } = cluster;
      const answers = beta.spawn(
        process.execPath,
        [join(ROOT, 'dist', 'test', 'lab', 'late-answers.js'), BETA, `${LATE}`, 'eth0', 'eth1'],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      await new Promise((resolve) => answers.stdout?.once('data', resolve));
      await cluster.start('alpha');
      await cluster.waitForPaths('up');
      const seen = cluster.agent('alpha').events().length;
      const requests = await Count.start(alpha, BETA);
      await forgeBy(lab.host('stranger'), PLANES);
      await requests.stop();
      expect(mostInSecond(requests.times())).toBeLessThanOrEqual(steadyRequests(cluster, seen) + FEW_HINTS);
      answers.stdin?.end();
    },
    { ...clusterWith(FEW_HINTS), agents: [] },
  ),
);
