import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { doctor, replaceProgram, runShell, startAgents, told } from './doctor-tools';

jest.setTimeout(60_000);

let lab: Lab;
let alpha: LabHost;
const BASE = ['agent-stopped alpha'];

beforeAll(async () => {
  lab = await Lab.create({ hosts: ['alpha', 'beta', 'gamma'], planes: ['a', 'b'] });
  alpha = lab.host('alpha');
  await (await startAgents(lab)).get('alpha')!.stop();
});
afterAll(() => lab.destroy());
afterEach(() => runShell(alpha, 'rm -rf /run/bin; nft flush ruleset; iptables-legacy -F || :'));

const ask = () => doctor(lab, alpha, '--no-probe');

/** Whether a packet of a new session gets from alias to alias, whatever the doctor thinks of it. */
async function reaches(from: LabHost, to: LabHost): Promise<boolean> {
  const args = ['-n', '-q', '-c', '1', '-W', '1', '-I', from.alias, to.alias];
  return (await from.run('ping', args, { check: false })).status === 0;
}

/** Whether alpha answers beta's ARP for its alias. */
async function answers(): Promise<boolean> {
  const args = ['-c', '1', '-w', '1', '-I', 'eth0', '-0', alpha.alias];
  return (await lab.host('beta').run('arping', args, { check: false })).status === 0;
}

/** Newer kernels can be built without them. */
const hasLegacy = async () => (await alpha.run('iptables-legacy', ['-nL'], { check: false })).status === 0;

const traffic = () => reaches(lab.host('beta'), alpha);

const NFT = (family: string, hook: string, ...lines: readonly string[]) =>
  `nft -f - <<'END'\ntable ${family} filter {\n chain c {\n  type filter hook ${hook} priority 0;\n${lines.join('\n')}\n }\n}\nEND`;

test.each<[what: string, fault: string, id: string, works: () => Promise<boolean>]>([
  ['ARP requests dropped', NFT('arp', 'input', 'arp operation request drop'), 'firewall-arp', answers],
  ['ARP closed by policy', NFT('arp', 'output', 'policy drop;'), 'firewall-arp', answers],
  [
    'ARP dropped at a device',
    NFT('netdev', 'ingress device "eth0"', 'ether type arp drop'),
    'firewall-arp',
    answers,
  ],
  [
    'traffic of a peer dropped',
    NFT('inet', 'input', 'ip saddr 10.78.0.0/24 drop'),
    'firewall-traffic',
    traffic,
  ],
  [
    'traffic rejected',
    NFT('ip', 'output', 'ip daddr { 10.78.0.2, 10.1.1.1 } reject'),
    'firewall-traffic',
    traffic,
  ],
  [
    'input closed but for some',
    NFT(
      'inet',
      'input',
      'policy drop;',
      'iif lo accept',
      'ct state established accept',
      'ip saddr 10.77.0.0/16 accept',
    ),
    'firewall-traffic',
    traffic,
  ],
  ['iptables', 'iptables -A INPUT -s 10.78.0.2 -j DROP', 'firewall-traffic', traffic],
  ['iptables, old', 'iptables-legacy -A OUTPUT -d 10.78.0.2 -j REJECT', 'firewall-traffic', traffic],
  [
    'iptables, a policy',
    'iptables -P INPUT DROP; iptables -A INPUT -i lo -j ACCEPT',
    'firewall-traffic',
    traffic,
  ],
])('%s: found, and mended by the printed command', async (_, fault, id, works) => {
  if (fault.startsWith('iptables-legacy') && !(await hasLegacy()))
    return console.warn('skipped: this kernel has no tables of the old iptables');
  await runShell(alpha, fault);
  expect(await works()).toBe(false);
  const report = await ask();
  const found = report.findings.filter((finding) => finding.id === id);
  expect(told(report).filter((line) => !line.startsWith(id))).toEqual(BASE);
  expect(found).toHaveLength(1);
  await runShell(alpha, found[0]!.command!);
  expect(told(await ask())).toEqual(BASE);
  expect(await works()).toBe(true);
  await runShell(alpha, 'iptables -P INPUT ACCEPT');
});

test.each([
  ['nftables', NFT('inet', 'prerouting', 'fib saddr . iif oif missing drop')],
  ['iptables', 'iptables -t raw -A PREROUTING -m rpfilter --invert -j DROP'],
])(
  'a reverse path check of %s drops what comes by the standby link, until it is mended',
  async (_, fault) => {
    const byStandby = '10.78.0.1 dev eth1 metric 1 src 10.78.0.2';
    await lab.host('beta').ip(`route add ${byStandby}`);
    expect(await traffic()).toBe(true);
    await runShell(alpha, fault);
    expect(await traffic()).toBe(false);
    const report = await ask();
    expect(report.findings.map(({ id }) => id)).toEqual(['firewall-reverse-path', 'agent-stopped']);
    await runShell(alpha, report.findings[0]!.command!);
    expect(await traffic()).toBe(true);
    await lab.host('beta').ip(`route del ${byStandby}`);
  },
);

test('an alias that is masqueraded leaves with its own address again', async () => {
  await runShell(
    alpha,
    'nft -f - <<END\ntable ip nat { chain post { type nat hook postrouting priority 100; oifname "eth0" masquerade; }; }\nEND',
  );
  const report = await ask();
  expect(told(report)).toEqual(['firewall-rewrite chain ip nat post', ...BASE]);
  await runShell(alpha, report.findings[0]!.command!);
  expect(told(await ask())).toEqual(BASE);
});

test('a firewall that lets the cluster through is no finding, whatever else it drops', async () => {
  await runShell(
    alpha,
    NFT(
      'inet',
      'input',
      'policy drop;',
      'ct state established,related accept',
      'ip saddr 10.78.0.0/24 ip daddr 10.78.0.1 accept',
      'tcp dport 22 accept',
    ),
  );
  await runShell(alpha, 'iptables -A INPUT -p tcp --dport 23 -j DROP; iptables -A FORWARD -j DROP');
  expect(told(await ask())).toEqual(BASE);
  expect(await traffic()).toBe(true);
});

test('without nft and iptables it says that the firewall was not checked', async () => {
  for (const name of ['nft', 'iptables-save', 'iptables-legacy-save'])
    await replaceProgram(alpha, name, `echo '${name}: Operation not permitted' >&2; exit 1`);
  expect((await ask()).unchecked).toEqual(
    expect.arrayContaining([
      { check: 'firewall (nftables)', reason: 'nft: nft: Operation not permitted' },
      { check: 'firewall (iptables)', reason: 'iptables-save: iptables-save: Operation not permitted' },
    ]),
  );
});
