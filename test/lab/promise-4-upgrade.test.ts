import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { formatIpv4, formatMac } from '../../agent/wire/address';
import type { LabHost } from '../../deploy/lab/host';
import { startSession } from '../../deploy/lab/session';
import { monotonic, waitUntil } from '../../deploy/lab/wait';
import { inBeaconCluster, untilMutual } from './beacon-cluster';
import { findLitter } from './crash-tools';
import { type SeenArp, Witness } from './daemon-tools';
import { type Cluster, inCluster, NOTHING_LOST, PATIENCE } from './promise-cluster';
import { aliasNeighbors, KernelWatch, loopbackAddresses, ownRoutes, setSetting } from './promise-kernel';

/**
 * Promise 4: an upgrade, which is to stop the old agent and to start the new one, loses no packet and touches nothing that stands.
 *
 * Without more, a version is replaced by itself. MULTIHOMED_OLD names the directory of another version, built, to which and from which the hosts
 * are taken one after the other: `make test-upgrade OLD=REF` builds one from a commit.
 */
jest.setTimeout(120_000);

const OLD = process.env.MULTIHOMED_OLD;
const NEW = undefined;
const WAYS: readonly (readonly [string, string | undefined, string | undefined])[] =
  OLD === undefined
    ? [['this version to itself', NEW, NEW]]
    : [
        ['the old version to this one', OLD, NEW],
        ['this version to the old one', NEW, OLD],
      ];

/** Who answers ARP for the alias, and whether hosts beacon. Where the operator has hardened the host, the agent alone answers. */
const SETUPS = [
  { beacons: false, answers: 'kernel' },
  { beacons: true, answers: 'kernel' },
  { beacons: false, answers: 'agent' },
  { beacons: true, answers: 'agent, hardened' },
] as const;
type Setup = (typeof SETUPS)[number];

const CASES = WAYS.flatMap(([way, from, to]) => SETUPS.map((setup) => ({ way, from, to, ...setup })));

/** Between two requests of arping(8), in s, and how far beyond the agent's absence requests may go unanswered on a busy machine, in ms. */
const PACE = '0.01';
const NOISE = 100;

/** How requests were answered: how many were not, and the time from the first to the last of those in a row, in ms. */
interface Answers {
  readonly asked: number;
  readonly unanswered: number;
  readonly longest: number;
}

/** Somebody who asks for an alias each 10 ms, and a witness of what passes. */
class Asker {
  private constructor(
    private readonly host: LabHost,
    private readonly plane: string,
    private readonly alias: string,
    private readonly witness: Witness,
    private readonly child: ChildProcess,
  ) {}

  static async start(host: LabHost, plane: string, alias: string, args: readonly string[]): Promise<Asker> {
    const witness = await Witness.start(host, plane);
    const command = ['-q', '-i', host.link(plane).device, '-W', PACE, ...args, alias];
    const child = host.spawn('arping', command, { stdio: 'ignore' });
    const asker = new Asker(host, plane, alias, witness, child);
    const answered = () => asker.exchange().some(({ operation }) => operation === 'reply');
    await waitUntil(answered, PATIENCE, `${host.name} to be answered`);
    return asker;
  }

  async stop(): Promise<Answers> {
    this.child.kill('SIGKILL');
    await this.witness.stop();
    const exchange = this.exchange();
    const asked = exchange.filter(({ operation }) => operation === 'request').length;
    /** since the last answer */
    let waiting: number[] = [];
    let longest = 0;
    for (const { operation, at } of exchange) {
      waiting = operation === 'reply' ? [] : [...waiting, at];
      // The last one was asked just now.
      longest = Math.max(longest, (waiting.at(-2) ?? 0) - (waiting[0] ?? 0));
    }
    return { asked, unanswered: 2 * asked - exchange.length, longest };
  }

  /** The requests of this host for the alias, its agent's among them, and what answers them. */
  private exchange(): SeenArp[] {
    const own = this.host.link(this.plane).mac;
    return this.witness.arp().filter((frame) => {
      const [from, to] = [formatMac(frame.senderMac), formatMac(frame.destination)];
      if (frame.operation === 'reply') return to === own && formatIpv4(frame.senderIp) === this.alias;
      return from === own && formatIpv4(frame.targetIp) === this.alias;
    });
  }
}

async function holdings(host: LabHost): Promise<object> {
  const [routes, neighbors, addresses] = await Promise.all([
    ownRoutes(host),
    aliasNeighbors(host),
    loopbackAddresses(host),
  ]);
  return { routes, neighbors, addresses };
}

function epochOf(host: LabHost): number {
  const text = readFileSync(`/proc/${host.pid}/root/run/multihomed/state.json`, 'utf8');
  return (JSON.parse(text) as { epoch: number }).epoch;
}

/** Stops the agent of a host and starts that of a version; how long each took, in ms, and what the new one told of its start. */
async function replace(cluster: Cluster, host: string, version: string | undefined) {
  const stopping = monotonic();
  expect(await cluster.agent(host).stop()).toBe(0);
  const starting = monotonic();
  const agent = await cluster.start(host, { version });
  const took = { stop: starting - stopping, start: monotonic() - starting };
  expect(await agent.waitFor('adopted')).toMatchObject({ routes: 3 });
  return took;
}

/** Takes alpha, and then beta, from one version to another under traffic. */
async function upgrade(cluster: Cluster, { from, to, way, beacons, answers }: (typeof CASES)[number]) {
  const { alpha, beta, lab } = cluster;
  if (answers === 'agent, hardened')
    for (const device of ['eth0', 'eth1']) await setSetting(alpha, device, 'arp_ignore', 1);
  for (const host of ['alpha', 'beta']) await cluster.start(host, { version: from });
  await cluster.waitForPaths('up');
  if (beacons) await untilMutual(cluster, 'alpha', 'beta');

  const [before, epoch] = [await holdings(alpha), epochOf(alpha)];
  const streams = await cluster.startStreams();
  const session = await startSession(lab, 'alpha', 'beta');
  const stranger = await Asker.start(lab.host('asker'), 'a', alpha.alias, []);
  const peer = await Asker.start(beta, 'b', alpha.alias, ['-S', beta.alias]);
  const watch = await KernelWatch.start(alpha);
  let took = { stop: 0, start: 0 };
  const lost = await cluster.measure(streams, async () => {
    took = await replace(cluster, 'alpha', to);
    await cluster.waitForPaths('up');
    if (beacons) await untilMutual(cluster, 'beta', 'alpha');
  });
  expect(lost).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
  expect(await watch.take()).toEqual([]);
  expect(await holdings(alpha)).toEqual(before);
  expect(epochOf(alpha)).toBeGreaterThan(epoch);
  expect(findLitter(alpha)).toEqual([]);
  const asked = [await stranger.stop(), await peer.stop()];
  const { longestStall, ...tcp } = await session.result();
  expect(tcp).toMatchObject({ alive: true, error: null });
  const said = asked.map(
    ({ asked, unanswered, longest }) => `${unanswered} of ${asked} within ${Math.round(longest)} ms`,
  );
  process.stderr.write(
    `${way}, ${beacons ? 'beacons' : 'ARP alone'}, ${answers} answers: stop ${Math.round(took.stop)} ms, start ${Math.round(took.start)} ms; ` +
      `unanswered to a stranger ${said[0]}, to the peer ${said[1]}; longest TCP exchange ${Math.round(longestStall)} ms\n`,
  );
  for (const { unanswered, longest } of asked) {
    // One may have been asked just now.
    if (answers === 'kernel') expect(unanswered).toBeLessThanOrEqual(1);
    else expect(longest).toBeLessThan(took.stop + took.start + NOISE);
  }

  // The peer follows, and both are of one version again.
  const followed = await cluster.measure(streams, async () => {
    await replace(cluster, 'beta', to);
    await cluster.waitForPaths('up');
    if (beacons) await untilMutual(cluster, 'alpha', 'beta');
  });
  expect(followed).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
  // While no agent answers for beta, alpha may well take the paths to it to be down.
  if (answers !== 'agent') expect(await watch.take()).toEqual([]);
  watch.stop();
}

function optionsFor({ answers }: Setup) {
  const responder = answers === 'agent' ? 'agent' : 'auto';
  return {
    hosts: ['alpha', 'beta', { name: 'asker', agent: false }],
    agents: [],
    configuration: { probe: { hold: '100ms' }, arp: { responder } },
  };
}

test.each(CASES)(
  'from $way, beacons $beacons, $answers answers: nothing is lost, and nothing touched',
  (one) => {
    const within = one.beacons ? inBeaconCluster : inCluster;
    return within((cluster) => upgrade(cluster, one), optionsFor(one))();
  },
);
