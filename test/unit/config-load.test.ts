import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  hostNameIn,
  LARGEST_FILE,
  loadConfiguration,
  parseConfiguration,
  topologyOf,
} from '../../agent/config/load';
import { ConfigurationError, NoInputError } from '../../agent/config/problem';
import * as schema from '../../agent/config/schema';
import { parseIpv4 } from '../../agent/wire/address';
import { nodeWithoutOverride } from './without-override';

const DOCUMENT = readFileSync(join(__dirname, '..', '..', 'docs', 'configuration.md'), 'utf8');

/** The example of the documentation, which is its first indented block, with every option at its default. */
const EXAMPLE = DOCUMENT.split('\n\n')
  .find((block) => block.startsWith('    '))!
  .replace(/^ {4}/gm, '')
  .concat('\n');
const REQUIRED = `${EXAMPLE.split('probe:')[0]}`;

const ip = (text: string) => parseIpv4(text)!;
const parse = (text: string) => parseConfiguration(text, 'c.yaml');

/** The error that `run` throws; a failure of the test where it throws none. */
function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('parseConfiguration', () => {
  test("accepts the documentation's example, and warns of metrics", () => {
    const { configuration, warnings } = parse(EXAMPLE);
    expect(configuration).toMatchObject({
      cluster: 'demo',
      planes: ['a', 'b'],
      probe: { interval: 50, retry: 5, misses: 3, rise: 3, hold: 1000, hints: 60 },
      arp: { responder: 'auto', repeat: 3, spacing: 1100, refresh: 30_000 },
      route: { protocol: 77, metric: 100, table: 254, rtoMin: 5 },
      beacon: {
        enabled: false,
        interval: 50,
        keyFile: '/etc/multihomed/beacon.key',
        etherType: 0x88b5,
        verify: 1000,
        discover: true,
        expire: 60_000,
      },
      control: { socket: '/run/multihomed/control.sock' },
    });
    expect(configuration.hosts.get('gate')).toEqual({
      kind: 'far-end',
      addresses: new Map([
        ['a', ip('10.77.0.254')],
        ['b', ip('10.77.1.254')],
      ]),
      prefixes: [{ address: 0, length: 0 }],
      icmp: undefined,
      macs: new Map(),
    });
    expect(warnings).toEqual([
      expect.objectContaining({ file: 'c.yaml', line: 16, column: 1, path: 'metrics' }),
    ]);
  });

  test('fills in the defaults that the example shows', () => {
    const { configuration, warnings } = parse(REQUIRED);
    expect(configuration).toEqual(parse(EXAMPLE).configuration);
    expect(warnings).toEqual([]);
  });

  test('leaves the metrics of a route that are not written to the kernel', () => {
    const { quickack, initcwnd, congctl, mtu } = parse(REQUIRED).configuration.route;
    expect([quickack, initcwnd, congctl, mtu]).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('asks the kernel for the congestion control that is written, and only then', () => {
    const asked: string[] = [];
    const has = (name: string) => asked.push(name) > 0 && name === 'reno';
    parseConfiguration(REQUIRED, 'c.yaml', has);
    parseConfiguration(`${REQUIRED}route: { congctl: reno }\n`, 'c.yaml', has);
    expect(asked).toEqual(['reno']);
    expect(
      thrown(() => parseConfiguration(`${REQUIRED}route: { congctl: rino }\n`, 'c.yaml', has)),
    ).toMatchObject({
      exitStatus: 78,
      message:
        "c.yaml:10:19: route.congctl: this kernel has no congestion control 'rino'; name one of net.ipv4.tcp_available_congestion_control, or load its module",
    });
  });

  test('takes the heartbeats of applications, by name', () => {
    const { heartbeats } = parse(`${REQUIRED}heartbeat: { erlang: 60s, my app: 1.5s }\n`).configuration;
    expect([...heartbeats]).toEqual([
      ['erlang', 60_000],
      ['my app', 1500],
    ]);
    expect(parse(REQUIRED).configuration.heartbeats.size).toBe(0);
    expect(thrown(() => parse(`${REQUIRED}heartbeat: { erlang: 60 }\n`))).toMatchObject({
      message: expect.stringContaining('heartbeat.erlang: 60 has no unit'),
    });
    expect(thrown(() => parse(`${REQUIRED}heartbeat: 60s\n`))).toMatchObject({
      message: expect.stringContaining("heartbeat: '60s' is not a map"),
    });
  });

  test('accepts a section without a value', () => {
    expect(parse(`${REQUIRED}probe:\n`).configuration.probe.interval).toBe(50);
  });

  test.each([
    ['probe: { interval: 1.5ms, retry: 1ms }', { probe: { interval: 1.5 } }],
    ['probe: { interval: 1m }', { probe: { interval: 60_000 } }],
    ['probe: { hold: 1h }', { probe: { hold: 3_600_000 } }],
    ['probe: { hold: 0s }', { probe: { hold: 0 } }],
    ['arp: { refresh: off }', { arp: { refresh: 0 } }],
    ['arp: { refresh: 0s }', { arp: { refresh: 0 } }],
    ['route: { rto-min: off }', { route: { rtoMin: undefined } }],
    ['route: { quickack: true }', { route: { quickack: true } }],
    ['route: { quickack: false }', { route: { quickack: undefined } }],
    ['route: { park: true }', { route: { park: true } }],
    ['route: { initcwnd: 1 }', { route: { initcwnd: 1 } }],
    ['route: { initcwnd: 65535 }', { route: { initcwnd: 65_535 } }],
    ['route: { congctl: fifteen-letters }', { route: { congctl: 'fifteen-letters' } }],
    ['route: { mtu: 68 }', { route: { mtu: 68 } }],
    ['route: { mtu: 65520 }', { route: { mtu: 65_520 } }],
    ['route: { table: 1000 }', { route: { table: 1000 } }],
    ['route: { table: 4294967295 }', { route: { table: 4294967295 } }],
    ['probe: { hints: 2 }', { probe: { hints: 2 } }],
    ['probe: { hints: 100000 }', { probe: { hints: 100_000 } }],
    ['beacon: { enabled: true }', { beacon: { enabled: true } }],
    ['beacon: { discover: false }', { beacon: { discover: false } }],
    ['beacon: { ethertype: 0x600 }', { beacon: { etherType: 0x0600 } }],
    ['beacon: { ethertype: 0xFFFF }', { beacon: { etherType: 0xffff } }],
    ['beacon: { ethertype: 34998 }', { beacon: { etherType: 0x88b6 } }],
    ['beacon: { enabled: true, interval: 1.5ms }', { beacon: { interval: 1.5 } }],
    ['beacon: { enabled: true, verify: 100ms }', { beacon: { verify: 100 } }],
    ['beacon: { enabled: true, interval: 500ms, expire: 1500ms }', { beacon: { expire: 1500 } }],
    ['route: { metric: 4294957275 }', { route: { metric: 4294957275 } }],
  ])('reads %s', (line, expected) => {
    expect(parse(`${REQUIRED}${line}\n`).configuration).toMatchObject(expected);
  });

  test('takes one alias or several', () => {
    const hosts = parse(REQUIRED.replace('alias: 10.78.0.1', 'alias: [10.78.0.1, 10.78.1.1]')).configuration
      .hosts;
    expect(hosts.get('alpha')).toMatchObject({ aliases: [ip('10.78.0.1'), ip('10.78.1.1')] });
    expect(hosts.get('beta')).toMatchObject({ aliases: [ip('10.78.0.2')] });
  });

  test('lets hosts share a map by a YAML alias, up to a bound', () => {
    const host = (n: number) =>
      `  h${n}: { alias: 10.1.0.${n}, links: ${n === 1 ? '&l { a: eth0, b: eth1 }' : '*l'} }\n`;
    const text = (count: number) =>
      `cluster: demo\nplanes: [a, b]\nhosts:\n${Array.from({ length: count }, (_, n) => host(n + 1)).join('')}`;
    expect(parse(text(101)).configuration.hosts.size).toBe(101);
    expect(thrown(() => parse(text(102)))).toMatchObject({
      message: expect.stringContaining('more than 100 YAML aliases'),
    });
  });

  test('refuses an alias bomb at once', () => {
    const levels = Array.from({ length: 12 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n},`.repeat(10)}]`);
    const error = thrown(() => parse(`l0: &l0 [x]\n${levels.join('\n')}\n`));
    expect(error).toMatchObject({ message: expect.stringContaining('more than 100 YAML aliases') });
  });

  test('refuses what is nested without end', () => {
    const error = thrown(() => parse(`cluster: ${'['.repeat(50_000)}`));
    expect(error).toMatchObject({ message: expect.stringContaining('nested too deep') });
  });

  test('warns of a single plane', () => {
    const { warnings } = parse(
      'cluster: c\nplanes: [a]\nhosts: { h: { alias: 10.0.0.1, links: { a: eth0 } } }\n',
    );
    expect(warnings).toMatchObject([
      { line: 2, column: 1, message: expect.stringContaining('no second way') },
    ]);
  });

  test('asks nothing of times for beacons that are off', () => {
    const text = `${REQUIRED}probe: { interval: 2s }\nbeacon: { interval: 1m, expire: 1s }\n`;
    expect(parse(text).configuration.beacon).toMatchObject({ enabled: false, verify: 1000, expire: 1000 });
  });

  test('warns once of priorities that no beacon tells', () => {
    const text = REQUIRED.replaceAll('b: eth1 } }', 'b: eth1 }, priority: { b: 200 } }');
    expect(parse(text).warnings).toMatchObject([
      { line: 4, column: 59, path: 'hosts.alpha.priority', message: expect.stringContaining('not enabled') },
    ]);
    expect(parse(`${text}beacon: { enabled: true }\n`).warnings).toEqual([]);
  });

  test('an error has exit status 78, and all problems in order of position', () => {
    const error = thrown(() => parse(`${REQUIRED}probe: { retry: 1 }\narp: { repeat: 0 }\nroutes: {}\n`));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({
      exitStatus: 78,
      problems: [
        { line: 10, column: 17, path: 'probe.retry' },
        { line: 11, column: 16, path: 'arp.repeat' },
        { line: 12, column: 1, path: 'routes' },
      ],
    });
  });
});

describe('docs/configuration.md', () => {
  const options = {
    hosts: { ...schema.agentHost.shape, ...schema.farEnd.shape },
    probe: schema.probe.shape,
    arp: schema.arp.shape,
    route: schema.route.def.in.shape,
    beacon: schema.beacon.def.in.shape,
    control: schema.control.shape,
  };
  const rows = Object.entries(options).flatMap(([section, shape]) =>
    Object.keys(shape).map((key) => [section, key] as const),
  );

  test.each(rows)('%s: has a row for %s', (section, key) => {
    const chapter = DOCUMENT.split(/^## /m).find((text) => text.startsWith(section));
    expect(chapter).toContain(`\n| \`${key}\` | `);
  });
});

describe('loadConfiguration', () => {
  const folder = mkdtempSync(join(tmpdir(), 'config-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  test('reads a file', () => {
    const path = file('good.yaml', EXAMPLE);
    expect(loadConfiguration(path).configuration).toMatchObject({ file: path, cluster: 'demo' });
  });

  test('reads a file of exactly the largest size, and refuses one byte more', () => {
    const padding = '#'.repeat(LARGEST_FILE - REQUIRED.length);
    expect(loadConfiguration(file('large.yaml', REQUIRED + padding)).configuration.cluster).toBe('demo');
    const error = thrown(() => loadConfiguration(file('larger.yaml', `${REQUIRED}${padding}#`)));
    expect(error).toMatchObject({ name: 'NoInputError', code: 'EFBIG', exitStatus: 66 });
  });

  test.each([
    ['a file that is not there', () => join(folder, 'none.yaml'), 'ENOENT', 'there is no such file (ENOENT)'],
    ['a directory', () => folder, 'EINVAL', 'this is not a regular file'],
    ['a FIFO without a writer', () => fifo(), 'EINVAL', 'this is not a regular file'],
  ])('refuses %s', (_name, path, code, reason) => {
    const error = thrown(() => loadConfiguration(path()));
    expect(error).toBeInstanceOf(NoInputError);
    expect(error).toMatchObject({ code, exitStatus: 66, message: expect.stringContaining(reason) });
  });

  test('says that permission is missing', async () => {
    const path = file('secret.yaml', EXAMPLE);
    chmodSync(path, 0);
    const load = join(__dirname, '..', '..', 'dist', 'agent', 'config', 'load.js');
    const script = `
      const { loadConfiguration } = require(${JSON.stringify(load)});
      try { loadConfiguration(${JSON.stringify(path)}); }
      catch ({ code, exitStatus }) { console.log(JSON.stringify({ code, exitStatus })); }`;
    const { stdout } = await nodeWithoutOverride(['-e', script]);
    expect(JSON.parse(stdout)).toEqual({ code: 'EACCES', exitStatus: 66 });
  });

  function fifo(): string {
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    return join(folder, 'fifo');
  }
});

describe('topologyOf', () => {
  const text = `cluster: demo
planes: [a, b, c]
hosts:
  alpha: { alias: 10.78.0.1, links: { b: eth1, a: eth0 } }
  beta: { alias: 10.78.0.2, links: { c: eth2, b: eth1 } }
  gamma: { alias: 10.78.0.3, links: { c: eth2 } }
  gate: { agent: false, addresses: { c: 10.77.2.1, b: 10.77.1.1 }, icmp: 192.0.2.1 }
`;
  const { configuration } = parse(text);

  test('has links in order of preference, and the peers that share a plane', () => {
    const topology = topologyOf(configuration, 'alpha');
    expect(topology).toMatchObject({
      cluster: 'demo',
      host: 'alpha',
      planes: ['a', 'b', 'c'],
      aliases: [ip('10.78.0.1')],
    });
    expect(topology.links).toEqual([
      { plane: 0, name: 'eth0', priority: 0 },
      { plane: 1, name: 'eth1', priority: 0 },
    ]);
    expect(topology.peers).toEqual([
      { kind: 'agent', name: 'beta', aliases: [ip('10.78.0.2')], planes: [1], discovered: false },
      {
        kind: 'far-end',
        name: 'gate',
        addresses: new Map([[1, ip('10.77.1.1')]]),
        prefixes: [],
        icmp: ip('192.0.2.1'),
      },
    ]);
  });

  test('has all shared planes of a peer, ascending', () => {
    const peers = topologyOf(configuration, 'beta').peers;
    expect(
      peers.map((peer) => [peer.name, peer.kind === 'agent' ? peer.planes : [...peer.addresses.keys()]]),
    ).toEqual([
      ['alpha', [1]],
      ['gamma', [2]],
      ['gate', [1, 2]],
    ]);
  });

  test('has the options of beacons where they are enabled, and nothing of the key', () => {
    expect(topologyOf(configuration, 'alpha').beacon).toBeUndefined();
    const { configuration: enabled } = parse(`${text}beacon: { enabled: true, discover: false }\n`);
    expect(topologyOf(enabled, 'alpha').beacon).toEqual({
      interval: 50,
      etherType: 0x88b5,
      verify: 1000,
      discover: false,
      expire: 60_000,
    });
  });

  test('has the hardware addresses that the file gives, by plane, and those of our own links', () => {
    const [own, gates] = ['02:00:00:00:00:0a', '02:00:00:00:02:FE'];
    const { configuration: stated } = parse(
      text
        .replace('a: eth0 } }', `a: eth0 }, mac: { a: ${own} } }`)
        .replace('icmp: 192.0.2.1', `mac: { c: ${gates} }`),
    );
    expect(topologyOf(stated, 'alpha').links).toMatchObject([{ mac: 0x02000000000a }, {}]);
    expect(topologyOf(stated, 'alpha').peers.map(({ macs }) => macs)).toEqual([undefined, undefined]);
    const [, , gate] = topologyOf(stated, 'beta').peers;
    expect(gate?.macs).toEqual(new Map([[2, 0x0200000002fe]]));
  });

  test("has the priorities of this host's links, and 0 for the others", () => {
    const { configuration: stated } = parse(text.replace('a: eth0 } }', 'a: eth0 }, priority: { b: 200 } }'));
    expect(topologyOf(stated, 'alpha').links).toEqual([
      { plane: 0, name: 'eth0', priority: 0 },
      { plane: 1, name: 'eth1', priority: 200 },
    ]);
    expect(topologyOf(stated, 'beta').links.map((link) => link.priority)).toEqual([0, 0]);
  });

  test('may have a lone host, whose peers its beacons are to find', () => {
    const lone = `cluster: demo
planes: [a, b]
hosts: { alpha: { alias: 10.78.0.1, links: { a: eth0, b: eth1 } } }
beacon: { enabled: true }
`;
    const { configuration: alone, warnings } = parse(lone);
    expect(warnings).toEqual([]);
    expect(topologyOf(alone, 'alpha')).toMatchObject({ peers: [], beacon: { discover: true } });
  });

  test.each([
    ['delta', "hosts: there is no host 'delta'"],
    ['gate', 'hosts.gate: this is a far end, which runs no agent'],
  ])('refuses %s, and names the hosts that there are', (host, message) => {
    const error = thrown(() => topologyOf(configuration, host));
    expect(error).toMatchObject({ exitStatus: 78, problems: [{ file: 'c.yaml', message }] });
    expect(error).toMatchObject({ message: expect.stringContaining('--host: alpha, beta, gamma;') });
  });

  test('finds a host by its full name, else by the first label', () => {
    expect(hostNameIn(configuration, 'alpha.example.org')).toBe('alpha');
    const { configuration: full } = parse(text.replace('alpha:', 'alpha.example.org:'));
    expect(hostNameIn(full, 'alpha.example.org')).toBe('alpha.example.org');
  });
});
