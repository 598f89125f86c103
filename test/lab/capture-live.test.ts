import type { CaptureRecord } from '../../agent/cli/capture-format';
import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { waitUntil } from '../../deploy/lab/wait';
import { arping, REQUESTS } from './answering-tools';
import { capture, hears } from './capture-tools';
import { PATIENCE } from './daemon-tools';

jest.setTimeout(60_000);

let lab: Lab;
let alpha: LabHost;
let asker: LabHost;
beforeEach(async () => {
  lab = await Lab.create({
    hosts: ['alpha', { name: 'asker', agent: false }],
    planes: ['a', 'b'],
    // Nothing but what a test asks for passes, once the far end is known.
    configuration: { arp: { repeat: 1, refresh: 'off' }, probe: { interval: '60s', retry: '30s' } },
  });
  alpha = lab.host('alpha');
  asker = lab.host('asker');
});
afterEach(() => lab.destroy());

test("it shows the ARP on the daemon's links, decoded, until it is interrupted", async () => {
  const agent = await alpha.startAgent();
  for (const plane of ['a', 'b']) await agent.waitFor('path-up', (event) => event.plane === plane);
  const capturing = await capture(alpha, ['eth0', 'eth1']);
  expect(await arping(asker, 'b', alpha.alias)).toBe(REQUESTS);
  expect(await arping(asker, 'a', alpha.alias, 'probe')).toBe(REQUESTS);
  const time = String.raw`\d\d:\d\d:\d\d\.\d{3}`;
  const frame = (link: string, from: string, to: string, meaning: string) =>
    new RegExp(`^${time} ${link} ${from} > ${to}, ${meaning}, length \\d+$`);
  const everybody = 'ff:ff:ff:ff:ff:ff';
  const passed = [
    frame('eth1', '02:00:00:00:01:02', everybody, 'request who-has 10.78.0.1 tell 10.77.1.2'),
    frame('eth1', '02:00:00:00:01:01', '02:00:00:00:01:02', 'reply 10.78.0.1 is-at 02:00:00:00:01:01'),
    frame('eth0', '02:00:00:00:00:02', everybody, 'probe who-has 10.78.0.1'),
    frame('eth0', '02:00:00:00:00:01', '02:00:00:00:00:02', 'reply 10.78.0.1 is-at 02:00:00:00:00:01'),
  ];
  const seen = () => passed.map((pattern) => capturing.out().filter((line) => pattern.test(line)).length);
  await waitUntil(() => seen().every((count) => count >= REQUESTS), PATIENCE, 'every frame');
  capturing.child.kill('SIGINT');
  expect(await capturing.exited).toBe(0);
  expect(seen()).toEqual(passed.map(() => REQUESTS));
});

test('--json has a record for each frame, and --count an end; no daemon is needed', async () => {
  const capturing = await capture(alpha, ['eth0'], 'eth0', '--json', '--count', '2');
  const nobodys = '10.78.0.77';
  expect(await arping(asker, 'a', nobodys)).toBe(0);
  expect(await capturing.exited).toBe(0);
  const records = capturing.out().map((line) => JSON.parse(line) as CaptureRecord);
  expect(records).toHaveLength(2);
  for (const record of records)
    expect(record).toMatchObject({
      link: 'eth0',
      destination: 'ff:ff:ff:ff:ff:ff',
      source: '02:00:00:00:00:02',
      operation: 'request',
      announcement: false,
      senderMac: '02:00:00:00:00:02',
      senderIp: '10.77.0.2',
      targetIp: nobodys,
    });
});

test('it outlives its interface going down, and being replaced, and so does the daemon', async () => {
  const agent = await alpha.startAgent();
  const capturing = await capture(alpha, ['eth0', 'eth1'], 'eth0', 'eth1');
  await lab.downLink('alpha', 'a');
  await hears(capturing, 'eth0: the interface is down; waiting for it');
  expect(await arping(asker, 'b', alpha.alias)).toBe(REQUESTS);
  await lab.upLink('alpha', 'a');
  await hears(capturing, 'eth0: capturing', 2);
  await lab.removeCard('alpha', 'a');
  await hears(capturing, 'eth0: the interface is gone; waiting for it');
  await lab.insertCard('alpha', 'a');
  await hears(capturing, 'eth0: capturing', 3);
  expect(await arping(asker, 'a', alpha.alias)).toBe(REQUESTS);
  const answers = (link: string) =>
    capturing.out().filter((line) => line.includes(` ${link} `) && line.includes('reply 10.78.0.1 is-at'))
      .length;
  await waitUntil(() => answers('eth0') >= REQUESTS && answers('eth1') >= REQUESTS, PATIENCE, 'the answers');
  capturing.child.kill('SIGTERM');
  expect(await capturing.exited).toBe(0);
  expect((await alpha.status()).pid).toBe(agent.pid);
  expect(agent.errors()).toBe('');
});
