import { chmodSync, chownSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EventRecord, RouteReport, StatusReport } from '../../agent/control/protocol';
import { ControlError } from '../../agent/control/server';
import { ago, path, Scene, statusReport } from './cli-harness';
import { nodeWithoutOverride } from './without-override';

const scene = new Scene();
afterEach(() => scene.end());
afterAll(() => scene.remove());

const never = () => new Promise<void>(() => undefined);
const event = (n: number): EventRecord => ({
  time: ago(n),
  level: 'warn',
  event: 'path-down',
  peer: 'beta',
  n,
});

describe('status', () => {
  test('shows host, links and a table of paths', async () => {
    await scene.daemon();
    const { status, out, err } = await scene.run('status');
    expect(out.join('\n')).toBe(`host     alpha in cluster demo, ready
daemon   multihomed 0.1.0, pid 4711, running for 2h05m (ready after 182ms)
alias    10.78.0.1
answers  kernel (auto: arp_ignore is 0)
link     eth0 on plane a: carrier, 02:00:00:00:0a:01
link     eth1 on plane b: no carrier, 02:00:00:00:0b:01

PEER  PLANE  LINK  STATE  ACTIVE  RTT     SINCE
beta  a      eth0  up     * only  0.12ms  3m12s
beta  b      eth1  down           -       5s
gate  a      eth0  held           12.3ms  1d1h`);
    expect([status, err]).toEqual([0, []]);
  });

  test('fits 80 columns with the longest names, and cuts with an ellipsis', async () => {
    const long = 'x'.repeat(63);
    const link = 'enp0s31f6np0v12';
    const plane = 'backplane-north';
    const report = statusReport({
      host: long,
      cluster: long,
      aliases: Array.from({ length: 9 }, (_, n) => `10.78.100.10${n}`),
      responder: { configured: 'auto', acting: 'agent', reason: long },
      links: [
        {
          plane,
          name: link,
          exists: false,
          ifindex: null,
          mac: null,
          up: false,
          carrier: false,
          drained: false,
          overridden: false,
          drainedUntil: null,
          priority: 0,
        },
      ],
      peers: [
        {
          name: long,
          kind: 'agent',
          addresses: [],
          active: null,
          choice: { plane, reason: 'priority' },
          returns: { plane, reason: 'order' },
          origin: 'discovered',
          relays: [],
          paths: [path(plane, link, 'suspect', { rtt: 123.4, since: ago(400 * 86_400), active: true })],
        },
      ],
    });
    await scene.daemon({ status: () => report });
    const { out } = await scene.run('status');
    for (const line of out) expect([...line].length).toBeLessThanOrEqual(80);
    expect(out.at(-1)).toMatch(/^x{10,}… .*backplane-.* enp0s31f6.* suspect +\* priority +123\.4ms +400d0h$/);
    expect(out.at(-2)).toMatch(/^PEER +PLANE +LINK +STATE +ACTIVE +RTT +SINCE$/);
    expect(out[4]).toBe(`link     ${link} on plane ${plane}: does not exist`);
  });

  test('shows what beacons say, and both directions with their reasons', async () => {
    const beacon = { coming: true, hearsUs: true, state: 'up', priority: 200 } as const;
    const report = statusReport({
      beacon: { etherType: 0x88b5, interval: 50, epoch: 1 },
      planesJoined: true,
      peers: [
        {
          name: 'beta',
          kind: 'agent',
          addresses: ['10.78.0.2'],
          active: 'b',
          choice: { plane: 'b', reason: 'priority' },
          returns: { plane: 'a', reason: 'order' },
          origin: 'discovered',
          relays: [],
          paths: [
            path('b', 'eth1', 'up', { active: true, beacon }),
            path('a', 'eth0', 'up', { beacon: { ...beacon, hearsUs: false } }),
            path('c', 'eth2', 'up', { beacon: { ...beacon, coming: false } }),
            path('d', 'eth3', 'down', { beacon: { ...beacon, state: 'drained' } }),
            path('e', 'eth4', 'up'),
          ],
        },
      ],
    });
    await scene.daemon({ status: () => report });
    const { out } = await scene.run('status');
    expect(out.slice(4, 6)).toEqual([
      'beacons  each 50ms, EtherType 0x88B5',
      'planes   joined: two of them are one network',
    ]);
    expect(out.slice(-6)).toEqual([
      'PEER  PLANE  LINK  STATE  ACTIVE      RETURNS  BEACONS  RTT     SINCE',
      'beta  b      eth1  up     * priority           mutual   0.12ms  3m12s',
      'beta  a      eth0  up                 * order  one-way  0.12ms  3m12s',
      'beta  c      eth2  up                          silent   0.12ms  3m12s',
      'beta  d      eth3  down                        drained  0.12ms  3m12s',
      'beta  e      eth4  up                          none     0.12ms  3m12s',
    ]);
  });

  test('says which hosts have no plane in common, and who reaches both', async () => {
    const { peers } = statusReport();
    const side = (plane: string, ...names: readonly string[]) => ({ planes: [plane], peers: names });
    const report = statusReport({
      partings: [
        { one: side('a', 'beta'), other: side('b', 'gamma') },
        { one: side('a', 'h1', 'h2', 'h3', 'h4'), other: side('b', 'gamma') },
      ],
      peers: ['delta', 'epsilon', 'zeta'].map((name, index) => ({
        ...peers[0]!,
        name,
        relays: index < 2 ? ['beta'] : [],
      })),
    });
    await scene.daemon({ status: () => report });
    const { out } = await scene.run('status');
    expect(out.filter((line) => line.startsWith('parted'))).toEqual([
      'parted   beta (on a), gamma (on b): no plane in common; this host reaches both',
      'parted   h1, h2 and 2 more (on a), gamma (on b): no plane in common; this host …',
      'parted   delta, epsilon: no plane in common with this host; beta may reach both',
    ]);
  });

  test('reads the status of a daemon that is older, during an upgrade', async () => {
    const { partings: _partings, ...report } = statusReport();
    const peers = report.peers.map(({ relays: _relays, ...peer }) => peer);
    await scene.daemon({ status: () => ({ ...report, peers }) });
    const { status, out } = await scene.run('status');
    expect([status, out.filter((line) => line.startsWith('parted'))]).toEqual([0, []]);
  });

  test('colours states only where it may', async () => {
    await scene.daemon();
    const [plain, coloured] = [await scene.run('status'), await scene.run('status', { colour: true })];
    const start = '\x1b[';
    expect(plain.out.join('')).not.toContain(start);
    expect(coloured.out.join('\n')).toContain(`${start}31mdown${start}0m`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequence is what is looked for
    expect(coloured.out.map((line) => line.replace(/\x1b\[[0-9]+m/g, '').trimEnd())).toEqual(plain.out);
  });

  test('passes no control character on to the terminal', async () => {
    const peers = [{ ...statusReport().peers[0]!, name: 'be\x1b[2Jta' }];
    await scene.daemon({ status: () => statusReport({ peers }) });
    expect((await scene.run('status')).out.join('')).toContain('be?[2Jta');
  });

  test('says so where there are no peers', async () => {
    await scene.daemon({ status: () => statusReport({ peers: [], ready: false, startup: null }) });
    const { out } = await scene.run('status');
    expect([out[0], out[1], out.at(-1)]).toEqual([
      'host     alpha in cluster demo, starting',
      'daemon   multihomed 0.1.0, pid 4711, running for 2h05m',
      'no peers',
    ]);
  });

  test.each(['status --json', '--json status'])('`%s` is the report itself', async (words) => {
    await scene.daemon();
    const { status, out } = await scene.run(words);
    expect([status, JSON.parse(out.join('\n'))]).toEqual([0, statusReport()]);
  });
});

describe('routes', () => {
  const route = {
    destination: '10.78.0.2',
    type: 'unicast',
    metric: 100,
    text: '10.78.0.2 dev eth0 proto multihomed scope link src 10.78.0.1 metric 100 rto_min lock 5ms',
  } as RouteReport;

  test('prints each as `ip route` does', async () => {
    await scene.daemon({ routes: () => [route] });
    expect(await scene.run('routes')).toEqual({ status: 0, out: [route.text], err: [] });
    expect(JSON.parse((await scene.run('routes --json')).out.join(''))).toEqual([route]);
  });
});

describe('events', () => {
  test('prints the last ones, oldest first', async () => {
    const server = await scene.daemon();
    for (let n = 30; n > 0; n--) server.publish(event(n));
    const { out } = await scene.run('events --last 2');
    expect(out).toEqual([
      '2026-01-02T03:04:03.000Z warn  path-down peer=beta n=2',
      '2026-01-02T03:04:04.000Z warn  path-down peer=beta n=1',
    ]);
    expect((await scene.run('events')).out).toHaveLength(20);
    expect((await scene.run('events --last 0')).out).toEqual([]);
  });

  test('prints a record a line as JSON', async () => {
    const server = await scene.daemon();
    server.publish(event(1));
    expect((await scene.run('events --json')).out).toEqual([JSON.stringify(event(1))]);
  });

  test('quotes what could be mistaken', async () => {
    const server = await scene.daemon();
    server.publish({
      time: ago(0),
      level: 'info',
      event: 'x',
      a: 'two words',
      b: 'k=v',
      c: [1],
      d: '\x1b[2J',
      e: null,
    });
    expect((await scene.run('events')).out[0]).toBe(
      '2026-01-02T03:04:05.000Z info  x a="two words" b="k=v" c=[1] d="\\u001b[2J" e=null',
    );
  });

  test('follows until interrupted', async () => {
    const server = await scene.daemon();
    server.publish(event(1));
    const stop = new AbortController();
    const onOut = (line: string) =>
      line.endsWith('n=3') ? stop.abort() : server.publish(event(line.endsWith('n=1') ? 2 : 3));
    const { status, out, err } = await scene.run('events --last 1 --follow', { stop: stop.signal, onOut });
    expect([status, out.length, err]).toEqual([0, 3, []]);
  });

  test('says that the daemon ended', async () => {
    const server = await scene.daemon();
    server.publish(event(1));
    const { status, err } = await scene.run('events --follow', { onOut: () => void server.close() });
    expect([status, err]).toEqual([
      69,
      [`multihomectl: the daemon closed the connection at ${scene.socket}`],
    ]);
  });
});

describe('wait', () => {
  test('returns when the daemon is ready, and passes the peer on', async () => {
    const asked: unknown[] = [];
    await scene.daemon({ wait: async (peer) => void asked.push(peer) });
    expect(await scene.run('wait')).toEqual({ status: 0, out: [], err: [] });
    const { status, out } = await scene.run('wait --peer beta --json');
    expect([status, JSON.parse(out.join(''))]).toEqual([0, { ready: true, peer: 'beta', missing: null }]);
    expect(asked).toEqual([undefined, 'beta']);
  });

  test('waits for a daemon that is not there yet', async () => {
    const outcome = scene.run('wait');
    await scene.daemon();
    expect((await outcome).status).toBe(0);
  });

  test.each<[string, string, Partial<StatusReport>, string]>([
    ['is not ready', 'wait', { ready: false }, 'the daemon on alpha has not finished starting'],
    [
      'waits for a link',
      'wait',
      {
        ready: false,
        links: [
          {
            plane: 'b',
            name: 'eth1',
            exists: false,
            ifindex: null,
            mac: null,
            up: false,
            carrier: false,
            drained: false,
            overridden: false,
            drainedUntil: null,
            priority: 0,
          },
        ],
      },
      'the daemon on alpha has not finished starting; links that do not exist: eth1',
    ],
    ['has no path to the peer', 'wait --peer gate', {}, 'no path to gate was up in time (now a held)'],
  ])('exits with 75 when the daemon %s', async (_name, words, report, missing) => {
    await scene.daemon({ wait: never, status: () => statusReport(report) });
    const { status, out, err } = await scene.run(`${words} --timeout 20ms`);
    expect({ status, out, err }).toEqual({
      status: 75,
      out: [],
      err: [`multihomectl: not ready after 20ms: ${missing}`],
    });
    const json = await scene.run(`${words} --timeout 20ms --json`);
    expect(JSON.parse(json.out.join(''))).toMatchObject({ ready: false, missing });
  });

  test('exits with 75 when there is no daemon in time', async () => {
    const { status, err } = await scene.run('wait --timeout 20ms');
    expect(status).toBe(75);
    expect(err).toEqual([expect.stringContaining('not ready after 20ms: the daemon is not running')]);
  });

  test('does not succeed when it is interrupted', async () => {
    const stop = new AbortController();
    await scene.daemon({ wait: async () => stop.abort(new Error('SIGINT')) });
    const outcome = await scene.run('wait', { stop: stop.signal });
    expect(outcome).toMatchObject({ status: 75, err: ['multihomectl: interrupted'] });
  });

  test('exits with 65 for a peer that the configuration lacks', async () => {
    await scene.daemon({
      wait: () => Promise.reject(new ControlError('unknown-peer', 'there is no peer delta')),
    });
    expect(await scene.run('wait --peer delta')).toEqual({
      status: 65,
      out: [],
      err: ['multihomectl: there is no peer delta'],
    });
  });
});

describe('check', () => {
  const file = (text: string) => {
    const name = join(scene.folder, 'c.yaml');
    writeFileSync(name, text);
    return name;
  };
  const good = `cluster: demo\nplanes: [a, b]\nhosts:\n  alpha: { alias: 10.78.0.1, links: { a: eth0 } }\n`;

  test('accepts a file, with its warnings', async () => {
    const name = file(`${good}metrics: { listen: 127.0.0.1:9477 }\n`);
    const { status, out } = await scene.run(`check ${name}`);
    expect([status, out]).toEqual([
      0,
      [
        `${name}: ok, 1 host, 0 far ends, 2 planes`,
        `${name}:5:1: metrics: metrics are not in this version, so this is ignored; remove the section to silence this (warning)`,
      ],
    ]);
    expect(JSON.parse((await scene.run(`check ${name} --json`)).out.join(''))).toMatchObject({
      ok: true,
      problems: [],
      warnings: [{ line: 5, path: 'metrics' }],
    });
  });

  test('exits with 78 and a line for each problem', async () => {
    const name = file(`${good}probe: { interval: 50 }\nx: 1\n`);
    const { status, out, err } = await scene.run(`check ${name}`);
    expect([status, out.length, err]).toEqual([78, 2, []]);
    expect(out[0]).toBe(`${name}:5:20: probe.interval: 50 has no unit; write 50ms if milliseconds are meant`);
    const json = JSON.parse((await scene.run(`check ${name} --json`)).out.join(''));
    expect(json).toEqual({
      ok: false,
      warnings: [],
      problems: [
        {
          file: name,
          line: 5,
          column: 20,
          path: 'probe.interval',
          message: 'probe.interval: 50 has no unit',
          mend: 'write 50ms if milliseconds are meant',
        },
        expect.objectContaining({ line: 6, column: 1, path: 'x' }),
      ],
    });
  });

  describe('with beacons', () => {
    const key = join(scene.folder, 'beacon.key');
    const beacons = `${good}beacon: { enabled: true, key-file: ${key} }\n`;

    beforeEach(() => writeFileSync(key, '0'.repeat(64), { mode: 0o600 }));
    afterEach(() => rmSync(key, { force: true }));

    test('says nothing of a key that is as it should be, nor of one that is not used', async () => {
      const ok = ': ok, 1 host, 0 far ends, 2 planes';
      const name = file(beacons);
      expect((await scene.run(`check ${name}`)).out).toEqual([`${name}${ok}`]);
      chmodSync(key, 0o644);
      file(beacons.replace('true', 'false'));
      expect((await scene.run(`check ${name}`)).out).toEqual([`${name}${ok}`]);
    });

    const asRoot = process.geteuid?.() === 0 ? test : test.skip;
    asRoot('lets root look at a key that is the daemon’s own user’s', async () => {
      chownSync(key, 1, 1);
      const name = file(beacons);
      expect((await scene.run(`check ${name}`)).out).toEqual([`${name}: ok, 1 host, 0 far ends, 2 planes`]);
    });

    test('exits with 78 where the daemon would refuse the key', async () => {
      chmodSync(key, 0o644);
      const { status, out } = await scene.run(`check ${file(beacons)}`);
      const said = `${key}:1:1: mode 0644 lets others than the owner use the keys; chmod 600 ${key}`;
      expect([status, out]).toEqual([78, [said]]);
    });

    test('warns where the key cannot be read, since it may be on another machine', async () => {
      rmSync(key);
      const name = file(beacons);
      const { status, out } = await scene.run(`check ${name}`);
      const mend = `make a key: (umask 077; openssl rand -hex 32 > ${key})`;
      expect([status, out[1]]).toEqual([0, `${key}:1:1: there is no such file (ENOENT); ${mend} (warning)`]);
      expect(JSON.parse((await scene.run(`check ${name} --json`)).out.join(''))).toMatchObject({
        ok: true,
        warnings: [{ file: key, message: 'there is no such file (ENOENT)', mend }],
      });
    });
  });

  test('exits with 66 where there is no file', async () => {
    const { status, err } = await scene.run(`check ${scene.folder}/none`);
    expect([status, err]).toEqual([
      66,
      [`multihomectl: ${scene.folder}/none: there is no such file (ENOENT)`],
    ]);
  });
});

describe('reload', () => {
  test.each([
    [
      { added: ['gamma'], removed: [], changed: ['beta', 'gate'] },
      'reloaded: added gamma; changed beta, gate',
    ],
    [{ added: [], removed: [], changed: [] }, 'reloaded: no peer changed'],
  ])('says what changed', async (report, line) => {
    await scene.daemon({ reload: () => report });
    expect(await scene.run('reload')).toEqual({ status: 0, out: [line], err: [] });
    expect(JSON.parse((await scene.run('reload --json')).out.join(''))).toEqual(report);
  });

  test('exits with 78 where the file has errors', async () => {
    await scene.daemon({
      reload: () => Promise.reject(new ControlError('configuration', 'c.yaml:1:1: x; y')),
    });
    expect(await scene.run('reload')).toEqual({
      status: 78,
      out: [],
      err: ['multihomectl: c.yaml:1:1: x; y'],
    });
  });
});

describe('teardown', () => {
  test('is done by the daemon where one runs', async () => {
    await scene.daemon({ teardown: () => ({ removed: ['route 10.78.0.2 dev eth0', 'alias 10.78.0.1'] }) });
    const { status, out } = await scene.run('teardown');
    expect([status, out]).toEqual([0, ['route 10.78.0.2 dev eth0', 'alias 10.78.0.1']]);
  });

  test.each(['teardown', 'release'])(
    '%s has nothing to do without a daemon and without its record',
    async (command) => {
      expect(await scene.run(command)).toEqual({ status: 0, out: ['nothing to remove'], err: [] });
      expect(JSON.parse((await scene.run(`${command} --json`)).out.join(''))).toEqual({ removed: [] });
    },
  );

  test('release does nothing while the daemon runs', async () => {
    writeFileSync(join(scene.folder, 'state.json'), '{}');
    await scene.daemon();
    expect(await scene.run('release')).toMatchObject({ status: 0, out: ['nothing to remove'] });
  });
});

describe('the command line', () => {
  test.each([
    ['an unknown command', 'format', /unknown command 'format'/],
    ['an unknown option', 'status --fast', /unknown option '--fast'/],
    ['an argument too many', 'status now', /too many arguments/],
    ['an argument that is missing', 'check', /missing required argument 'file'/],
    ['a time without unit', 'wait --timeout 30', /30 has no unit; write 30ms if milliseconds are meant/],
    ['a count that is none', 'events --last many', /Write a whole number from 0 to 1000/],
    ['more events than are kept', 'events --last 1001', /Write a whole number from 0 to 1000/],
    ['a capture of no frames', 'capture --count 0', /Write a whole number from 1 on/],
    ['an EtherType that is none', 'capture --ethertype 88B5', /Write a number from 0x0600 to 0xffff/],
    ['an EtherType that is a length', 'capture --ethertype 0x05ff', /Write a number from 0x0600 to 0xffff/],
    ['an unknown selection', 'capture --only ip', /Allowed choices are arp, beacons, urgent/],
    ['an unknown format', 'far-end gate --format arista', /Allowed choices are iproute2, cisco-ios, junos/],
    ['no format', 'far-end gate', /'--format <format>' not specified/],
    ['an interface without plane', 'far-end gate --format junos --interface eth0', /Write PLANE=INTERFACE/],
    ['an address that is none', 'far-end gate --format junos --via alpha:a=x', /Write HOST:PLANE=ADDRESS/],
    ['nothing', '', /Usage: multihomectl/],
  ])('with %s exits with 64', async (_name, words, message) => {
    const { status, out, err } = await scene.run(words);
    expect([status, out]).toEqual([64, []]);
    expect(err.join('\n')).toMatch(message);
  });

  test.each(['status', 'routes', 'events', 'events --follow', 'reload'])(
    '`%s` without a daemon exits with 69 and one line',
    async (words) => {
      const { status, out, err } = await scene.run(words);
      expect([status, out]).toEqual([69, []]);
      expect(err).toEqual([
        `multihomectl: the daemon is not running: nothing answers at ${scene.socket}; start it (systemctl start multihomed), or name its socket with --socket`,
      ]);
    },
  );

  test('exits with 70 for an error of the daemon', async () => {
    await scene.daemon({ status: () => Promise.reject(new Error('netlink: ENOBUFS')) });
    expect(await scene.run('status')).toMatchObject({ status: 70, err: ['multihomectl: netlink: ENOBUFS'] });
  });

  test('exits with 77 where permission is missing', async () => {
    await scene.daemon({
      status: () => statusReport(),
    });
    chmodSync(scene.socket, 0);
    const program = join(__dirname, '..', '..', 'dist', 'agent', 'cli', 'multihomectl.js');
    expect(await nodeWithoutOverride([program, '--socket', scene.socket, 'status'])).toEqual({
      status: 77,
      stdout: '',
    });
  });

  test.each([
    ['--version', /^multihomed \d+\.\d+\.\d+ \(\w+\)$/],
    ['--help', /^Usage: multihomectl \[options\] \[command\]/],
    ['help status', /^Usage: multihomectl status/],
  ])('%s is no error', async (words, text) => {
    const { status, out, err } = await scene.run(words);
    expect([status, err]).toEqual([0, []]);
    expect(out.join('\n')).toMatch(text);
  });
});
