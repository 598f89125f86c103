import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusReport } from '../../agent/control/protocol';
import { waitUntil } from '../../deploy/lab/wait';
import { harmed, STRANGER } from './hostile-tools';
import { type Cluster, inCluster, PATIENCE } from './promise-cluster';
import { type ArpText, arp, sendFrames, tagged } from './promise-frames';

/** Promise 7: nothing on the wire can hurt the agent. */
jest.setTimeout(90_000);

const STRANGER_MAC = '02:00:00:00:00:03';
const ALPHA_MAC = '02:00:00:00:00:01';
const BETA_MAC = '02:00:00:00:00:02';
const ALPHA = '10.78.0.1';
const BETA = '10.78.0.2';

/** A request of the stranger's own, to which nobody could object. */
const HONEST: ArpText = { senderMac: STRANGER_MAC, senderIp: '10.77.0.3', targetIp: '10.77.0.9' };
/** A false answer for beta. Its sender is the stranger's, so that the switch learns nothing false: that would move packets by itself. */
const REPLY: ArpText = {
  destination: ALPHA_MAC,
  operation: 2,
  senderMac: STRANGER_MAC,
  senderIp: BETA,
  targetMac: ALPHA_MAC,
  targetIp: ALPHA,
};

/** Frames and the counter that names why they change nothing. */
const IGNORED: readonly (readonly [counter: string, frame: Uint8Array])[] = [
  ['truncated', arp(HONEST).subarray(0, 41)],
  ['truncated', arp(HONEST).subarray(0, 30)],
  // None, IEEE 802, InfiniBand, Ethernet in the wrong order of bytes (RFC 826; IANA, arp-parameters).
  ...[0, 6, 32, 0x0100, 0xffff].map(
    (hardwareType) => ['hardware-type', arp({ ...REPLY, hardwareType })] as const,
  ),
  ...[0x86dd, 0x0008, 0x0806].map(
    (protocolType) => ['protocol-type', arp({ ...REPLY, protocolType })] as const,
  ),
  ['address-length', arp({ ...REPLY, hardwareLength: 8 })],
  ['address-length', arp({ ...REPLY, protocolLength: 16 })],
  ['operation', arp({ ...REPLY, operation: 0 })],
  ['operation', arp({ ...REPLY, operation: 9 })],
  ['operation', arp({ ...REPLY, operation: 0x0201 })],
  ['sender-mac', arp({ ...REPLY, source: STRANGER_MAC, senderMac: '03:00:00:00:00:02' })],
  ['sender-mac', arp({ ...REPLY, source: STRANGER_MAC, senderMac: '00:00:00:00:00:00' })],
  ['sender-mac', arp({ ...REPLY, source: STRANGER_MAC, senderMac: 'ff:ff:ff:ff:ff:ff' })],
  ['sender-mac-mismatch', arp({ ...REPLY, source: STRANGER_MAC, senderMac: BETA_MAC })],
  ['sender-ip', arp({ ...REPLY, senderIp: '224.0.0.1' })],
  ['sender-ip', arp({ ...HONEST, senderIp: '127.0.0.1' })],
  ['sender-ip', arp({ ...HONEST, senderIp: '255.255.255.255' })],
  ['vlan-tagged', tagged(arp({ ...REPLY, destination: 'ff:ff:ff:ff:ff:ff' }), 5)],
  // A tag of network 0 gives a priority to a frame of the link's own network (IEEE 802.1Q, 9.6), or to one that has another tag within.
  ['unsolicited', tagged(arp(REPLY), 0)],
  ['vlan-tagged', tagged(tagged(arp({ ...REPLY, destination: 'ff:ff:ff:ff:ff:ff' }), 5), 0)],
  // The kernel hands over a unicast frame of a foreign VLAN without its tag, marked as another host's.
  ['not-for-us', tagged(arp(REPLY), 5)],
  ['not-for-us', arp({ ...REPLY, destination: '02:00:00:00:00:99' })],
  ['unknown-sender', arp({ ...REPLY, senderIp: '10.78.0.99' })],
  ['unknown-sender', arp({ ...HONEST, senderIp: '10.78.0.99', targetIp: '10.78.0.99' })],
  ['other-target', arp(HONEST)],
  ['other-target', arp({ ...REPLY, targetIp: '10.78.0.99' })],
  ['unsolicited', arp(REPLY)],
  ['hints', arp({ ...HONEST, senderIp: BETA, targetIp: BETA })],
  ['hints', arp({ ...REPLY, targetIp: BETA })],
  ['conflicts', arp({ ...HONEST, senderIp: ALPHA, targetIp: ALPHA })],
  ['conflicts', arp({ ...HONEST, senderIp: ALPHA, targetIp: BETA })],
  ['kernel-answers', arp({ ...HONEST, targetIp: ALPHA })],
];

/** Does something on the wire under streams: no route or neighbor entry changes, nothing is lost, nothing is decided. */
async function expectNoHarm(cluster: Cluster, attack: () => Promise<unknown>): Promise<void> {
  expect(await harmed(cluster, attack)).toEqual([]);
}

test(
  'every frame that is not in order changes nothing, and a counter names why',
  inCluster(async (cluster) => {
    const stranger = cluster.lab.host('stranger');
    await expectNoHarm(cluster, async () => {
      for (const counter of new Set(IGNORED.map(([name]) => name))) {
        const frames = IGNORED.filter(([name]) => name === counter).map(([, frame]) => frame);
        const before = (await cluster.alpha.status()).counters[counter] ?? 0;
        await sendFrames(stranger, 'eth0', frames);
        const counted = async () =>
          ((await cluster.alpha.status()).counters[counter] ?? 0) >= before + frames.length;
        await waitUntil(counted, PATIENCE, `the counter ${counter}`);
      }
    });
    const { stdout } = await cluster.alpha.ctl('status', '--json');
    const { counters } = JSON.parse(stdout) as StatusReport;
    expect(Object.keys(counters)).toEqual(expect.arrayContaining(IGNORED.map(([counter]) => counter)));
    await cluster.waitForPaths('up');
  }, STRANGER),
);

/** What somebody sends who wants beta's traffic: answers to alpha, asked or not, and announcements of every form. */
const FORGERIES: readonly ArpText[] = [
  REPLY,
  { ...REPLY, destination: 'ff:ff:ff:ff:ff:ff' },
  { ...HONEST, senderIp: BETA, targetIp: BETA },
  { ...HONEST, senderIp: BETA, targetIp: ALPHA },
  {
    ...REPLY,
    destination: 'ff:ff:ff:ff:ff:ff',
    senderMac: STRANGER_MAC,
    targetMac: STRANGER_MAC,
    targetIp: BETA,
  },
];

test(
  "forged answers and announcements of beta's alias move no packet to the forger, while alpha asks all the time",
  inCluster(async (cluster) => {
    const stranger = cluster.lab.host('stranger');
    await expectNoHarm(cluster, () => sendFrames(stranger, 'eth0', FORGERIES.map(arp), 1000));
    const { counters } = await cluster.alpha.status();
    expect(counters['foreign-mac']).toBeGreaterThan(0);
    expect(counters.unsolicited).toBeGreaterThan(0);
    expect(counters.hints).toBeGreaterThan(0);
    await cluster.waitForPaths('up');
  }, STRANGER),
);

test(
  'a flood of frames on one plane changes nothing, and a failover to that plane works meanwhile',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    const stranger = lab.host('stranger');
    const junk = [arp(HONEST), ...IGNORED.map(([, frame]) => frame)];
    let sent = 0;
    await expectNoHarm(cluster, async () => {
      sent = await sendFrames(stranger, 'eth1', junk, 1500);
    });
    expect(sent).toBeGreaterThan(10_000);
    const flood = sendFrames(stranger, 'eth1', junk, 3000);
    await sleep(500);
    await lab.dropPort('beta', 'a');
    await cluster.waitForPlane(alpha, beta.alias, 'b');
    await cluster.waitForPlane(beta, alpha.alias, 'b');
    await flood;
    await lab.undropPort('beta', 'a');
    await cluster.waitForPaths('up');
  }, STRANGER),
);
