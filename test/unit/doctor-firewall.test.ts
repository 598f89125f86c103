import { examine } from '../../agent/doctor/check';
import { CHECKS } from '../../agent/doctor/checks';
import { parseIptables } from '../../agent/doctor/iptables';
import { parseNftables } from '../../agent/doctor/nftables';
import { topologyOf } from './core-fixtures';
import { evidence, PLAN } from './doctor-fixtures';

type Json = Readonly<Record<string, unknown>>;

const meta = (key: string) => ({ meta: { key } });
const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
const is = (left: Json, right: unknown, op = '==') => ({ match: { op, left, right } });
const SADDR = payload('ip', 'saddr');
const DADDR = payload('ip', 'daddr');
const NET = { prefix: { addr: '10.78.0.0', len: 24 } };
const DROP = { drop: null };
const ACCEPT = { accept: null };

/** A ruleset of one table with one chain that has a hook, as `nft -j` prints it. */
function ruleset(
  place: { family: string; hook: string; policy?: string; type?: string; [field: string]: unknown },
  rules: readonly (readonly Json[])[],
  more: readonly Json[] = [],
): string {
  const { family, ...rest } = place;
  const table = { family, table: 't' };
  const chain = { ...table, name: 'c', handle: 1, type: 'filter', prio: 0, policy: 'accept', ...rest };
  return JSON.stringify({
    nftables: [
      { metainfo: { json_schema_version: 1 } },
      { table: { family, name: 't', handle: 1 } },
      { chain },
      ...more,
      ...rules.map((expr, index) => ({ rule: { ...table, chain: 'c', handle: 10 + index, expr } })),
    ],
  });
}

const findings = (nft: string, iptables = '', topology = topologyOf(), text = '') =>
  examine(
    CHECKS,
    { ...PLAN, topology },
    evidence({ nftables: parseNftables(nft, text), iptables: parseIptables(iptables) }),
  ).findings;

const EMPTY = JSON.stringify({ nftables: [] });
const INPUT = { family: 'inet', hook: 'input' };

describe('nftables', () => {
  test('a rule that drops the traffic of a peer, and the command that lets it through', () => {
    expect(findings(ruleset(INPUT, [[is(SADDR, '10.78.0.2'), DROP]]))).toMatchObject([
      {
        id: 'firewall-traffic',
        subject: 'chain inet t c',
        what: 'the rule with handle 10 of c drops packets from beta on eth0, eth1',
        command: "nft 'insert rule inet t c ip saddr 10.78.0.2 ip daddr 10.78.0.1 accept'",
      },
    ]);
  });

  test.each([
    ['a prefix', [is(SADDR, NET), is(DADDR, '10.78.0.1'), DROP]],
    ['a range', [is(SADDR, { range: ['10.78.0.0', '10.78.0.9'] }), DROP]],
    ['a set', [is(SADDR, { set: ['10.1.1.1', NET] }), DROP]],
    ['all but a prefix', [is(SADDR, { prefix: { addr: '10.77.0.0', len: 16 } }, '!='), DROP]],
    ['a name with *', [is(meta('iifname'), 'eth*'), DROP]],
    ['reject', [is(meta('nfproto'), 'ipv4'), { counter: {} }, { reject: null }]],
    ['a new session', [is({ ct: { key: 'state' } }, 'new', 'in'), DROP]],
  ])('%s', (_, expr) => {
    expect(findings(ruleset(INPUT, [expr])).map(({ id }) => id)).toEqual(['firewall-traffic']);
  });

  test.each([
    ['another sender', [is(SADDR, '10.78.0.3'), DROP]],
    ['another link', [is(meta('iif'), 'eth9'), DROP]],
    ['invalid packets', [is({ ct: { key: 'state' } }, 'invalid', 'in'), DROP]],
    ['one port', [is(payload('tcp', 'dport'), 22), DROP]],
    ['what is beyond a limit', [{ limit: { rate: 1 } }, DROP]],
    ['what can’t be read', [is(SADDR, { new: 'thing' }), DROP]],
    ['a comparison', [is(SADDR, '10.0.0.0', '>'), DROP]],
    ['nothing', [is(SADDR, NET), { counter: {} }, { log: {} }]],
  ])('a rule about %s is no finding', (_, expr) => {
    expect(findings(ruleset(INPUT, [expr]))).toEqual([]);
  });

  test('a policy drops what no rule accepts; one that may accept it leaves it open', () => {
    const closed = { ...INPUT, policy: 'drop' };
    const state = [is({ ct: { key: 'state' } }, ['established', 'related'], 'in'), ACCEPT];
    const lo = [is(meta('iif'), 'lo'), ACCEPT];
    expect(findings(ruleset(closed, [state, lo]))).toMatchObject([
      { what: 'its policy drops packets from beta on eth0, eth1' },
    ]);
    expect(findings(ruleset(closed, [state, lo, [is(SADDR, NET), ACCEPT]]))).toEqual([]);
    expect(findings(ruleset(closed, [[is(payload('tcp', 'dport'), 4369), ACCEPT]]))).toEqual([]);
    expect(findings(ruleset(closed, [[is(meta('iifname'), 'eth0'), ACCEPT]]))).toMatchObject([
      { what: 'its policy drops packets from beta on eth1' },
    ]);
  });

  test('jumps, returns, named sets and verdict maps are followed', () => {
    const table = { family: 'inet', table: 't' };
    const sub = (...expr: Json[]) => [
      { chain: { ...table, name: 'sub', handle: 2 } },
      { rule: { ...table, chain: 'sub', handle: 20, expr } },
    ];
    const jump = { jump: { target: 'sub' } };
    const set = { set: { ...table, name: 's', elem: ['10.78.0.2'] } };
    expect(findings(ruleset(INPUT, [[jump]], [...sub(is(SADDR, '@s'), DROP), set]))).toMatchObject([
      { what: expect.stringContaining('handle 20 of sub'), command: expect.stringContaining('inet t c ') },
    ]);
    expect(findings(ruleset(INPUT, [[jump], [DROP]], sub(is(SADDR, NET), { return: null })))).toHaveLength(1);
    expect(
      findings(
        ruleset(INPUT, [[{ goto: { target: 'sub' } }], [DROP]], sub(is(SADDR, NET), { return: null })),
      ),
    ).toEqual([]);
    const vmap = {
      vmap: {
        key: meta('iifname'),
        data: {
          set: [
            ['eth1', jump],
            ['eth0', ACCEPT],
          ],
        },
      },
    };
    expect(findings(ruleset(INPUT, [[vmap]], sub(DROP)))).toMatchObject([
      { what: expect.stringContaining('from beta on eth1') },
    ]);
  });

  test.each([
    ['input', 'in', 'iifname'],
    ['output', 'out', 'oifname'],
  ])('ARP in the hook %s', (hook, _, device) => {
    const arp = ruleset({ family: 'arp', hook }, [[is(payload('arp', 'operation'), 'request'), DROP]]);
    expect(findings(arp)).toMatchObject([
      { id: 'firewall-arp', command: `nft 'insert rule arp t c ${device} { "eth0", "eth1" } accept'` },
    ]);
  });

  test('a netdev chain sees ARP, traffic and beacons, on its own device alone', () => {
    const beacon = { interval: 50, etherType: 0x88b5, verify: 1000, discover: true, expire: 60_000 };
    const with88b5 = topologyOf({ beacon });
    const netdev = (expr: Json[], dev?: string) =>
      ruleset({ family: 'netdev', hook: 'ingress', ...(dev === undefined ? {} : { dev }) }, [expr]);
    const type = payload('ether', 'type');
    const drop = [is(type, 0x88b5), DROP];
    expect(findings(netdev(drop))).toEqual([]);
    expect(findings(netdev(drop), '', with88b5)).toMatchObject([
      {
        id: 'firewall-beacons',
        severity: 'warning',
        command: "nft 'insert rule netdev t c ether type 0x88b5 accept'",
      },
    ]);
    expect(findings(netdev([is(type, 'arp'), DROP], 'eth1'))).toMatchObject([
      { id: 'firewall-arp', what: 'the rule with handle 10 of c drops ARP from beta on eth1' },
    ]);
    expect(findings(netdev([DROP], 'eth9'))).toEqual([]);
  });

  test('devices that the JSON leaves out are read from the text', () => {
    const text =
      'table netdev t {\n\tchain c {\n\t\ttype filter hook ingress devices = { "eth9", "eth8" } priority filter; policy accept;\n\t}\n}\n';
    const json = ruleset({ family: 'netdev', hook: 'ingress' }, [[DROP]]);
    expect(findings(json, '', topologyOf(), text)).toEqual([]);
    expect(findings(json, '', topologyOf(), text.replace('eth8', 'eth1'))[0]).toMatchObject({
      what: expect.stringContaining('on eth1'),
    });
  });

  test('an alias that is rewritten to the address of a card', () => {
    const nat = { family: 'ip', hook: 'postrouting', type: 'nat' };
    expect(findings(ruleset(nat, [[is(meta('oifname'), 'eth0'), { masquerade: null }]]))).toMatchObject([
      {
        id: 'firewall-rewrite',
        what: 'the rule with handle 10 of c rewrites the addresses of packets to beta on eth0',
        command: "nft 'insert rule ip t c ip saddr 10.78.0.1 ip daddr 10.78.0.2 accept'",
      },
    ]);
    const container = [is(SADDR, { prefix: { addr: '172.17.0.0', len: 16 } }), { masquerade: null }];
    expect(findings(ruleset(nat, [container]))).toEqual([]);
  });

  test('reverse path checks', () => {
    const fib = { fib: { result: 'oif', flags: ['saddr', 'iif'] } };
    const prerouting = { ...INPUT, hook: 'prerouting' };
    const of = (...rules: readonly Json[][]) => findings(ruleset(prerouting, rules));
    expect(of([is(fib, false), DROP])).toMatchObject([
      {
        ...{ id: 'firewall-reverse-path', severity: 'error' },
        what: 'the rule with handle 10 of c drops packets from beta on eth0, eth1 where the way back leaves by another link',
        command: "nft 'insert rule inet t c ip saddr 10.78.0.2 ip daddr 10.78.0.1 accept'",
      },
    ]);
    for (const right of [0, '0']) expect(of([is(fib, right), DROP])).toHaveLength(1);
    expect(of([is(fib, true, '!='), DROP])).toHaveLength(1);
    expect(of([is(fib, true), ACCEPT], [DROP])).toMatchObject([{ id: 'firewall-reverse-path' }]);
    expect(of([is(fib, true), DROP], [ACCEPT])).toMatchObject([{ id: 'firewall-traffic' }]);
    expect(of([is(SADDR, NET), ACCEPT], [is(fib, false), DROP])).toEqual([]);
    expect(of([is({ fib: { result: 'type', flags: ['daddr'] } }, 'local'), DROP])).toEqual([]);
    expect(findings(ruleset({ ...INPUT, hook: 'output' }, [[is(fib, false), DROP]]))).toEqual([]);
  });

  test('other families, and what another program manages, are not judged', () => {
    expect(findings(ruleset({ family: 'ip6', hook: 'input', policy: 'drop' }, []))).toEqual([]);
    expect(findings(ruleset({ family: 'inet', hook: 'forward', policy: 'drop' }, []))).toEqual([]);
    expect(parseNftables(ruleset({ family: 'ip', hook: 'input' }, [[DROP]]), '', ['ip t c'])).toEqual([]);
  });
});

describe('iptables', () => {
  const save = (table: string, ...lines: readonly string[]) =>
    [
      `*${table}`,
      ':INPUT ACCEPT [0:0]',
      ':OUTPUT ACCEPT [0:0]',
      ':POSTROUTING ACCEPT [0:0]',
      ':PREROUTING ACCEPT [0:0]',
      ':sub - [0:0]',
      ...lines,
      'COMMIT',
      '',
    ].join('\n');
  const of = (...lines: readonly string[]) =>
    findings(EMPTY, save('filter', ...lines)).map(({ what }) => what);

  test('a rule that drops, and the command that lets the cluster through', () => {
    expect(findings(EMPTY, save('filter', '-A INPUT -s 10.78.0.2/32 -i eth0 -j DROP'))).toMatchObject([
      {
        id: 'firewall-traffic',
        subject: 'chain filter INPUT',
        what: 'the rule `-A INPUT -s 10.78.0.2/32 -i eth0 -j DROP` of INPUT drops packets from beta on eth0',
        command: 'iptables -t filter -I INPUT -s 10.78.0.2 -d 10.78.0.1 -j ACCEPT',
      },
    ]);
  });

  test.each([
    '-A OUTPUT -d 10.78.0.0/16 -j REJECT --reject-with icmp-port-unreachable',
    '-A INPUT ! -i lo -m comment --comment "keep -j ACCEPT out" -j DROP',
    '-A INPUT -i eth+ -m conntrack --ctstate NEW -j DROP',
    '-A INPUT ! -s 10.77.0.0/16 -j DROP',
  ])('%s drops', (line) => {
    expect(of(line)).toHaveLength(1);
  });

  test.each([
    '-A INPUT -s 10.78.0.3/32 -j DROP',
    '-A INPUT -i lo -j DROP',
    '-A INPUT -p tcp -m tcp --dport 22 -j DROP',
    '-A INPUT -m conntrack --ctstate INVALID -j DROP',
    '-A INPUT -m limit --limit 1/sec -j DROP',
    '-A INPUT -j LOG --log-prefix "dropped "',
    '-A INPUT -j NFQUEUE --queue-num 0',
  ])('%s does not surely drop', (line) => {
    expect(of(line)).toEqual([]);
  });

  test('policies, chains of the user’s and returns', () => {
    const closed = save('filter').replace(':INPUT ACCEPT', ':INPUT DROP');
    expect(findings(EMPTY, closed)).toMatchObject([
      { what: 'its policy drops packets from beta on eth0, eth1' },
    ]);
    expect(of('-A INPUT -j sub', '-A sub -s 10.78.0.0/24 -j RETURN', '-A sub -j DROP')).toEqual([]);
    expect(of('-A INPUT -g sub', '-A INPUT -j DROP', '-A sub -s 10.78.0.0/24 -j RETURN')).toEqual([]);
    expect(of('-A INPUT -j sub', '-A sub -j DROP')).toEqual([
      'the rule `-A sub -j DROP` of sub drops packets from beta on eth0, eth1',
    ]);
  });

  test('masquerading and strict reverse path checks', () => {
    const nat = findings(EMPTY, save('nat', '-A POSTROUTING -o eth1 -j MASQUERADE'));
    expect(nat).toMatchObject([
      {
        id: 'firewall-rewrite',
        command: 'iptables -t nat -I POSTROUTING -s 10.78.0.1 -d 10.78.0.2 -j ACCEPT',
      },
    ]);
    const raw = (how: string) => findings(EMPTY, save('raw', `-A PREROUTING -m rpfilter ${how} -j DROP`));
    expect(raw('--invert').map(({ id }) => id)).toEqual(['firewall-reverse-path']);
    expect(raw('--loose --invert')).toEqual([]);
    const passes = save('raw', '-A PREROUTING -m rpfilter -j RETURN', '-A PREROUTING -j DROP');
    expect(findings(EMPTY, passes).map(({ id }) => id)).toEqual(['firewall-reverse-path']);
  });
});
