import type { CaptureRecord } from '../../agent/cli/capture-format';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { waitUntil } from '../../deploy/lab/wait';
import { beaconSection, KeyFile } from './beacon-cluster';
import { type Capturing, capture } from './capture-tools';
import { PATIENCE } from './daemon-tools';
import { sendFrames, tagged } from './promise-frames';

jest.setTimeout(60_000);

const ETHERTYPE = 0x88b6;
const ALPHA_MAC = '02:00:00:00:00:01';

let lab: Lab;
let key: KeyFile;
let alpha: LabHost;
let beta: LabHost;
beforeEach(async () => {
  key = new KeyFile(1);
  lab = await Lab.create({
    hosts: ['alpha', 'beta'],
    planes: ['a', 'b'],
    configuration: { ...beaconSection(key, { ethertype: ETHERTYPE }) },
  });
  alpha = lab.host('alpha');
  beta = lab.host('beta');
  await lab.writeConfiguration({ hosts: { alpha: { priority: { b: 200 } } } });
  for (const host of [alpha, beta]) await host.startAgent();
});
afterEach(async () => {
  await lab.destroy();
  key.remove();
});

/** Ends a capture as a person does. */
async function interrupt(capturing: Capturing): Promise<void> {
  capturing.child.kill('SIGINT');
  expect(await capturing.exited).toBe(0);
}

test('it shows the beacons of the EtherType that the daemon has, and which of them withdraws a link', async () => {
  const all = await capture(beta, ['eth0', 'eth1']);
  const urgent = await capture(beta, ['eth1'], 'eth1', '--only', 'urgent');
  const time = String.raw`\d\d:\d\d:\d\d\.\d{3}`;
  const from = (link: string, plane: string) =>
    `^${time} ${link} 02:00:00:00:0${plane === 'a' ? 0 : 1}:01 > ff:ff:ff:ff:ff:ff`;
  const steady = new RegExp(
    `${from('eth0', 'a')}, beacon \\d+ of lab/alpha on a: a up, b up priority 200; hears 1, length \\d+$`,
  );
  const withdrawal = new RegExp(
    `${from('eth1', 'b')}, urgent beacon \\d+ of lab/alpha on b, withdraws a: a down, b up priority 200; hears 1, length \\d+$`,
  );
  const has = (capturing: Capturing, pattern: RegExp) => capturing.out().some((line) => pattern.test(line));
  await waitUntil(() => has(all, steady), PATIENCE, 'a steady beacon');
  await lab.pullCard('alpha', 'a');
  for (const each of [all, urgent]) await waitUntil(() => has(each, withdrawal), PATIENCE, 'the withdrawal');
  for (const each of [all, urgent]) await interrupt(each);
  expect(all.out().some((line) => / (request|reply) /.test(line))).toBe(true);
  expect(urgent.out().filter((line) => !line.includes(', urgent beacon '))).toEqual([]);
});

test('--json has every field, and the reason of what no agent can read', async () => {
  const only = ['--only', 'beacons'];
  const capturing = await capture(beta, ['eth0'], 'eth0', '--json', ...only);
  const records = () => capturing.out().map((line) => JSON.parse(line) as CaptureRecord);
  const isAlphas = (record: CaptureRecord) =>
    'beacon' in record && record.beacon.host === 'alpha' && record.beacon.heard.count === 1;
  await waitUntil(() => records().some(isAlphas), PATIENCE, "one of alpha's beacons");
  const record = records().find(isAlphas);
  expect(record).toMatchObject({
    link: 'eth0',
    destination: 'ff:ff:ff:ff:ff:ff',
    source: ALPHA_MAC,
    beacon: {
      epoch: (await alpha.status()).beacon?.epoch,
      interval: 50,
      cluster: 'lab',
      aliases: [alpha.alias],
      links: [
        { plane: 'a', priority: 0, state: 'up', mac: ALPHA_MAC },
        { plane: 'b', priority: 200, state: 'up', mac: '02:00:00:00:01:01' },
      ],
      sentOn: 'a',
      heard: { from: '0.0.0.0', to: '255.255.255.255', runs: [[beta.alias, beta.alias]] },
      tag: expect.stringMatching(/^[0-9a-f]{32}$/),
    },
  });

  const header = Uint8Array.from([...Array(6).fill(0xff), 2, 0, 0, 0, 0, 9, 0x88, 0xb6]);
  const frame = (...payload: number[]) => Uint8Array.from([...header, ...payload, ...Array(120).fill(0)]);
  await sendFrames(alpha, 'eth0', [
    frame(1, 0, 0xff, 0xff),
    frame(2),
    frame(1, 0, 1, 0),
    tagged(frame(1), 5),
    frame(1).subarray(0, ETHERNET_HEADER + 40),
  ]);
  const dropped = () => records().flatMap((each) => ('dropped' in each ? [each] : []));
  await waitUntil(() => dropped().length >= 5, PATIENCE, 'the frames that no agent can read');
  await interrupt(capturing);
  expect(dropped().map((each) => each.dropped)).toEqual([
    'beacon-malformed',
    'beacon-version',
    'beacon-truncated',
    'vlan-tagged',
    'beacon-truncated',
  ]);
  expect(dropped()[0]?.bytes.slice(0, 36)).toBe(`${Buffer.from(header).toString('hex')}0100ffff`);
});
