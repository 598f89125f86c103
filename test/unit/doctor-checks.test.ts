import { examine } from '../../agent/doctor/check';
import { CHECKS } from '../../agent/doctor/checks';
import { type Evidence, Unknown } from '../../agent/doctor/evidence';
import { statusReport } from './cli-harness';
import { ALPHA, BETA, gate, ip, topologyOf } from './core-fixtures';
import {
  evidence,
  found,
  ids,
  LO,
  link,
  PLAN,
  ROUTES,
  route,
  rules,
  STATUS,
  settings,
  wire,
} from './doctor-fixtures';

test('a host with nothing wrong has no finding, and nothing is left out', () => {
  expect(examine(CHECKS, PLAN, evidence())).toEqual({ findings: [], unchecked: [] });
});

test('what is not known is told with its reason, and the rest is checked', () => {
  const { findings, unchecked } = examine(
    CHECKS,
    PLAN,
    evidence({
      nftables: new Unknown('nft is not installed'),
      wire: new Unknown('--no-probe'),
      status: null,
    }),
  );
  expect(findings.map(({ id }) => id)).toEqual(['agent-stopped']);
  expect(unchecked).toContainEqual({ check: 'firewall (nftables)', reason: 'nft is not installed' });
  expect(unchecked.filter(({ reason }) => reason === '--no-probe').map(({ check }) => check)).toEqual([
    'logged martians',
    'joined planes',
    'planes by beacons',
    'answers to ARP',
    'duplicate aliases',
  ]);
});

const conf = 'net/ipv4/conf';

describe('settings', () => {
  test.each([
    ['the link', { [`${conf}/eth0/rp_filter`]: 1 }],
    ['all', { [`${conf}/all/rp_filter`]: 1, [`${conf}/eth0/rp_filter`]: 0 }],
  ])('rp_filter that is strict by %s is loosened on the link', (_, changes) => {
    const [finding] = found({ settings: settings(changes) }).filter(({ subject }) => subject === 'eth0');
    expect(finding).toMatchObject({
      id: 'rp-filter-strict',
      severity: 'error',
      command: 'sysctl -w net.ipv4.conf.eth0.rp_filter=2',
      fix: [{ path: `${conf}/eth0/rp_filter`, value: 2 }],
    });
  });

  test('loose by all is loose on a link that is set strict', () => {
    const loose = settings({ [`${conf}/all/rp_filter`]: 2, [`${conf}/eth0/rp_filter`]: 1 });
    expect(ids({ settings: loose })).toEqual([]);
  });

  test('on a link without an address even loose is strict; what all says is not for --fix', () => {
    const interfaces = [LO, link(0, { addresses: [] }), link(1)];
    expect(found({ interfaces })).toMatchObject([
      { id: 'rp-filter-unaddressed', subject: 'eth0', fix: [{ path: `${conf}/eth0/rp_filter`, value: 0 }] },
    ]);
    const both = settings({ [`${conf}/all/rp_filter`]: 2 });
    expect(found({ interfaces, settings: both })).toMatchObject([
      { fix: [], command: 'sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0' },
    ]);
  });

  test.each([
    ['rp-filter-lo', 'lo', { [`${conf}/lo/rp_filter`]: 1 }, true],
    ['arp-ignore', 'eth0', { [`${conf}/eth0/arp_ignore`]: 1 }, false],
    ['arp-ignore', 'eth0', { [`${conf}/eth0/arp_ignore`]: 8 }, false],
    ['arp-filter', 'eth0', { [`${conf}/eth0/arp_filter`]: 1 }, false],
    ['arp-announce', 'eth0', { [`${conf}/eth0/arp_announce`]: 2 }, false],
    ['arp-gratuitous-dropped', 'eth0', { [`${conf}/eth0/drop_gratuitous_arp`]: 1 }, true],
    ['linkdown-routes-kept', 'eth0', { [`${conf}/eth0/ignore_routes_with_linkdown`]: 0 }, true],
    ['accept-local', 'eth0', { [`${conf}/eth0/accept_local`]: 1 }, false],
    ['proxy-arp', 'eth0', { [`${conf}/eth0/proxy_arp`]: 1, [`${conf}/eth0/forwarding`]: 1 }, false],
  ])('%s on %s', (id, subject, changes, fixable) => {
    const findings = found({ settings: settings(changes) });
    expect(findings).toMatchObject([{ id, subject }]);
    expect(findings[0]!.fix.length > 0).toBe(fixable);
    expect(findings[0]!.command).toMatch(
      new RegExp(`^sysctl -w net\\.ipv4\\.conf\\.${subject}\\.[a-z_]+=[012]$`),
    );
  });

  test('a value under all is set there too, and never by --fix', () => {
    const all = settings({ [`${conf}/all/drop_gratuitous_arp`]: 1 });
    expect(found({ settings: all })).toMatchObject([
      { subject: 'eth0', command: 'sysctl -w net.ipv4.conf.all.drop_gratuitous_arp=0', fix: [] },
      { subject: 'eth1', fix: [] },
    ]);
  });

  test.each([0, 3])('with arp_ignore %i the kernel answers', (value) => {
    expect(ids({ settings: settings({ [`${conf}/eth0/arp_ignore`]: value }) })).toEqual([]);
  });

  test('proxy_arp without forwarding, and martians on planes that are apart, hurt nobody', () => {
    const harmless = settings({ [`${conf}/eth0/proxy_arp`]: 1, [`${conf}/eth0/log_martians`]: 1 });
    expect(ids({ settings: harmless })).toEqual([]);
    const joined = wire({ joined: [{ sentOn: 'eth1', heardOn: 'eth0' }] });
    expect(ids({ settings: harmless, wire: joined })).toEqual([
      'log-martians eth0',
      'planes-joined eth0 and eth1',
    ]);
  });

  test('where the agent answers by its own choice, its arp_ignore is no finding', () => {
    const silenced = settings({ [`${conf}/eth0/arp_ignore`]: 1, [`${conf}/eth1/arp_ignore`]: 1 });
    const answering = (reason: string) => ({
      ...STATUS,
      responder: { configured: 'auto', acting: 'agent' as const, reason },
    });
    expect(ids({ settings: silenced, status: answering('configured') })).toEqual([]);
    expect(ids({ settings: silenced, status: answering('planes-joined') })).toEqual([]);
    const filtered = settings({ [`${conf}/eth0/arp_ignore`]: 1, [`${conf}/eth0/arp_filter`]: 1 });
    expect(ids({ settings: filtered, status: answering('arp-filter') })).toEqual(['arp-filter eth0']);
    expect(found({ settings: silenced, status: answering('arp-ignore') })).toMatchObject([
      { id: 'arp-ignore', severity: 'warning' },
      { id: 'arp-ignore', severity: 'warning' },
    ]);
  });

  test('on a drained link nobody is to answer; on the others the kernel is', () => {
    const silenced = settings({ [`${conf}/eth0/arp_ignore`]: 1, [`${conf}/eth1/arp_ignore`]: 1 });
    const links = STATUS.links.map((link) => ({ ...link, drained: link.name === 'eth0' }));
    expect(ids({ settings: silenced, status: { ...STATUS, links } })).toEqual(['arp-ignore eth1']);
  });

  test('a name with a dot is written with slashes, and one for the shell in quotes', () => {
    const topology = topologyOf({
      links: [
        { plane: 0, name: 'eth0.1', priority: 0 },
        { plane: 1, name: 'a$b', priority: 0 },
      ],
    });
    const interfaces = [LO, link(0, { name: 'eth0.1' }), link(1, { name: 'a$b', up: false })];
    const commands = found({ interfaces, status: null, settings: settings() }, { topology }).map(
      ({ command }) => command,
    );
    expect(commands).toContain('sysctl -w net/ipv4/conf/eth0.1/ignore_routes_with_linkdown=1');
    expect(commands).toContain("ip link set dev 'a$b' up");
  });
});

describe('links', () => {
  const eth0 = (changes: Parameters<typeof link>[1]) => ids({ interfaces: [LO, link(0, changes), link(1)] });

  test('missing, down, without carrier, without ARP, a port of something', () => {
    expect(ids({ interfaces: [LO, link(1)] })).toEqual(['link-missing eth0']);
    expect(eth0({ up: false, carrier: false })).toEqual(['link-down eth0']);
    expect(eth0({ carrier: false })).toEqual(['link-no-carrier eth0']);
    expect(eth0({ arp: false })).toEqual(['link-noarp eth0']);
    expect(eth0({ master: 'br0' })).toEqual(['link-enslaved eth0']);
  });

  test('two VLANs of one card are one card', () => {
    const interfaces = [LO, link(0, { lower: 'eth7' }), link(1, { lower: 'eth7' })];
    expect(ids({ interfaces })).toEqual(['links-share-card eth7']);
    expect(ids({ interfaces: [LO, link(0, { lower: 'eth1' }), link(1)] })).toEqual(['links-share-card eth1']);
    expect(ids({ interfaces: [LO, link(0, { lower: 'eth7' }), link(1, { lower: 'eth8' })] })).toEqual([]);
  });

  test('MTU that differs is brought to the least', () => {
    expect(found({ interfaces: [LO, link(0, { mtu: 9000 }), link(1)] })).toMatchObject([
      { id: 'mtu-differs', command: 'ip link set dev eth0 mtu 1500', what: 'eth0 has 9000, eth1 has 1500' },
    ]);
  });

  test("a link with the subnet of a far end's other plane is on the wrong one", () => {
    const plan = { topology: topologyOf({ peers: [{ ...gate, prefixes: [] }] }) };
    const status = { ...STATUS, peers: [{ ...statusReport().peers[1]!, paths: [] }] };
    const swapped = [0, 1].map((plane) =>
      link(plane, { addresses: [{ address: ip(`10.77.${1 - plane}.1`), length: 24, label: '' }] }),
    );
    const questions = { wire: wire({ questions: [] }), status, routes: [] };
    expect(ids({ ...questions, interfaces: [LO, ...swapped] }, plan)).toEqual([
      'link-wrong-plane eth0',
      'link-wrong-plane eth1',
    ]);
    expect(ids(questions, plan)).toEqual([]);
  });
});

describe('the wire', () => {
  const [first, second] = wire().questions;

  test('planes are joined where what is sent on one is heard on the other, in whichever direction', () => {
    const joined = [
      { sentOn: 'eth0', heardOn: 'eth1' },
      { sentOn: 'eth1', heardOn: 'eth0' },
    ];
    expect(ids({ wire: wire({ joined }) })).toEqual(['planes-joined eth0 and eth1']);
    expect(ids({ status: { ...STATUS, planesJoined: true } })).toEqual(['planes-joined planes']);
  });

  test('a link on which nobody answers, while another gets answers', () => {
    const questions = [first!, { ...second!, mac: undefined }];
    expect(found({ wire: wire({ questions }) })).toMatchObject([
      { id: 'link-silent', subject: 'eth1', severity: 'error', command: null },
    ]);
    const none = questions.map((question) => ({ ...question, mac: undefined }));
    expect(found({ wire: wire({ questions: none }) }).map(({ severity }) => severity)).toEqual([
      'warning',
      'warning',
    ]);
  });

  test('a peer that answers on one plane alone; one that is off altogether is no finding of this host', () => {
    const gamma = [0, 1].map((plane) => ({ ...wire().questions[plane]!, peer: 'gamma' }));
    const half = [...wire().questions, gamma[0]!, { ...gamma[1]!, mac: undefined }];
    expect(ids({ wire: wire({ questions: half }) })).toEqual(['path-silent eth1']);
    const off = [...wire().questions, ...gamma.map((question) => ({ ...question, mac: undefined }))];
    expect(ids({ wire: wire({ questions: off }) })).toEqual([]);
  });

  test('a peer that says that it has drained its link need not answer there', () => {
    const questions = [first!, { ...second!, mac: undefined }];
    const [peer] = STATUS.peers;
    const saying = (state: 'up' | 'drained') => {
      const beacon = { coming: true, hearsUs: true, state, priority: 0 };
      const paths = peer!.paths.map((path) => ({ ...path, beacon }));
      return ids({ wire: wire({ questions }), status: { ...STATUS, peers: [{ ...peer!, paths }] } });
    };
    expect([saying('up'), saying('drained')]).toEqual([['link-silent eth1'], []]);
  });

  test('beacons of another plane mean a wrong cable, ours or that of one peer, but not on joined planes', () => {
    const beacons = [{ link: 'eth0', host: 'beta', plane: 'b' }];
    expect(found({ wire: wire({ beacons }) })).toMatchObject([
      { id: 'link-wrong-plane', subject: 'eth0', mend: expect.stringContaining('put its cable') },
    ]);
    const both = [...beacons, { link: 'eth0', host: 'gamma', plane: 'a' }];
    expect(found({ wire: wire({ beacons: both }) })).toMatchObject([{ mend: 'look at the cables of beta' }]);
    const joined = [{ sentOn: 'eth0', heardOn: 'eth1' }];
    expect(ids({ wire: wire({ beacons, joined }) })).toEqual(['planes-joined eth0 and eth1']);
  });

  test('somebody else has our alias', () => {
    const claims = [{ link: 'eth1', alias: ALPHA, mac: 0x020000000099 as never }];
    expect(found({ wire: wire({ claims }) })).toMatchObject([
      {
        id: 'alias-duplicate',
        subject: '10.78.0.1',
        what: '02:00:00:00:00:99 on eth1 answers for it as well',
      },
    ]);
  });
});

describe('aliases and the agent', () => {
  test('an alias that is nowhere, on a card, or of a peer', () => {
    expect(ids({ interfaces: [{ ...LO, addresses: [] }, link(0), link(1)] })).toEqual([
      'alias-missing 10.78.0.1',
    ]);
    const on = (address: typeof ALPHA) =>
      link(1, { addresses: [...link(1).addresses, { address, length: 24, label: '' }] });
    expect(found({ interfaces: [LO, link(0), on(ALPHA)] })).toMatchObject([
      { id: 'alias-on-card', command: 'ip address del 10.78.0.1/24 dev eth1' },
    ]);
    expect(found({ interfaces: [LO, link(0), on(BETA)] })).toMatchObject([
      { id: 'alias-of-peer', subject: '10.78.0.2', command: 'ip address del 10.78.0.2/24 dev eth1' },
    ]);
  });

  test('an agent that is stopped, not ready, or has another configuration', () => {
    expect(ids({ status: null })).toEqual(['agent-stopped alpha']);
    expect(ids({ status: { ...STATUS, ready: false } })).toEqual(['agent-starting alpha']);
    const other: Evidence['status'] = { ...STATUS, aliases: ['10.78.0.9'], peers: [] };
    expect(found({ status: other })).toMatchObject([
      { id: 'configuration-not-loaded', what: expect.stringMatching(/ other aliases, peers$/) },
    ]);
    const discovered = { ...STATUS.peers[0]!, name: 'delta', origin: 'discovered' as const };
    expect(ids({ status: { ...STATUS, peers: [...STATUS.peers, discovered] } })).toEqual([]);
  });
});

describe('routes and rules', () => {
  test('without a route of ours', () => {
    expect(found({ routes: [] })).toMatchObject([
      { id: 'route-missing', subject: '10.78.0.2 (beta)', command: 'multihomectl reload' },
    ]);
    expect(found({ routes: [], status: null })[0]).toMatchObject({ command: 'systemctl start multihomed' });
  });

  test.each([
    [
      'a lower metric',
      route({ protocol: 4, metric: 5, device: 'eth1' }),
      'ip route del 10.78.0.2/32 dev eth1 proto 4 metric 5',
    ],
    [
      'the same metric',
      route({ protocol: 3, gateway: '10.77.0.9' }),
      'ip route del 10.78.0.2/32 via 10.77.0.9 dev eth0 proto 3 metric 100',
    ],
    [
      'no way at all',
      route({ protocol: 3, type: 6, device: undefined, metric: 0 }),
      'ip route del blackhole 10.78.0.2/32 proto 3 metric 0',
    ],
  ])('a foreign route with %s wins', (_, foreign, command) => {
    expect(found({ routes: [...ROUTES, foreign] })).toMatchObject([
      { id: 'route-foreign', severity: 'error', command },
    ]);
  });

  test('a foreign route that loses, or that leads elsewhere, is nobody’s business', () => {
    const others = [route({ protocol: 3, metric: 200 }), route({ protocol: 3, metric: 0, to: '10.78.0.3' })];
    expect(ids({ routes: [...ROUTES, ...others] })).toEqual([]);
  });

  test('a default route of somebody else wins over a far end’s', () => {
    const plan = { topology: topologyOf({ peers: [gate] }) };
    const far = [route({ to: '0.0.0.0/0', gateway: '10.77.0.254' })];
    const rival = route({ to: '0.0.0.0/0', gateway: '192.0.2.1', protocol: 16, metric: 0, device: 'eth9' });
    const status = { ...STATUS, peers: [statusReport().peers[1]!] };
    expect(ids({ routes: far, status }, plan)).toEqual([]);
    expect(found({ routes: [...far, rival], status }, plan)).toMatchObject([
      { severity: 'warning', command: 'ip route del default via 192.0.2.1 dev eth9 proto 16 metric 0' },
    ]);
  });

  const elsewhere = route({ table: 100, to: '0.0.0.0/0', protocol: 4, metric: 0 });
  const withRule = (...lines: string[]) => found({ routes: [...ROUTES, elsewhere], rules: rules(...lines) });

  test.each([
    ['100:\tfrom all to 10.78.0.0/24 lookup 100', 'pref 100 from all to 10.78.0.0/24 lookup 100'],
    ['101:\tnot from all fwmark 0xca6c lookup 100', 'pref 101 not from all fwmark 0xca6c lookup 100'],
    ['102:\tfrom 10.78.0.1 unreachable', 'pref 102 from 10.78.0.1 unreachable'],
    ['103:\tfrom all iif lo lookup 100', 'pref 103 from all iif lo lookup 100'],
  ])('the rule %j overrides', (line, text) => {
    expect(withRule(line)).toMatchObject([
      { id: 'rule-override', severity: 'error', command: `ip rule del ${text}` },
    ]);
  });

  test('a rule that takes some packets is a warning, and names them', () => {
    expect(withRule('100:\tfrom all ipproto tcp dport 80 lookup 100')).toMatchObject([
      { severity: 'warning', what: expect.stringContaining('packets with ipproto tcp dport 80') },
    ]);
  });

  test.each([
    '100:\tfrom all to 10.79.0.0/24 lookup 100',
    '100:\tfrom 10.77.0.1 lookup 100',
    '100:\tfrom all fwmark 0x5 lookup 100',
    '100:\tfrom all iif eth0 lookup 100',
    '100:\tfrom all oif eth0 lookup 100',
    '100:\tfrom all lookup 100 suppress_prefixlength 0',
    '100:\tfrom all lookup 9',
    '100:\tfrom all nop',
    '1000:\tfrom all lookup [l3mdev-table]',
    '40000:\tfrom all lookup 100',
  ])('the rule %j overrides nothing', (line) => {
    expect(withRule(line)).toEqual([]);
  });

  test('a rule is passed over by goto, and a throw route ends its table', () => {
    expect(withRule('50:\tfrom all goto 200', '100:\tfrom all lookup 100', '200:\tfrom all nop')).toEqual([]);
    const thrown = route({ table: 100, type: 9, to: '10.78.0.0/24', protocol: 4, metric: 0 });
    expect(
      ids({ routes: [...ROUTES, elsewhere, thrown], rules: rules('100:\tfrom all lookup 100') }),
    ).toEqual([]);
  });

  test('a table of ours that no rule leads to', () => {
    const topology = topologyOf({ route: { ...topologyOf().route, table: 77 } });
    const routes = ROUTES.map((one) => (one.protocol === 77 ? { ...one, table: 77 } : one));
    expect(found({ routes }, { topology })).toMatchObject([
      { id: 'table-unreached', command: 'ip rule add pref 32000 lookup 77' },
    ]);
    expect(ids({ routes, rules: rules('32000:\tfrom all lookup 77') }, { topology })).toEqual([]);
  });
});

describe('other managers', () => {
  test('systemd-networkd that configures a link and removes foreign routes', () => {
    expect(found({ networkd: { configures: ['eth1', 'eth9'], foreignRoutes: true } })).toMatchObject([
      {
        id: 'networkd-routes',
        what: 'it configures eth1, and ManageForeignRoutes= is yes',
        command:
          "mkdir -p /etc/systemd/networkd.conf.d && printf '%s\\n' '[Network]' ManageForeignRoutes=no > /etc/systemd/networkd.conf.d/multihomed.conf && systemctl restart systemd-networkd",
      },
    ]);
    expect(ids({ networkd: { configures: ['eth1'], foreignRoutes: false } })).toEqual([]);
  });

  test('NetworkManager that manages lo or a link', () => {
    const findings = found({ networkManager: { manages: ['lo', 'eth0', 'eth9'] } });
    expect(findings.map(({ id, subject }) => [id, subject])).toEqual([
      ['networkmanager-lo', 'lo'],
      ['networkmanager-link', 'eth0'],
    ]);
    for (const { command } of findings)
      expect(command).toContain(
        "'unmanaged-devices+=interface-name:lo;interface-name:eth0' > /etc/NetworkManager/conf.d/multihomed.conf",
      );
  });
});

describe('sessions', () => {
  const session = (local: string, remote: string, program?: string) => ({
    ...{ local: ip(local), localPort: 4369, remote: ip(remote), remotePort: 9100, program },
  });
  const BETA_CARD = '10.77.1.2';
  const neighbors = [
    ...(evidence().neighbors as readonly []),
    { device: 'eth1', address: ip(BETA_CARD), mac: 0x02000000010b as never },
  ];

  test('from a card of ours, or to a card of the peer', () => {
    const sessions = [
      session('10.77.0.1', '10.78.0.2', 'beam.smp'),
      session('10.77.0.1', '10.78.0.2', 'beam.smp'),
      session('10.77.1.1', BETA_CARD, 'psql'),
      session('10.78.0.1', BETA_CARD),
    ];
    expect(found({ sessions, neighbors }).map(({ subject, what }) => [subject, what])).toEqual([
      [
        'beam.smp',
        'the session of beam.smp from 10.77.0.1:4369 to 10.78.0.2:9100 (beta) and 1 more like it uses the address of our own card',
      ],
      [
        'psql',
        'the session of psql from 10.77.1.1:4369 to 10.77.1.2:9100 (beta) uses the address of our own card',
      ],
      [
        '10.78.0.1:4369',
        'the session from 10.78.0.1:4369 to 10.77.1.2:9100 (beta) uses the address of the card of beta',
      ],
    ]);
  });

  test('from alias to alias, or to somebody who is no peer, is as it should be', () => {
    const sessions = [
      session('10.78.0.1', '10.78.0.2'),
      session('10.77.0.1', '192.0.2.7'),
      session('10.77.0.1', '10.77.0.9'),
    ];
    expect(ids({ sessions, neighbors })).toEqual([]);
  });
});
