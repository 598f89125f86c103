import { Lab } from '../../deploy/lab/lab';
import { type Stream, startStream } from '../../deploy/lab/stream';
import type { DropDirection } from '../../deploy/lab/switch';
import { waitUntil } from '../../deploy/lab/wait';
import { Witness } from './daemon-tools';

jest.setTimeout(30_000);

/** What a stream shows of a window: everything arrives, or nothing does. */
type Passage = 'all' | 'none';

let lab: Lab;
/** between the hosts' own addresses on plane a, with neighbors that need no ARP: a witness for each direction */
let fromAlpha: Stream;
let toAlpha: Stream;

beforeAll(async () => {
  lab = await Lab.create({ hosts: ['alpha', 'beta', 'gamma'], planes: ['a', 'b'] });
  await lab.host('alpha').ip('neigh replace 10.77.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent');
  await lab.host('beta').ip('neigh replace 10.77.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent');
  fromAlpha = await startStream(lab, 'alpha', 'beta', { source: '10.77.0.1', destination: '10.77.0.2' });
  toAlpha = await startStream(lab, 'beta', 'alpha', { source: '10.77.0.2', destination: '10.77.0.1' });
});
afterAll(() => lab.destroy());

/** @returns whether a link has carrier, as the kernel's flag LOWER_UP says */
async function hasCarrier(host: string, plane: string): Promise<boolean> {
  const { device } = lab.host(host).link(plane);
  const { stdout } = await lab.host(host).run('ip', ['-json', 'link', 'show', 'dev', device]);
  const [link] = JSON.parse(stdout) as { flags: string[] }[];
  return link?.flags.includes('LOWER_UP') ?? false;
}

/** Waits for both streams to pass a hundred datagrams, or none at all: a mixture is neither, and fails. */
async function passages(): Promise<{ fromAlpha: Passage | string; toAlpha: Passage | string }> {
  const from = fromAlpha.mark();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const to = fromAlpha.mark();
  const judge = async (stream: Stream): Promise<Passage | string> => {
    const { sent, lost } = await stream.result(from, { to, settle: 50 });
    expect(sent).toBeGreaterThan(50);
    return lost === 0 ? 'all' : lost === sent ? 'none' : `${lost} of ${sent} lost`;
  };
  const [one, other] = await Promise.all([judge(fromAlpha), judge(toAlpha)]);
  return { fromAlpha: one, toAlpha: other };
}

const FREE = { fromAlpha: 'all', toAlpha: 'all' };
const CUT = { fromAlpha: 'none', toAlpha: 'none' };

/** A link that is up again passes frames once the bridge has seen its carrier. */
async function healed(): Promise<void> {
  const ping = async (): Promise<boolean> =>
    (await lab.host('alpha').run('ping', ['-c', '1', '-W', '0.2', '10.77.0.2'], { check: false })).status ===
    0;
  await waitUntil(ping, 5000, 'an answer from beta over plane a');
  expect(await passages()).toEqual(FREE);
}

test('a pulled card takes the carrier of one host only, until it is back', async () => {
  const { before, after } = await lab.pullCard('alpha', 'a');
  expect(after).toBeGreaterThan(before);
  expect(await hasCarrier('alpha', 'a')).toBe(false);
  expect(await hasCarrier('alpha', 'b')).toBe(true);
  expect(await hasCarrier('beta', 'a')).toBe(true);
  expect(await passages()).toEqual(CUT);
  await lab.returnCard('alpha', 'a');
  expect(await hasCarrier('alpha', 'a')).toBe(true);
  await healed();
});

test.each<[DropDirection, object]>([
  ['both', CUT],
  ['from-host', { fromAlpha: 'none', toAlpha: 'all' }],
  ['to-host', { fromAlpha: 'all', toAlpha: 'none' }],
])('a port that drops %s loses exactly these frames, and the carrier stays', async (direction, expected) => {
  await lab.dropPort('alpha', 'a', direction);
  expect(await passages()).toEqual(expected);
  expect(await hasCarrier('alpha', 'a')).toBe(true);
  await lab.undropPort('alpha', 'a');
  await healed();
});

test('a port drops broadcasts in its direction alone', async () => {
  const heard = async (): Promise<boolean> => {
    await lab.host('alpha').ip('neigh flush dev eth0 to 10.77.0.3');
    await lab.host('gamma').ip('neigh flush dev eth0 to 10.77.0.1');
    await lab.host('alpha').run('ping', ['-c', '1', '-W', '0.1', '10.77.0.3'], { check: false });
    const { stdout } = await lab
      .host('gamma')
      .run('ip', ['-json', 'neigh', 'show', 'to', '10.77.0.1', 'dev', 'eth0']);
    return (JSON.parse(stdout) as { lladdr?: string }[]).some(
      (entry) => entry.lladdr === '02:00:00:00:00:01',
    );
  };
  expect(await heard()).toBe(true);
  await lab.dropPort('gamma', 'a', 'to-host');
  expect(await heard()).toBe(false);
  await lab.dropPort('gamma', 'a', 'from-host');
  expect(await heard()).toBe(true);
  await lab.dropPort('alpha', 'a', 'from-host');
  expect(await heard()).toBe(false);
  await lab.undropPort(['alpha', 'gamma'], 'a');
  expect(await heard()).toBe(true);
});

test('a dead switch takes the carrier of every host on its plane, and spares a pulled card when it is back', async () => {
  await lab.killSwitch('a');
  for (const host of ['alpha', 'beta', 'gamma']) {
    expect(await hasCarrier(host, 'a')).toBe(false);
    expect(await hasCarrier(host, 'b')).toBe(true);
  }
  expect(await passages()).toEqual(CUT);
  await lab.pullCard('gamma', 'a');
  await lab.reviveSwitch('a');
  await healed();
  expect(await hasCarrier('gamma', 'a')).toBe(false);
  await lab.killSwitch('a');
  await lab.returnCard('gamma', 'a');
  expect(await hasCarrier('gamma', 'a')).toBe(false);
  await lab.reviveSwitch('a');
  expect(await hasCarrier('gamma', 'a')).toBe(true);
  await healed();
});

test('a silent switch forwards nothing while every carrier stays', async () => {
  await lab.silenceSwitch('a');
  expect(await passages()).toEqual(CUT);
  expect(await hasCarrier('alpha', 'a')).toBe(true);
  expect(await hasCarrier('beta', 'a')).toBe(true);
  await lab.host('alpha').run('ping', ['-c', '1', '-W', '1', '10.77.1.2']);
  await lab.unsilenceSwitch('a');
  await healed();
});

test('joined planes are one network, once, until they are parted', async () => {
  /** whether gamma on plane b hears a broadcast of alpha on plane a, and hears it once */
  const copies = async (): Promise<number> => {
    const heard = await Witness.start(lab.host('gamma'), 'b', 'arp host 10.77.0.99');
    await lab
      .host('alpha')
      .run('arping', ['-q', '-i', 'eth0', '-c', '1', '-W', '0.2', '10.77.0.99'], { check: false });
    await heard.stop();
    return heard.arp().length;
  };
  expect(await copies()).toBe(0);
  const { before, after } = await lab.joinPlanes('a', 'b');
  expect(after).toBeGreaterThan(before);
  await waitUntil(async () => (await copies()) === 1, 5000, 'one copy of a broadcast on the other plane');
  await expect(lab.joinPlanes('b', 'a')).rejects.toThrow(/joined already/);
  expect(await passages()).toEqual(FREE);
  await lab.pullCard('alpha', 'a');
  expect(await passages()).toEqual(CUT);
  await lab.returnCard('alpha', 'a');
  await healed();
  await lab.partPlanes('a', 'b');
  expect(await copies()).toBe(0);
  await expect(lab.partPlanes('a', 'b')).rejects.toThrow(/no cable/);
  expect(await passages()).toEqual(FREE);
});

test('drops outlive a pulled card and a dead switch', async () => {
  await lab.dropPort('alpha', 'a', 'both');
  await lab.pullCard('alpha', 'a');
  await lab.returnCard('alpha', 'a');
  await lab.killSwitch('a');
  await lab.reviveSwitch('a');
  await waitUntil(() => hasCarrier('alpha', 'a'), 5000, 'carrier on alpha');
  expect(await passages()).toEqual(CUT);
  await lab.undropPort('alpha', 'a');
  await healed();
});

test('a link that is administratively down comes up again', async () => {
  await lab.downLink('gamma', 'a');
  expect(await hasCarrier('gamma', 'a')).toBe(false);
  await lab.upLink('gamma', 'a');
  expect(await hasCarrier('gamma', 'a')).toBe(true);
  await waitUntil(
    async () =>
      (await lab.host('gamma').run('ping', ['-c1', '-W0.2', '10.77.0.1'], { check: false })).status === 0,
    5000,
    'an answer from alpha to gamma',
  );
});

test('a card that is inserted again has its name and address, and a new interface index', async () => {
  const gamma = lab.host('gamma');
  const index = async (): Promise<number> =>
    JSON.parse((await gamma.run('ip', ['-json', 'link', 'show', 'dev', 'eth0'])).stdout)[0].ifindex;
  const former = await index();
  await lab.removeCard('gamma', 'a');
  await expect(index()).rejects.toThrow(/does not exist/);
  expect(() => lab.pullCard('gamma', 'a')).toThrow(/no card/);
  await lab.insertCard('gamma', 'a');
  expect(await index()).not.toBe(former);
  await gamma.run('ping', ['-c', '1', '-W', '5', '10.77.0.1']);
});

test('a card can change its hardware address', async () => {
  const gamma = lab.host('gamma');
  await lab.changeMac('gamma', 'b', '02:00:00:00:ff:03');
  await lab.host('alpha').ip('neigh flush dev eth1');
  await lab.host('alpha').run('ping', ['-c', '1', '-W', '5', '10.77.1.3']);
  const { stdout } = await lab.host('alpha').run('ip', ['-json', 'neigh', 'show', 'to', '10.77.1.3']);
  expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ lladdr: '02:00:00:00:ff:03' }));
  await lab.changeMac('gamma', 'b', gamma.link('b').mac);
});
