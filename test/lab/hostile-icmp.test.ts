import { setTimeout as sleep } from 'node:timers/promises';
import { ETHERTYPE_IPV4 } from '../../agent/wire/ethernet';
import type { LabHost } from '../../deploy/lab/host';
import type { Namespace } from '../../deploy/lab/namespace';
import { encodeEcho, encodeIpv4, internetChecksum } from '../../native-bindings/icmp-echo';
import { counter } from './beacon-cluster';
import { applyFarEnd, BEHIND, placeServer, SERVER } from './far-end-tools';
import { Flood, failovers, harmed, LAB_FAILOVERS, median, report } from './hostile-tools';
import { type Cluster, type ClusterOptions, cpuShare, inCluster } from './promise-cluster';

/** ICMP that nobody asked for, of a stranger and of somebody who sees what is asked: both pretend to be the target behind a far end. */
jest.setTimeout(300_000);

const RATE = 2000;
/** How long the dead target is forged to be alive, in ms: many times what its death takes to be found. */
const FORGING = 1500;
/** How long a flood goes on before it is measured, and for how long it is, in ms. */
const BEFORE = 300;
const MEASURED = LAB_FAILOVERS === undefined ? 600 : 2000;
/** Far below what a wire carries, so that it says no more than that there was a flood. */
const LEAST_RATE = 10_000;
/** Silence is found within interval + misses × retry, in ms. */
const BOUND = 65;
/** What a flood cost before the kernel kept it out: 0.2 of a core and more. */
const MOST_CPU = 0.12;
/** The part of a flood that comes up: a number that was guessed is one of 65 536, and some wait at a time. */
const MOST_STRAYS = 0.001;
/** The same of repeated answers: the few that come before the filter is made narrower. */
const MOST_REPEATED = 0.1;

/** The ICMP message of a forged answer. */
function echoReply(identifier: number, sequence: number): Uint8Array {
  const message = encodeEcho(identifier, sequence);
  message[0] = 0;
  return message;
}

/** A "host unreachable" with the beginning of a request of ours to the target (RFC 792). */
function unreachable(to: LabHost, plane: string): Uint8Array {
  const quoted = encodeIpv4(encodeEcho(1, 1), SERVER, to.link(plane).address!).subarray(0, 28);
  return Uint8Array.from([3, 1, 0, 0, 0, 0, 0, 0, ...quoted]);
}

/** Writes 16 bits in network order. */
function set(bytes: Uint8Array, offset: number, value: number): void {
  bytes.set([value >>> 8, value & 0xff], offset);
}

/** A frame with an ICMP message of the target to a link of a host, from the stranger's card there. */
function forged(from: LabHost, to: LabHost, plane: string, message: Uint8Array): Uint8Array {
  set(message, 2, 0);
  set(message, 2, internetChecksum(message));
  const packet = encodeIpv4(message, to.link(plane).address!, SERVER);
  // What the kernel would fill in, had it made the packet.
  set(packet, 2, packet.length);
  set(packet, 10, internetChecksum(packet.subarray(0, 20)));
  const octets = (mac: string) => mac.split(':').map((octet) => Number.parseInt(octet, 16));
  const header = [...octets(to.link(plane).mac), ...octets(from.link(plane).mac)];
  return Uint8Array.from([...header, ETHERTYPE_IPV4 >>> 8, ETHERTYPE_IPV4 & 0xff, ...packet]);
}

/** Somebody floods alpha on plane b, from his own card there. */
interface Attack {
  readonly name: string;
  start(cluster: Cluster): Flood;
}

function byStranger(name: string, messages: (to: LabHost) => readonly Uint8Array[]): Attack {
  return {
    name,
    start: ({ lab, alpha }) => {
      const stranger = lab.host('stranger');
      const frames = messages(alpha).map((message) => forged(stranger, alpha, 'b', message));
      return new Flood(stranger, stranger.link('b').device, frames);
    },
  };
}

/** The far end itself, which sees what is asked. */
function byGate(name: string, kind: string): Attack {
  return { name, start: ({ lab }) => parrot(lab.host('gate'), 'b', kind) };
}

function parrot(gate: LabHost, plane: string, kind: string, rate?: number): Flood {
  return new Flood(gate, gate.link(plane).device, [], rate, ['echo-parrot.js', kind]);
}

const FORGERIES: readonly Attack[] = [
  byStranger('echo replies with other identifiers', () =>
    Array.from({ length: 256 }, (_, sequence) => echoReply(sequence * 257, sequence)),
  ),
  byStranger('echo requests, and "host unreachable"', (to) => [encodeEcho(1, 1), unreachable(to, 'b')]),
  byGate('echo replies with our identifier and other sequences', 'numbers'),
];
const REPETITIONS = byGate('the answer to each request, repeated', 'copies');

/** Stops floods; how many frames went, and how many a second. */
async function stop(floods: readonly Flood[]): Promise<{ readonly sent: number; readonly rate: number }> {
  const totals = await Promise.all(floods.map((flood) => flood.stop()));
  const sum = (key: 'sent' | 'rate') => totals.reduce((total, { [key]: value }) => total + value, 0);
  const [sent, rate] = [sum('sent'), sum('rate')];
  expect(rate).toBeGreaterThan(LEAST_RATE);
  return { sent, rate };
}

const namesOf = (attacks: readonly Attack[]): string => attacks.map(({ name }) => name).join(' + ');

/**
 * Floods at once change nothing, and cost little.
 *
 * @returns which part of the frames came up though nobody waits for them
 */
async function cost(cluster: Cluster, attacks: readonly Attack[]): Promise<number> {
  const strays = () => counter(cluster, 'alpha', 'unsolicited-echoes');
  const before = await strays();
  let floods: Flood[] = [];
  let cpu = 0;
  const harm = await harmed(cluster, async () => {
    floods = attacks.map((attack) => attack.start(cluster));
    await sleep(BEFORE);
    cpu = await cpuShare(cluster.agent('alpha').pid, MEASURED);
  });
  const { sent, rate } = await stop(floods);
  const cameUp = (await strays()) - before;
  const share = `CPU ${(cpu * 100).toFixed(1)} %`;
  report([
    namesOf(attacks),
    `${rate} frames/s`,
    share,
    `came up ${cameUp} of ${sent}`,
    `changes ${harm.length}`,
  ]);
  expect(harm).toEqual([]);
  expect(cpu).toBeLessThan(MOST_CPU);
  return cameUp / sent;
}

/** A failover beside floods is as fast as without. */
async function expectSpeed(
  cluster: Cluster,
  attacks: readonly Attack[],
  calm: readonly number[],
): Promise<void> {
  const floods = attacks.map((attack) => attack.start(cluster));
  await sleep(BEFORE);
  const times = await failovers(cluster);
  const { rate } = await stop(floods);
  const [beside, without] = [times, calm].map((all) => `${median(all)} ms (${all.join(', ')})`);
  report([namesOf(attacks), `${rate} frames/s`, `failover ${beside}`, `without ${without}`]);
  expect(median(times)).toBeLessThanOrEqual(Math.max(BOUND, 2 * median(calm)));
}

/** Alpha's agent, and beta's, with a far end whose target answers. */
async function withTarget(cluster: Cluster, body: (server: Namespace) => Promise<void>): Promise<void> {
  const gate = cluster.lab.host('gate');
  const server = await placeServer(gate);
  try {
    await applyFarEnd(cluster.lab, gate);
    for (const name of ['alpha', 'beta']) await cluster.start(name);
    await cluster.waitForPaths('up');
    await body(server);
  } finally {
    await server.destroy();
  }
}

const CLUSTER: ClusterOptions = {
  hosts: ['alpha', 'beta', 'stranger', { name: 'gate', agent: false, prefixes: [BEHIND], icmp: SERVER }],
  agents: [],
};

test(
  'echo replies that nobody asked for keep no dead target alive, however many',
  inCluster(
    (cluster) =>
      withTarget(cluster, async (server) => {
        const [gate, stranger] = [cluster.lab.host('gate'), cluster.lab.host('stranger')];
        const replies = Array.from({ length: 256 }, (_, sequence) =>
          forged(stranger, cluster.alpha, 'a', echoReply(cluster.agent('alpha').pid & 0xffff, sequence)),
        );
        const forging = [
          new Flood(stranger, stranger.link('a').device, replies, RATE),
          parrot(gate, 'a', 'numbers', RATE),
        ];
        await sleep(FORGING / 4);
        await server.ip('link set net0 down');
        const agent = cluster.agent('alpha');
        await agent.waitFor('path-down', ({ plane, cause }) => plane === 'a' && cause === 'icmp-silence');
        const seen = agent.events().length;
        await sleep(FORGING);
        const since = agent.events().slice(seen);
        expect(since.filter(({ peer, plane }) => peer === 'gate' && plane === 'a')).toEqual([]);
        for (const one of forging) expect((await one.stop()).sent).toBeGreaterThan(0);
      }),
    { ...CLUSTER, configuration: { hosts: { stranger: undefined }, probe: { hold: '300ms' } } },
  ),
);

test(
  'floods of ICMP on one plane',
  inCluster(
    (cluster) =>
      withTarget(cluster, async () => {
        const calm = await failovers(cluster);
        const separately = FORGERIES.map((attack) => [attack]);
        const forgeries = LAB_FAILOVERS === undefined ? [FORGERIES] : separately;
        for (const attacks of forgeries) expect(await cost(cluster, attacks)).toBeLessThan(MOST_STRAYS);
        const repeated = await cost(cluster, [REPETITIONS]);
        expect(repeated).toBeGreaterThan(0);
        expect(repeated).toBeLessThan(MOST_REPEATED);
        for (const attacks of LAB_FAILOVERS === undefined ? [] : separately)
          await expectSpeed(cluster, attacks, calm);
        await expectSpeed(cluster, [REPETITIONS], calm);
      }),
    { ...CLUSTER, configuration: { hosts: { stranger: undefined }, probe: { hold: '1ms' } } },
  ),
);
