import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../deploy/lab/host';
import { waitUntil } from '../../deploy/lab/wait';
import { counter, inBeaconCluster, untilMutual } from './beacon-cluster';
import { damagedBeacon } from './hostile-beacon';
import { Flood, harmed, REPORTING, report, STRANGER } from './hostile-tools';
import { type Cluster, inCluster, PATIENCE } from './promise-cluster';
import { type ArpText, arp, sendFrames } from './promise-frames';
import { KernelWatch } from './promise-kernel';

/** Promise 7: frames of somebody who means no good, from addresses that are his own, and from those of others. */
jest.setTimeout(120_000);

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
/** How long and how often each forgery is sent, in ms and frames a second: fewer than are taken for a flood. */
const FORGING = 600;
const RATE = 600;

/** The three forms in which an address is announced: the last one is that of arping -A. */
function announcements(senderMac: string, address: string): ArpText[] {
  return [
    { senderMac, senderIp: address, targetIp: address },
    { senderMac, senderIp: address, targetIp: address, operation: 2, targetMac: senderMac },
    { senderMac, senderIp: address, targetIp: address, operation: 2, targetMac: BROADCAST },
  ];
}

/** Alpha, beta and a far end without an agent, whom the stranger can pretend to be. */
const WITH_GATE = {
  hosts: ['alpha', 'beta', 'stranger', { name: 'gate', agent: false, prefixes: ['192.0.2.0/24'] }],
  agents: ['alpha', 'beta'],
  configuration: { hosts: { stranger: undefined } },
};

/** Whose address is forged, on plane a, and what it leads to at alpha. */
const FORGED = [
  ["a peer's alias", ['10.78.0.2'], 'hints'],
  ['our alias', ['10.78.0.1'], 'conflicts'],
  ["a peer's link, our link and a far end", ['10.77.0.2', '10.77.0.1', '10.77.0.4'], 'unknown-sender'],
] as const;

test(
  "announcements of everybody's addresses from a stranger's card change nothing",
  inCluster(async (cluster) => {
    const { lab, alpha } = cluster;
    const stranger = lab.host('stranger');
    const { device, mac } = stranger.link('a');
    for (const [whose, addresses, counted] of FORGED) {
      const before = (await alpha.status()).counters[counted] ?? 0;
      const frames = addresses.flatMap((address) => announcements(mac, address)).map(arp);
      let sent = 0;
      const harm = await harmed(cluster, async () => {
        sent = await sendFrames(stranger, device, frames, FORGING, RATE);
      });
      report([`announcements of ${whose}`, `changes ${harm.length}`]);
      expect([whose, harm]).toEqual([whose, []]);
      const grown = ((await alpha.status()).counters[counted] ?? 0) - before;
      // Each of them, so each of the addresses in each form.
      expect(grown).toBeGreaterThanOrEqual(sent);
    }
    const conflicts = cluster.eventNames('alpha').filter((event) => event === 'alias-conflict');
    expect(conflicts).toHaveLength(1);
  }, WITH_GATE),
);

/** All its beginnings, and itself with any one bit of what follows the Ethernet header changed. */
function broken(frame: Uint8Array): Uint8Array[] {
  const cut = Array.from({ length: frame.length - 14 }, (_, less) => frame.subarray(0, 14 + less));
  const changed = Array.from({ length: (frame.length - 14) * 8 }, (_, bit) => {
    const bytes = Uint8Array.from(frame);
    bytes[14 + (bit >>> 3)]! ^= 1 << (bit & 7);
    return bytes;
  });
  return [...cut, ...changed];
}

/** The same with so much behind it that it fills the longest frame. */
function oversized(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1514).fill(0x55);
  bytes.set(frame);
  return bytes;
}

test(
  'ARP and beacons that are cut anywhere, with any one bit changed, or oversized change nothing',
  inBeaconCluster(async (cluster) => {
    await untilMutual(cluster, 'alpha', 'beta');
    const stranger = cluster.lab.host('stranger');
    const { device, mac: senderMac } = stranger.link('a');
    const sound = [
      arp({ senderMac, senderIp: '10.78.0.2', targetIp: '10.78.0.2' }),
      arp({ senderMac, senderIp: '10.78.0.2', targetIp: '10.78.0.1', operation: 2 }).subarray(0, 42),
      damagedBeacon(cluster, 'beta', 'a', { urgent: true }),
    ];
    const frames = [...sound.flatMap(broken), ...sound.map(oversized)];
    const total = async () => {
      const { counters } = await cluster.alpha.status();
      const names = Object.keys(counters).filter(
        (name) => name === 'truncated' || name.startsWith('beacon-'),
      );
      return names.reduce((sum, name) => sum + counters[name]!, 0);
    };
    const before = await total();
    const harm = await harmed(cluster, () =>
      // Each once.
      sendFrames(stranger, device, frames, (frames.length / RATE) * 1000, RATE),
    );
    report([`${frames.length} broken frames`, `changes ${harm.length}`]);
    expect(harm).toEqual([]);
    const [, , beacon] = sound;
    await waitUntil(async () => (await total()) - before >= broken(beacon!).length, PATIENCE, 'all of them');
    expect(await counter(cluster, 'alpha', 'beacon-bad-tag')).toBeGreaterThan(0);
  }, STRANGER),
);

/** Whose address is stolen, and from whom what is drawn. */
const VICTIMS: [string, string][] = [
  ['beta', 'alpha'],
  ['alpha', 'beta'],
];
/** A path that returns for a moment is trusted no sooner than by default. */
const AT_DEFAULTS = { ...STRANGER, configuration: { ...STRANGER.configuration, probe: { hold: '1s' } } };
/** How long it goes on after the traffic has moved, in ms. */
const STEALING = REPORTING ? 5000 : 1000;

/**
 * The wire's own nature: a switch sends to where an address was seen last. So who sends from a host's address draws what is meant for it, on
 * that plane, as long as he goes on; only the switch can keep him from it. What that host sends itself arrives.
 */
test.each(VICTIMS)(
  "frames from %s's own address on plane a draw its traffic there: that of %s moves to plane b",
  (victim, other) =>
    inCluster(async (cluster) => {
      const { lab } = cluster;
      const [stranger, target, source] = [lab.host('stranger'), lab.host(victim), lab.host(other)];
      const streams = await cluster.startStreams();
      const [toward, away] =
        victim === 'beta' ? [streams.there, streams.back] : [streams.back, streams.there];
      const watch = await KernelWatch.start(source);
      const from = toward.mark();
      const { mac, address } = target.link('a');
      const frames = [target.alias, address!].flatMap((each) => announcements(mac, each)).map(arp);
      const forging = new Flood(stranger, stranger.link('a').device, frames, 900);
      await cluster.waitForPlane(source, target.alias, 'b');
      const [lost, kept] = await Promise.all([toward.result(from), away.result(from)]);
      const later = await cluster.measure(streams, () => sleep(STEALING));
      const moved = await watch.take();
      await forging.stop();
      report([
        `frames from ${victim}'s own address`,
        `lost ${lost.lost} ms toward it, ${kept.lost} ms from it`,
        `in the ${STEALING} ms after: ${later.there.lost + later.back.lost} ms`,
        `${moved.filter((line) => line.startsWith('[ROUTE]')).length} route changes`,
      ]);
      expect(kept.lost).toBe(0);
      // Of plane b nothing changes, and no entry moves to the stranger.
      expect(moved.filter((line) => line.includes(' dev eth1 ') || line.startsWith('[NEIGH]'))).toEqual([]);
      watch.stop();
      await cluster.waitForPaths('up');
      await cluster.waitForPlane(source, target.alias, 'a');
    }, AT_DEFAULTS)(),
);

/** The cards of the cluster, by the file. */
function pins(): object {
  const macs = (host: number) => ({ a: `02:00:00:00:00:0${host}`, b: `02:00:00:00:01:0${host}` });
  return { hosts: { stranger: undefined, alpha: { mac: macs(1) }, beta: { mac: macs(2) } } };
}

/** Answers for an address by a card, as fast as it can, whomever it was asked of. */
async function answerFor(cluster: Cluster, address: string, device: string): Promise<() => void> {
  const script = join(ROOT, 'dist', 'test', 'lab', 'late-answers.js');
  const args = [script, address, '0', device];
  const child = cluster.lab
    .host('stranger')
    .spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return () => child.stdin?.end();
}

test(
  'while a pinned peer is silent, a stranger who answers for it is not believed, nor at the start',
  inCluster(
    async (cluster) => {
      const { lab, alpha, beta } = cluster;
      await lab.dropPort('beta', 'a');
      await cluster.waitForPath('alpha', 'beta', 'a', 'down');
      await answerFor(cluster, beta.alias, 'eth0');
      const harm = await harmed(cluster, async () => {
        // Longer than a return takes, and than everybody would be asked.
        const refused = async () => (await counter(cluster, 'alpha', 'pinned-mac')) > 40;
        await waitUntil(refused, PATIENCE, 'answers of the stranger');
      });
      expect(harm).toEqual([]);
      expect(await cluster.path('alpha', 'beta', 'a')).toMatchObject({
        state: 'down',
        mac: beta.link('a').mac,
      });
      expect(await cluster.agent('alpha').waitFor('mac-refused')).toMatchObject({
        peer: 'beta',
        plane: 'a',
        mac: lab.host('stranger').link('a').mac,
        expected: beta.link('a').mac,
      });
      await cluster.kill('alpha');
      await alpha.ctl('teardown');
      await cluster.start('alpha');
      await cluster.waitForPath('alpha', 'beta', 'a', 'down');
      await cluster.waitForPath('alpha', 'beta', 'b', 'up');
      await lab.undropPort('beta', 'a');
      await cluster.waitForPath('alpha', 'beta', 'a', 'up');
    },
    { ...STRANGER, configuration: { ...pins() } },
  ),
);
