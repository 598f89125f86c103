import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseIpv4 } from '../../agent/wire/address';
import { decodeArp, isAnnouncement } from '../../agent/wire/arp';
import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { waitUntil } from '../../deploy/lab/wait';
import { PATIENCE, QUIET, sleep, Witness } from './daemon-tools';

jest.setTimeout(60_000);

let lab: Lab | undefined;
afterEach(async () => {
  await lab?.destroy();
  lab = undefined;
});

async function build(configuration: object = {}): Promise<Lab> {
  lab = await Lab.create({ hosts: ['alpha', 'beta'], planes: ['a', 'b'], configuration });
  return lab;
}

/**
 * Stands for the service manager: receives what is sent to a datagram socket, and every frame on two links in both directions, each
 * with the time at which the kernel took it. Node itself has no Unix datagram sockets.
 */
const MANAGER = `
import json, os, select, socket, struct, sys
TIMESTAMPNS = 35
path, *links = sys.argv[1:]
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind('\\0' + path[1:] if path[0] == '@' else path)
taps = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) for link in links]
names = {notify: 'notify'}
for tap, link in zip(taps, links):
    tap.bind((link, 3))
    names[tap] = link
for one in names: one.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)
print(json.dumps({'from': 'manager', 'at': 0, 'text': 'listening'}), flush=True)
while True:
    for one in select.select(list(names), [], [])[0]:
        data, ancillary, _, _ = one.recvmsg(4096, 512)
        seconds, nanoseconds = struct.unpack('qq', ancillary[0][2][:16])
        text = data.decode() if one is notify else data.hex()
        print(json.dumps({'from': names[one], 'at': seconds + nanoseconds / 1e9, 'text': text}), flush=True)
`;

interface Heard {
  readonly from: string;
  /** seconds */
  readonly at: number;
  /** a datagram's text, or a frame in hexadecimal */
  readonly text: string;
}

async function startManager(host: LabHost, path: string): Promise<{ heard: Heard[]; child: ChildProcess }> {
  const child = host.spawn('python3', ['-c', MANAGER, path, 'eth0', 'eth1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const heard: Heard[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => heard.push(JSON.parse(line)));
  await waitUntil(() => heard.length > 0, PATIENCE, 'the manager listens');
  return { heard, child };
}

test.each(['/run/notify', '@multihomed-test'])(
  'READY=1 goes to NOTIFY_SOCKET=%s once alias, routes and announcements are done',
  async (path) => {
    const alpha = (await build()).host('alpha');
    const { heard, child } = await startManager(alpha, path);
    const agent = await alpha.startAgent({ env: { NOTIFY_SOCKET: path } });
    const said = () => heard.filter(({ from }) => from === 'notify');
    await waitUntil(() => said().length > 0, PATIENCE, 'the datagram');
    const ready = said()[0]!;
    expect(ready.text).toBe('READY=1');
    for (const link of ['eth0', 'eth1']) {
      const announcement = () =>
        heard.find(({ from, text }) => {
          const frame = from === link ? decodeArp(Buffer.from(text, 'hex')) : 'other';
          return (
            typeof frame === 'object' && isAnnouncement(frame) && frame.senderIp === parseIpv4(alpha.alias)
          );
        });
      // The manager may write the datagram down before a frame that the kernel received earlier; the times tell.
      await waitUntil(() => announcement() !== undefined, PATIENCE, `the announcement on ${link}`);
      expect(announcement()!.at).toBeLessThan(ready.at);
    }
    agent.kill('SIGHUP');
    await waitUntil(() => said().length > 2, PATIENCE, 'the reload');
    expect(await agent.stop()).toBe(0);
    await waitUntil(() => said().length > 3, PATIENCE, 'the end');
    expect(said().map(({ text }) => text)).toEqual([
      'READY=1',
      expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/),
      'READY=1',
      'STOPPING=1',
    ]);
    child.kill('SIGKILL');
  },
);

test('it is not ready while a route cannot stand, and says so; multihomectl wait waits with it', async () => {
  const alpha = (await build()).host('alpha');
  // Somebody else's route is where ours should be, and it is not ours to replace.
  await alpha.ip('route add 10.78.0.2/32 dev eth1 metric 100');
  const { heard, child } = await startManager(alpha, '/run/notify');
  const agent = await alpha.startAgent({ env: { NOTIFY_SOCKET: '/run/notify' }, wait: false });
  expect(await agent.waitFor('kernel-refused')).toMatchObject({ operation: 'add-route', code: 'EEXIST' });
  const late = await alpha.ctl('wait', '--timeout', '200ms');
  expect(late).toMatchObject({ status: 75, stdout: '' });
  expect(late.stderr).toMatch(
    /^multihomectl: not ready after 200ms: the daemon on alpha has not finished starting\n$/,
  );
  expect(agent.events().some(({ event }) => event === 'ready')).toBe(false);
  expect(heard.filter(({ from }) => from === 'notify')).toEqual([]);
  const waiting = alpha.ctl('wait', '--timeout', '10s');
  await alpha.ip('route delete 10.78.0.2/32 dev eth1 metric 100');
  expect(await waiting).toMatchObject({ status: 0, stderr: '' });
  expect((await alpha.status()).ready).toBe(true);
  expect(await alpha.routeTo('10.78.0.2')).toMatchObject({ dev: 'eth0' });
  await waitUntil(() => heard.some(({ text }) => text === 'READY=1'), PATIENCE, 'READY=1');
  child.kill('SIGKILL');
});

/** Each announcement of alpha's alias that a witness saw, in ms since the first. */
function announcements(witness: Witness, alias: string): number[] {
  const times = witness
    .arp()
    .filter((frame) => isAnnouncement(frame) && frame.senderIp === parseIpv4(alias))
    .map(({ at }) => at);
  return times.map((at) => at - times[0]!);
}

test('each link carries `repeat` announcements `spacing` apart, and then one each `refresh`', async () => {
  const built = await build({ arp: { repeat: 3, spacing: '400ms', refresh: '1500ms' } });
  const alpha = built.host('alpha');
  const witnesses = await Promise.all(['a', 'b'].map((plane) => Witness.start(built.host('beta'), plane)));
  await alpha.startAgent();
  await waitUntil(
    () => witnesses.every((witness) => announcements(witness, alpha.alias).length >= 5),
    PATIENCE,
    'five announcements on each link',
  );
  for (const [index, witness] of witnesses.entries()) {
    await witness.stop();
    const times = announcements(witness, alpha.alias);
    const gaps = times.slice(1, 5).map((at, before) => at - times[before]!);
    // Generous: what is told apart is a repetition, a refresh, and neither.
    expect(gaps.map((gap) => (gap > 1000 ? 'refresh' : gap > 200 ? 'spacing' : gap))).toEqual([
      'spacing',
      'spacing',
      'refresh',
      'refresh',
    ]);
    const { mac } = alpha.link(['a', 'b'][index]!);
    for (const frame of witness.arp().filter((one) => isAnnouncement(one))) {
      expect(frame).toMatchObject({ operation: 'request', source: frame.senderMac });
      expect(frame.senderMac.toString(16).padStart(12, '0')).toBe(mac.replaceAll(':', ''));
    }
  }
});

test('a lost link is told on the others at once, out of turn', async () => {
  const built = await build({ arp: { repeat: 1, refresh: 'off' } });
  const alpha = built.host('alpha');
  await alpha.startAgent();
  const witness = await Witness.start(built.host('beta'), 'b');
  await sleep(QUIET);
  expect(announcements(witness, alpha.alias)).toEqual([]);
  const pulled = Date.now();
  await built.pullCard('alpha', 'a');
  await waitUntil(() => announcements(witness, alpha.alias).length >= 2, 1000, 'the hint, twice');
  const hint = witness.arp().find((frame) => isAnnouncement(frame));
  expect(hint?.at).toBeGreaterThanOrEqual(pulled - 1);
  await witness.stop();
});

test('a link that does not exist yet is told, the others protect, and it is taken in when it appears', async () => {
  const built = await build({ arp: { refresh: 'off' } });
  const [alpha, beta] = [built.host('alpha'), built.host('beta')];
  await beta.startAgent();
  await built.removeCard('alpha', 'b');
  const agent = await alpha.startAgent();
  expect(agent.events().find(({ event }) => event === 'link-missing')).toMatchObject({
    level: 'warn',
    link: 'eth1',
    plane: 'b',
  });
  expect(await agent.waitFor('ready')).toMatchObject({ links: 1, missing: ['eth1'] });
  await agent.waitFor('path-up', ({ plane }) => plane === 'a');
  const devices = async () =>
    (await alpha.routes()).filter(({ dst }) => dst === beta.alias).map(({ dev }) => dev ?? 'unreachable');
  expect(await devices()).toEqual(['eth0', 'unreachable']);
  expect((await alpha.ctl('status')).stdout).toContain('eth1 on plane b: does not exist');

  const witness = await Witness.start(beta, 'b');
  await built.insertCard('alpha', 'b');
  await agent.waitFor('link-appeared', ({ link }) => link === 'eth1');
  await agent.waitFor('path-up', ({ plane }) => plane === 'b');
  expect(await devices()).toEqual(['eth0', 'eth1', 'unreachable']);
  await waitUntil(() => announcements(witness, alpha.alias).length > 0, PATIENCE, 'an announcement');
  await witness.stop();
  expect((await alpha.status()).links.map(({ exists, carrier }) => [exists, carrier])).toEqual([
    [true, true],
    [true, true],
  ]);
});

test('without any link it is ready all the same, and protects as soon as one appears', async () => {
  const built = await build();
  const [alpha, beta] = [built.host('alpha'), built.host('beta')];
  await beta.startAgent();
  await built.removeCard('alpha', 'a');
  await built.removeCard('alpha', 'b');
  const agent = await alpha.startAgent();
  expect(await agent.waitFor('ready')).toMatchObject({ links: 0, missing: ['eth0', 'eth1'] });
  expect((await alpha.ctl('wait')).status).toBe(0);
  // Traffic for the alias has nowhere to go, and a default route would not get it.
  expect((await alpha.routes()).map(({ dst, dev }) => [dst, dev])).toEqual([[beta.alias, undefined]]);
  expect(await alpha.routeTo(alpha.alias)).toMatchObject({ dev: 'lo' });
  await built.insertCard('alpha', 'b');
  await agent.waitFor('path-up', ({ plane }) => plane === 'b');
  expect(await alpha.routeTo(beta.alias)).toMatchObject({ dev: 'eth1', prefsrc: alpha.alias });
  await alpha.run('ping', ['-c', '1', '-W', '2', '-I', alpha.alias, beta.alias]);
});
