import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { waitUntil } from '../../deploy/lab/wait';
import { report, untilWhole } from './machine-tools';
import { type Cluster, cpuShare, inCluster, PATIENCE } from './promise-cluster';

/** Real managers of the network configure alpha's links beside the agent: what they take away is put back. */
jest.setTimeout(60_000);

/** Routes and neighbor entries that are removed are back within so many ms: two repairs, 20 ms apart. */
const BOUND = 40;
/** Datagrams of a busy machine that are late. */
const SLACK = 40;

/** A program that configures the links of a host. */
interface Manager {
  readonly name: string;
  readonly program: string;
  /** what a shell in mount namespaces of the host's own does; the files of the operator are in the working directory */
  readonly script: readonly string[];
  /** its configuration files, by the path there */
  files(host: LabHost): Readonly<Record<string, string>>;
  /** files below deploy/, by the path there */
  readonly dropIns: Readonly<Record<string, string>>;
  /** prints a line for each link that it has configured */
  readonly asked: readonly string[];
  readonly configured: RegExp;
  /** has it configure a link anew */
  readonly anew: readonly (readonly string[])[];
}

const BUS = ['mkdir -p /run/dbus', 'dbus-daemon --system --fork --nopidfile'];
/** Read-only /sys says that there is no udev to wait for. */
const NO_UDEV = ['mount -o remount,ro,bind /sys'];

const NETWORKD: Manager = {
  name: 'systemd-networkd',
  program: '/usr/lib/systemd/systemd-networkd',
  script: [
    ...BUS,
    ...NO_UDEV,
    'mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp',
    'chown -R systemd-network:systemd-network /run/systemd/netif',
    'mount --bind . /etc/systemd',
    'exec /usr/lib/systemd/systemd-networkd',
  ],
  files: ({ plan }) =>
    Object.fromEntries(
      plan.links.map(({ device }, plane) => [
        `network/${device}.network`,
        `[Match]\nName=${device}\n[Network]\nAddress=10.77.${plane}.1/24\nLinkLocalAddressing=no\nLLDP=no\n`,
      ]),
    ),
  dropIns: {
    'networkd.conf.d/multihomed.conf': 'networkd/multihomed.conf',
    'network/eth0.network.d/multihomed.conf': 'networkd/multihomed-link.conf.example',
    'network/eth1.network.d/multihomed.conf': 'networkd/multihomed-link.conf.example',
  },
  asked: ['networkctl', 'list'],
  configured: / configured/g,
  anew: [['networkctl', 'reconfigure', 'eth0', 'eth1']],
};

const NETWORK_MANAGER: Manager = {
  name: 'NetworkManager',
  program: '/usr/sbin/NetworkManager',
  script: [
    ...BUS,
    ...NO_UDEV,
    'mkdir -p /run/NetworkManager',
    'mount -t tmpfs tmpfs /var/lib',
    'mkdir -p /var/lib/NetworkManager',
    'chmod 600 connections/*',
    'exec NetworkManager --no-daemon --config="$PWD/main.conf" --config-dir="$PWD/conf.d"',
  ],
  files: ({ plan }) => ({
    'main.conf':
      '[main]\nplugins=keyfile\nauth-polkit=false\ndns=none\n[keyfile]\npath=/run/manager/connections\n',
    ...Object.fromEntries(
      plan.links.map(({ device }, plane) => [
        `connections/${device}.nmconnection`,
        `[connection]\nid=${device}\nuuid=00000000-0000-4000-8000-00000000000${plane}\ntype=ethernet\ninterface-name=${device}\n` +
          `[ipv4]\nmethod=manual\naddress1=10.77.${plane}.1/24\n[ipv6]\nmethod=ignore\n`,
      ]),
    ),
  }),
  dropIns: { 'conf.d/multihomed.conf': 'NetworkManager/multihomed.conf' },
  asked: ['nmcli', '--terse', 'device'],
  configured: /:ethernet:connected:/g,
  anew: [
    ['nmcli', 'connection', 'down', 'eth0'],
    ['nmcli', 'connection', 'up', 'eth0'],
  ],
};

/** Starts a manager on a host, and waits until it has configured both links. */
async function startManager(host: LabHost, manager: Manager, dropIns: boolean): Promise<void> {
  const given = dropIns ? Object.entries(manager.dropIns) : [];
  const shipped = given.map(([path, file]) => [path, readFileSync(join(ROOT, 'deploy', file), 'utf8')]);
  const copies = [...Object.entries(manager.files(host)), ...shipped].map(
    ([path, text]) => `mkdir -p "$(dirname ${path})"; cat > ${path} <<'END'\n${text}\nEND`,
  );
  const script = ['mkdir /run/manager', 'cd /run/manager', ...copies, ...manager.script];
  host.spawn('unshare', ['--mount', 'sh', '-ec', script.join('\n')], { stdio: 'ignore' });
  const [command = '', ...args] = manager.asked;
  const manages = async () =>
    (await host.run(command, args, { check: false })).stdout.match(manager.configured)?.length === 2;
  await waitUntil(manages, PATIENCE, `${manager.name} to have configured both links`, 100);
}

async function configureAnew(cluster: Cluster, manager: Manager, dropIns: boolean): Promise<void> {
  const { alpha } = cluster;
  await startManager(alpha, manager, dropIns);
  await untilWhole(cluster);
  const agent = cluster.agent('alpha');
  const seen = agent.events().length;
  const streams = await cluster.startStreams();
  const from = streams.there.mark();
  for (const [command = '', ...args] of manager.anew) await alpha.run(command, args);
  await agent.waitFor('repaired', () => true, PATIENCE, seen);
  await sleep(500);
  await untilWhole(cluster);
  const results = [await streams.there.result(from), await streams.back.result(from)];
  const lost = Math.max(...results.map((result) => result.lost));
  const cpu = await cpuShare(agent.pid, 1000);
  const name = `${manager.name} configures a link anew, ${dropIns ? 'with' : 'without'} our drop-ins`;
  report({ name, event: { event: 'repaired' }, bound: BOUND }, { lost, cpu });
  expect(lost).toBeLessThanOrEqual(BOUND + SLACK);
  expect(cpu).toBeLessThan(0.2);
  expect(cluster.eventNames('alpha', seen)).not.toContain('peer-unreachable');
}

/** In a sandbox of an unprivileged user there are no users for them to run as. */
const isRoot = !readFileSync('/proc/self/uid_map', 'utf8').trim().endsWith(' 1');
// NetworkManager takes part where it is installed.
const managers = [NETWORKD, ...[NETWORK_MANAGER].filter(({ program }) => existsSync(program))];

(isRoot ? describe : describe.skip).each(managers)('what $name takes away', (manager) => {
  test.each([
    ['is put back', false],
    ['is put back where our drop-ins are in place', true],
  ])('%s', (_, dropIns) =>
    inCluster((cluster) => configureAnew(cluster, manager, dropIns), { subnets: 'none' })(),
  );
});
