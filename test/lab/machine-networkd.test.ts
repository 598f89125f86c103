import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { waitUntil } from '../../deploy/lab/wait';
import { report, untilWhole } from './machine-tools';
import { type Cluster, cpuShare, inCluster, PATIENCE } from './promise-cluster';

/** A real systemd-networkd configures alpha's links beside the agent: what it takes away is put back. */
jest.setTimeout(60_000);

/** Routes and neighbor entries that it removes are back within so many ms: two repairs, 20 ms apart. */
const BOUND = 40;
/** Datagrams of a busy machine that are late. */
const SLACK = 40;

const NETWORKD = '/usr/lib/systemd/systemd-networkd';
/** In a sandbox of an unprivileged user there is no user for it to run as. */
const isRoot = !readFileSync('/proc/self/uid_map', 'utf8').trim().endsWith(' 1');
const test = isRoot ? globalThis.test : globalThis.test.skip;

const NETWORK = (device: string, cidr: string) =>
  `[Match]\nName=${device}\n[Network]\nAddress=${cidr}\nLinkLocalAddressing=no\nLLDP=no\n`;

/** Files under deploy/networkd that docs/operations.md tells the operator to copy, by where they go. */
const DROP_INS = ['a', 'b'].flatMap((plane) => [
  [`network/${plane}.network.d/multihomed.conf`, 'multihomed-link.conf.example'],
  ['networkd.conf.d/multihomed.conf', 'multihomed.conf'],
]);

/** Starts the message bus and networkd on a host, with configuration files of its own. */
async function startNetworkd(host: LabHost, dropIns: boolean): Promise<void> {
  const files = host.plan.links.map(({ plane, device }, index) => [
    `network/${plane}.network`,
    NETWORK(device, `10.77.${index}.1/24`),
  ]);
  if (dropIns)
    for (const [path, file] of DROP_INS)
      files.push([path!, readFileSync(join(ROOT, 'deploy', 'networkd', file!), 'utf8')]);
  const copies = files.map(
    ([path, text]) => `mkdir -p "$(dirname ${path})"; cat > ${path} <<'END'\n${text}\nEND`,
  );
  // Read-only /sys says that there is no udev to wait for.
  const script = [
    'mkdir -p /run/dbus /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp',
    'chown -R systemd-network:systemd-network /run/systemd/netif',
    'dbus-daemon --system --fork --nopidfile',
    'mount -o remount,ro,bind /sys',
    'mount -t tmpfs tmpfs /etc/systemd',
    'cd /etc/systemd',
    ...copies,
    `exec ${NETWORKD}`,
  ];
  host.spawn('unshare', ['--mount', 'sh', '-ec', script.join('\n')], { stdio: 'ignore' });
  const manages = async () =>
    (await host.run('networkctl', ['list'], { check: false })).stdout.match(/ configured/g)?.length === 2;
  await waitUntil(manages, PATIENCE, 'networkd to have configured both links', 100);
}

async function reconfigure(cluster: Cluster, dropIns: boolean): Promise<void> {
  const { alpha } = cluster;
  await startNetworkd(alpha, dropIns);
  await untilWhole(cluster);
  const agent = cluster.agent('alpha');
  const seen = agent.events().length;
  const streams = await cluster.startStreams();
  const from = streams.there.mark();
  await alpha.run('networkctl', ['reconfigure', 'eth0', 'eth1']);
  await agent.waitFor('repaired', () => true, PATIENCE, seen);
  await sleep(500);
  await untilWhole(cluster);
  const results = [await streams.there.result(from), await streams.back.result(from)];
  const lost = Math.max(...results.map((result) => result.lost));
  const cpu = await cpuShare(agent.pid, 1000);
  report({
    name: `systemd-networkd reconfigures both links, ${dropIns ? 'with' : 'without'} our drop-ins`,
    event: 'repaired',
    lost,
    bound: BOUND,
    lostInMending: undefined,
    cpu: Math.round(cpu * 100),
  });
  expect(lost).toBeLessThanOrEqual(BOUND + SLACK);
  expect(cpu).toBeLessThan(0.2);
  expect(cluster.eventNames('alpha', seen)).not.toContain('peer-unreachable');
}

test(
  'what networkd takes away when it configures the links anew is put back',
  inCluster((cluster) => reconfigure(cluster, false), { subnets: 'none' }),
);

test(
  'the same with the drop-ins that we ship',
  inCluster((cluster) => reconfigure(cluster, true), { subnets: 'none' }),
);
