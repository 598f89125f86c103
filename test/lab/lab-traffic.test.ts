import { Lab } from '../../deploy/lab/lab';
import { startSession } from '../../deploy/lab/session';
import { startStream } from '../../deploy/lab/stream';
import { waitUntil } from '../../deploy/lab/wait';
import { setStaticRoutes } from './static-routes';

jest.setTimeout(30_000);

/** How long a fault lasts here, in ms. */
const OUTAGE = 300;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The kernel looks at the carrier of a route's card some time after it changed. */
async function leavesBy(host: string, device: string): Promise<void> {
  const { alias } = lab.host(host === 'alpha' ? 'beta' : 'alpha');
  const used = async (): Promise<boolean> => (await lab.host(host).routeTo(alias))?.dev === device;
  await waitUntil(used, 5000, `the traffic of ${host} on ${device}`);
}

async function bothOn(device: string): Promise<void> {
  await leavesBy('alpha', device);
  await leavesBy('beta', device);
}

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.create({ hosts: ['alpha', 'beta'], planes: ['a', 'b'], subnets: 'none' });
  await setStaticRoutes(lab);
});
afterAll(() => lab.destroy());

test('without a fault nothing is lost, doubled or out of order, and the rate holds', async () => {
  const stream = await startStream(lab, 'alpha', 'beta', { hz: 2000 });
  const from = stream.mark();
  await pause(OUTAGE);
  const to = stream.mark();
  const result = await stream.result(from, { to });
  expect(result).toMatchObject({ lost: 0, refused: 0, duplicated: 0, reordered: 0, received: result.sent });
  // Each timer that is late sends what is due: at most one timer's delay is missing or too many at the borders.
  const expected = (to - from) * 2;
  expect(Math.abs(result.sent - expected)).toBeLessThan(expected / 2);
  expect(result.longestGap).toBeGreaterThan(0);
  await stream.stop();
});

test('with static routes the kernel takes the other plane by itself when the switch dies, and the session lives', async () => {
  const there = await startStream(lab, 'alpha', 'beta');
  const back = await startStream(lab, 'beta', 'alpha');
  const session = await startSession(lab, 'alpha', 'beta');
  await bothOn('eth0');
  const start = there.mark();
  await lab.killSwitch('a');
  await bothOn('eth1');
  const from = there.mark();
  await pause(OUTAGE);
  const to = there.mark();
  expect(await session.result(start)).toMatchObject({ alive: true, error: null });
  expect(await there.result(from, { to })).toMatchObject({ lost: 0 });
  expect(await back.result(from, { to })).toMatchObject({ lost: 0 });
  await lab.reviveSwitch('a');
  await Promise.all([there.stop(), back.stop(), session.stop()]);
});

test('with static routes the far end never notices a pulled card: its stream is lost until the card is back', async () => {
  const there = await startStream(lab, 'alpha', 'beta');
  const back = await startStream(lab, 'beta', 'alpha');
  await bothOn('eth0');
  await waitUntil(async () => (await back.result()).received > 0, 5000, 'the first datagram');
  await lab.pullCard('alpha', 'a');
  await leavesBy('alpha', 'eth1');
  const from = there.mark();
  await pause(OUTAGE);
  const to = there.mark();
  expect(await there.result(from, { to })).toMatchObject({ lost: 0 });
  const lost = await back.result(from, { to });
  expect(lost).toMatchObject({ received: 0, lost: lost.sent });
  expect(lost.longestGap).toBeGreaterThanOrEqual(OUTAGE);
  await lab.returnCard('alpha', 'a');
  const again = back.mark();
  await waitUntil(
    async () => (await back.result(again)).received > 0,
    5000,
    'a datagram over the returned card',
  );
  await Promise.all([there.stop(), back.stop()]);
});

test('a session is not alive while nothing passes, and its stall is as long as the fault', async () => {
  await bothOn('eth0');
  const session = await startSession(lab, 'alpha', 'beta');
  await lab.silenceSwitch('a');
  const from = session.mark();
  expect(await session.result(from, { timeout: OUTAGE })).toMatchObject({ alive: false, error: null });
  await lab.unsilenceSwitch('a');
  const healed = await session.result(from);
  expect(healed).toMatchObject({ alive: true, error: null });
  expect(healed.longestStall).toBeGreaterThanOrEqual(OUTAGE);
  await session.stop();
});

test('a session that is reset says so', async () => {
  const session = await startSession(lab, 'alpha', 'beta');
  await lab.host('beta').run('ss', ['--kill', '--tcp', 'src', '10.78.0.2']);
  const result = await session.result(undefined, { timeout: 2000 });
  expect(result).toMatchObject({ alive: false });
  expect(result.error).not.toBeNull();
  await session.stop();
});

test('datagrams that the kernel refuses count as lost, and the sender goes on', async () => {
  const stream = await startStream(lab, 'alpha', 'beta');
  const from = stream.mark();
  await lab.host('alpha').ip('route flush 10.78.0.2');
  await pause(OUTAGE);
  const to = stream.mark();
  const { lost, refused } = await stream.result(from, { to });
  expect(refused).toBeGreaterThan(0);
  expect(lost).toBeGreaterThanOrEqual(refused);
  await lab.host('alpha').ip('route add 10.78.0.2/32 dev eth0 scope link src 10.78.0.1');
  const again = stream.mark();
  await waitUntil(async () => (await stream.result(again)).received > 0, 5000, 'a datagram by the new route');
  await stream.stop();
});

test('a stream toward an address that is not there is refused with the reason', async () => {
  await expect(startStream(lab, 'alpha', 'beta', { destination: '10.78.0.99' })).rejects.toThrow(
    /EADDRNOTAVAIL/,
  );
});
