import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { CTL, settings } from './daemon-tools';
import { doctor, type Report, runShell, startAgents, told, whole } from './doctor-tools';

jest.setTimeout(60_000);

let lab: Lab;
let alpha: LabHost;
/** What alpha's doctor says before a fault is planted: its agent is stopped, so that nothing mends by itself. */
const BASE = ['agent-stopped alpha'];

beforeAll(async () => {
  lab = await Lab.create({
    hosts: ['alpha', 'beta', 'gamma'],
    planes: ['a', 'b'],
    configuration: { probe: { hold: '100ms' }, heartbeat: { erlang: '60s' } },
  });
  alpha = lab.host('alpha');
  await (await startAgents(lab)).get('alpha')!.stop();
});
afterAll(() => lab.destroy());

const ask = (...args: readonly string[]) => doctor(lab, alpha, '--no-probe', ...args);

/** The findings beside those that are there anyway. */
function planted(report: Report): Report['findings'] {
  return report.findings.filter(({ id, subject }) => !BASE.includes(`${id} ${subject}`));
}

/** Plants a fault; the printed commands, run as they stand, bring the host back to where nothing more is found. */
async function expectMended(fault: string, expected: readonly string[]): Promise<void> {
  await runShell(alpha, fault);
  const report = await ask();
  expect(told({ ...report, findings: planted(report) })).toEqual(expected);
  expect(report.status).toBe(1);
  for (const { command } of planted(report)) await runShell(alpha, command!);
  expect(told(await ask())).toEqual(BASE);
}

const conf = (name: string, setting: string, value: number) =>
  `echo ${value} > /proc/sys/net/ipv4/conf/${name}/${setting}`;

const SAFE: readonly [fault: string, expected: string][] = [
  [conf('eth0', 'rp_filter', 1), 'rp-filter-strict eth0'],
  [conf('lo', 'rp_filter', 1), 'rp-filter-lo lo'],
  [conf('eth1', 'drop_gratuitous_arp', 1), 'arp-gratuitous-dropped eth1'],
  [conf('eth1', 'ignore_routes_with_linkdown', 0), 'linkdown-routes-kept eth1'],
];

const UNSAFE: readonly [fault: string, ...expected: string[]][] = [
  [`${conf('all', 'arp_ignore', 1)}; ${conf('eth0', 'arp_ignore', 2)}`, 'arp-ignore eth0', 'arp-ignore eth1'],
  [conf('eth0', 'arp_announce', 2), 'arp-announce eth0'],
  [conf('eth1', 'arp_filter', 1), 'arp-filter eth1'],
  [conf('eth0', 'accept_local', 1), 'accept-local eth0'],
  [`${conf('eth0', 'proxy_arp', 1)}; ${conf('eth0', 'forwarding', 1)}`, 'proxy-arp eth0'],
  ['ip link set dev eth1 mtu 1400', 'mtu-differs eth0'],
  ['ip link set dev eth0 arp off', 'link-noarp eth0'],
  ['ip link add br7 type bridge; ip link set dev eth1 master br7', 'link-enslaved eth1'],
  ['ip address add 10.78.0.1/24 dev eth0 noprefixroute', 'alias-on-card 10.78.0.1'],
  ['ip address add 10.78.0.3/32 dev lo', 'alias-of-peer 10.78.0.3'],
  ['ip route add 10.78.0.2 dev eth1', 'route-foreign 10.78.0.2'],
  ['ip route add blackhole 10.78.0.3 proto static metric 7', 'route-foreign 10.78.0.3'],
  [
    'ip rule add pref 100 to 10.78.0.0/24 lookup 100; ip route add default dev eth0 table 100',
    'rule-override rule 100',
  ],
  ['ip rule add pref 101 not fwmark 0x5 lookup 100', 'rule-override rule 101'],
  ['ip rule add pref 102 from 10.78.0.1 prohibit', 'rule-override rule 102'],
  ['ip rule add pref 103 ipproto tcp dport 80 lookup 100', 'rule-override rule 103'],
  ['sysctl -qw net.ipv4.tcp_retries2=1', 'tcp-retries-short tcp_retries2'],
];

describe('the printed command mends it', () => {
  test.each([...SAFE, ...UNSAFE])('%s', async (fault, ...expected) => {
    await expectMended(fault, expected);
  });

  test('all rp_filter on, and on a link that has lost its address', async () => {
    await runShell(alpha, 'ip address flush dev eth1 && sysctl -qw net.ipv4.conf.all.rp_filter=2');
    const report = await ask();
    expect(planted(report)).toMatchObject([{ id: 'rp-filter-unaddressed', subject: 'eth1', fixable: false }]);
    await runShell(alpha, planted(report)[0]!.command!);
    expect(told(await ask())).toEqual(BASE);
    await runShell(alpha, 'ip address add 10.77.1.1/24 dev eth1');
  });
});

describe('--fix', () => {
  test('without it nothing is changed', async () => {
    for (const [fault] of [...SAFE, ...UNSAFE.slice(3, 4)]) await runShell(alpha, fault);
    const before = await whole(alpha);
    expect((await ask()).findings.length).toBeGreaterThan(SAFE.length);
    expect(await whole(alpha)).toBe(before);
  });

  test('applies what is safe, says where, looks again, and leaves the rest', async () => {
    const report = await ask('--fix');
    expect(report.fixed).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ where: '/proc/sys/net/ipv4/conf/eth0/rp_filter', from: '1', to: '2' }),
        expect.objectContaining({ where: '/proc/sys/net/ipv4/conf/lo/rp_filter', from: '1', to: '2' }),
        expect.objectContaining({ where: '/proc/sys/net/ipv4/conf/eth1/drop_gratuitous_arp', to: '0' }),
        expect.objectContaining({
          where: '/proc/sys/net/ipv4/conf/eth1/ignore_routes_with_linkdown',
          to: '1',
        }),
      ]),
    );
    expect(report.fixed).toHaveLength(SAFE.length);
    expect(
      await settings(alpha, 'eth0/rp_filter', 'eth1/ignore_routes_with_linkdown', 'eth0/accept_local'),
    ).toEqual([2, 1, 1]);
    expect(told({ ...report, findings: planted(report) })).toEqual(['accept-local eth0']);
    expect(report.status).toBe(1);
    await runShell(alpha, planted(report)[0]!.command!);
  });

  test('tells a person each thing that it did', async () => {
    await runShell(alpha, SAFE[0]![0]);
    const { stdout } = await alpha.ctl('doctor', '--config', lab.configurationFile, '--no-probe', '--fix');
    expect(stdout.split('\n')[0]).toBe(
      'fixed rp-filter-strict: eth0: /proc/sys/net/ipv4/conf/eth0/rp_filter 1 -> 2; to keep it over a reboot: net.ipv4.conf.eth0.rp_filter = 2 in /etc/sysctl.d/90-multihomed.conf',
    );
  });
});

test('what the system refuses to set is one line, and nothing is changed', async () => {
  await runShell(alpha, SAFE[0]![0]);
  // As in many containers.
  const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec "$@"';
  const words = [CTL, 'doctor', '--config', lab.configurationFile, '--no-probe', '--fix'];
  const args = ['--mount', 'sh', '-c', readOnly, 'read-only', process.execPath, ...words];
  expect(await alpha.run('unshare', args, { check: false })).toEqual({
    status: 74,
    stdout: '',
    stderr: 'multihomectl: setting net.ipv4.conf.eth0.rp_filter=2: EROFS\n',
  });
  expect(await settings(alpha, 'eth0/rp_filter')).toEqual([1]);
  await ask('--fix');
});

test('a link that is down, or gone; what the stopped agent’s alias and routes are missing', async () => {
  await runShell(alpha, 'ip link set dev eth1 down');
  const down = await ask();
  expect(told(down)).toContain('link-down eth1');
  await runShell(alpha, down.findings.find(({ id }) => id === 'link-down')!.command!);
  expect(told(await ask())).not.toContain('link-down eth1');
  await lab.pullCard('alpha', 'a');
  expect(told(await ask())).toContain('link-no-carrier eth0');
  await lab.returnCard('alpha', 'a');
  await lab.removeCard('alpha', 'b');
  expect(told(await ask())).toContain('link-missing eth1');
  await lab.insertCard('alpha', 'b');
  await runShell(alpha, 'ip route flush proto 77; ip address del 10.78.0.1/32 dev lo');
  expect(told(await ask())).toEqual(
    expect.arrayContaining(['alias-missing 10.78.0.1', 'route-missing 10.78.0.2 (beta), 10.78.0.3 (gamma)']),
  );
});
