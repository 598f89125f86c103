import type { DrainReport, DrainRequest } from '../../agent/control/protocol';
import { ControlError } from '../../agent/control/server';
import { ago, path, Scene, statusReport } from './cli-harness';

const scene = new Scene();
afterEach(() => scene.end());
afterAll(() => scene.remove());

const REPORT: DrainReport = {
  links: [{ name: 'eth1', plane: 'b' }],
  until: null,
  stranded: [],
  answering: [],
  farEnds: [],
  waited: 130,
};

/** A daemon that answers so, and what it was asked. */
async function daemon(more: Partial<DrainReport> = {}): Promise<DrainRequest[]> {
  const asked: DrainRequest[] = [];
  await scene.daemon({
    drain: (wanted) => {
      asked.push(wanted);
      return Promise.resolve({ ...REPORT, ...more });
    },
  });
  return asked;
}

describe('drain', () => {
  test('says what is drained, and how long the peers had to leave', async () => {
    const asked = await daemon();
    expect(await scene.run('drain b')).toEqual({
      status: 0,
      out: ['eth1 on plane b drained; the peers had 130ms to leave'],
      err: [],
    });
    expect(asked).toEqual([{ command: 'drain', target: 'b', force: false }]);
  });

  test('for a time, by force, and what stays where it is', async () => {
    const asked = await daemon({
      until: '2026-01-02T03:34:05.000Z',
      stranded: ['beta', 'gamma'],
      answering: ['eth1'],
      farEnds: ['gate'],
    });
    const { out } = await scene.run('drain eth1 --for 30m --force');
    expect(out).toEqual([
      'eth1 on plane b drained until 2026-01-02T03:34:05.000Z; the peers had 130ms to leave',
      'still used, since nothing else leads there: beta, gamma',
      'net.ipv4.conf.all.arp_ignore keeps the kernel answering on eth1: peers that take no beacons stay',
      'no agent runs there, see how they leave: gate',
    ]);
    expect(asked).toEqual([{ command: 'drain', target: 'eth1', for: 1_800_000, force: true }]);
  });

  test('--json is the report', async () => {
    await daemon();
    const { out } = await scene.run('--json drain eth1');
    expect(JSON.parse(out.join('\n'))).toEqual(REPORT);
  });

  test.each([
    ['last-link', 75],
    ['unknown-link', 65],
  ] as const)('a refusal as %s is one line and status %i', async (code, status) => {
    await scene.daemon({ drain: () => Promise.reject(new ControlError(code, 'eth1 stays')) });
    expect(await scene.run('drain eth1')).toEqual({ status, out: [], err: ['multihomectl: eth1 stays'] });
  });

  test.each([
    'drain',
    'drain eth1 --for 30',
    'drain eth1 --for 0s',
    'drain eth1 --for 8761h',
    'drain eth1 --for soon',
    'undrain',
  ])('`%s` is a wrong command line', async (words) => {
    const asked = await daemon();
    expect((await scene.run(words)).status).toBe(64);
    expect(asked).toEqual([]);
  });
});

describe('undrain', () => {
  test.each([
    [[{ name: 'eth1', plane: 'b' }], 'eth1 on plane b in use again, by each path that is up'],
    [[], 'b was not drained'],
  ])('of %j', async (links, line) => {
    await scene.daemon({ undrain: () => ({ links }) });
    expect(await scene.run('undrain b')).toEqual({ status: 0, out: [line], err: [] });
  });
});

test('the status shows drained links, how long they stay so, and what is known of their paths', async () => {
  const [eth0, eth1] = statusReport().links;
  const links = [
    { ...eth0!, drained: true, overridden: true },
    { ...eth1!, drained: true, drainedUntil: ago(-600.5) },
  ];
  const [beta] = statusReport().peers;
  const paths = [path('a', 'eth0', 'drained'), path('b', 'eth1', 'drained', { beneath: 'down' })];
  await scene.daemon({ status: () => statusReport({ links, peers: [{ ...beta!, paths }] }) });
  const { out } = await scene.run('status');
  expect(out).toContain('link     eth0 on plane a: carrier, drained, overridden, 02:00:00:00:0a:01');
  expect(out).toContain('link     eth1 on plane b: no carrier, drained (10m00s left), 02:00:00:00:0b:01');
  expect(out.some((line) => /^beta {2}a {6}eth0 {2}drained \(up\)/.test(line))).toBe(true);
  expect(out.some((line) => /^beta {2}b {6}eth1 {2}drained \(down\)/.test(line))).toBe(true);
});
