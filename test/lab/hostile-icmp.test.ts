import { setTimeout as sleep } from 'node:timers/promises';
import { ETHERTYPE_IPV4 } from '../../agent/wire/ethernet';
import type { LabHost } from '../../deploy/lab/host';
import { waitUntil } from '../../deploy/lab/wait';
import { encodeEcho, encodeIpv4, internetChecksum } from '../../native-bindings/icmp-echo';
import { applyFarEnd, BEHIND, placeServer, SERVER } from './far-end-tools';
import { Flood, REPORTING, report } from './hostile-tools';
import { cpuShare, inCluster, PATIENCE } from './promise-cluster';

/** Echo replies of a stranger, who pretends to be the target behind a far end. */
jest.setTimeout(90_000);

const RATE = 2000;
/** How long the dead target is forged to be alive, in ms: many times what its death takes to be found. */
const FORGING = 1500;

/** Writes 16 bits in network order. */
function set(bytes: Uint8Array, offset: number, value: number): void {
  bytes.set([value >>> 8, value & 0xff], offset);
}

/** An echo reply of the target to a link of a host, from the stranger's card there. */
function echoReply(
  from: LabHost,
  to: LabHost,
  plane: string,
  identifier: number,
  sequence: number,
): Uint8Array {
  const message = encodeEcho(identifier, sequence);
  message[0] = 0;
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

test(
  'echo replies that nobody asked for keep no dead target alive, however many',
  inCluster(
    async (cluster) => {
      const { lab, alpha } = cluster;
      const [gate, stranger] = [lab.host('gate'), lab.host('stranger')];
      const server = await placeServer(gate);
      try {
        await applyFarEnd(lab, gate);
        const agent = await cluster.start('alpha');
        const { pid } = await agent.waitFor('started');
        await cluster.waitForPaths('up');
        const replies = Array.from({ length: 256 }, (_, sequence) =>
          echoReply(stranger, alpha, 'a', Number(pid) & 0xffff, sequence),
        );
        const forging = new Flood(stranger, stranger.link('a').device, replies, RATE);
        await sleep(FORGING / 4);
        await server.ip('link set net0 down');
        const down = (event: Record<string, unknown>) =>
          event.plane === 'a' && event.cause === 'icmp-silence';
        await cluster.agent('alpha').waitFor('path-down', down);
        const seen = cluster.agent('alpha').events().length;
        await sleep(FORGING);
        expect(cluster.eventNames('alpha', seen).filter((event) => event !== 'failover')).toEqual([]);
        await forging.stop();
        if (!REPORTING) return;
        await server.ip('link set net0 up', 'route replace default via 203.0.113.1 metric 10');
        await waitUntil(
          async () => (await cluster.path('alpha', 'gate', 'a')).state === 'up',
          PATIENCE,
          'the return',
        );
        const flood = new Flood(stranger, stranger.link('a').device, replies);
        await sleep(FORGING);
        const before = cluster.agent('alpha').events().length;
        const cpu = await cpuShare(cluster.agent('alpha').pid, 2000);
        const { rate } = await flood.stop();
        const told = cluster.eventNames('alpha', before);
        report([
          'echo replies',
          `${rate} frames/s`,
          `CPU ${(cpu * 100).toFixed(1)} %`,
          `told meanwhile: ${told}`,
        ]);
      } finally {
        await server.destroy();
      }
    },
    {
      hosts: ['alpha', 'stranger', { name: 'gate', agent: false, prefixes: [BEHIND], icmp: SERVER }],
      agents: [],
      configuration: { hosts: { stranger: undefined }, probe: { hold: '300ms' } },
    },
  ),
);
