import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { formatIpv4, formatMac, type Ipv4 } from '../../agent/wire/address';
import { type Beacon, decodeBeacon, encodeBeacon, type Heard, heardFrom } from '../../agent/wire/beacon';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import { SANDBOX_FILES } from '../../deploy/lab/sandbox';
import { anyFrame, damagedFrame, lookalikeFrame, randomFrame } from '../unit/wire-beacon-arbitraries';
import { BROKEN } from '../unit/wire-beacon-broken';
import { AT, BEACON, ETHERTYPE, FRAME, hostsFrom } from '../unit/wire-beacon-fixtures';
import { type PcapFrame, pcap } from './pcap';

jest.setTimeout(120_000);

const SCRIPT = join(__dirname, '..', '..', 'deploy', 'wireshark', 'multihomed-beacon.lua');
const AT_ONCE = '2026-11-21T12:00:00.000Z';
/** The protocol's own fields are named without it. */
const PROTOCOL = 'multihomed_beacon.';
/** What is wrong with a frame, by the field that says so. */
const COMPLAINTS = {
  truncated: 'beacon-truncated',
  unknown_version: 'beacon-version',
  malformed: 'beacon-malformed',
};

type Row = Readonly<Record<string, string>>;

/** Runs tshark over frames; what it wrote. Fails where it complains of anything, for a script that fails to load is passed over. */
function tshark(frames: readonly PcapFrame[], args: readonly string[]): string {
  const directory = mkdtempSync(join(SANDBOX_FILES, 'pcap-'));
  try {
    const file = join(directory, 'beacons.pcap');
    writeFileSync(file, pcap(frames));
    const run = spawnSync('tshark', ['-n', '-X', `lua_script:${SCRIPT}`, '-r', file, ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const complaints = run.stderr.split('\n').filter((line) => !line.startsWith('Running as user "root"'));
    expect(complaints.join('\n')).toBe('');
    expect(run.status).toBe(0);
    return run.stdout;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The named fields of each frame; several values of one are separated by commas. */
function dissect(
  frames: readonly Uint8Array[],
  fields: readonly string[],
  args: readonly string[] = [],
): Row[] {
  const all = [
    ...fields.map((field) => PROTOCOL + field),
    '_ws.lua.error',
    '_ws.expert.message',
    '_ws.col.Info',
  ];
  const captured = frames.map((bytes) => ({ at: AT_ONCE, bytes }));
  const wanted = all.flatMap((field) => ['-e', field]);
  const output = tshark(captured, ['-T', 'fields', '-E', 'separator=|', ...wanted, ...args]);
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const values = line.split('|');
      const row = Object.fromEntries(
        all.map((field, index) => [field.replace(PROTOCOL, ''), values[index] ?? '']),
      );
      expect(row['_ws.lua.error']).toBe('');
      return row;
    });
}

function frameOf(change: Partial<Beacon>, etherType = ETHERTYPE): Uint8Array {
  const beacon = { ...BEACON, ...change };
  return encodeBeacon(beacon, beacon.links[beacon.sentOn]!.mac, etherType).bytes;
}

/** The first or the last addresses of the runs, as {@link dissect} gives them. */
const ends = ({ runs }: Heard, end: 0 | 1) =>
  runs
    .filter((_, index) => index % 2 === end)
    .map(formatIpv4)
    .join(',');

/** What a frame is refused for; empty where it is not. */
function complaintOf(row: Row): string {
  return Object.entries(COMPLAINTS)
    .flatMap(([field, reason]) => (row[field] === '' ? [] : [reason]))
    .join();
}

describe('the dissector', () => {
  test('shows every field of a withdrawal', () => {
    const [row] = dissect(
      [FRAME],
      [
        ...[
          'version',
          'flags',
          'urgent',
          'length',
          'key_id',
          'epoch',
          'sequence',
          'interval',
          'sent_on',
          'plane',
        ],
        ...[
          'links',
          'aliases',
          'zero',
          'cluster',
          'host',
          'alias',
          'tag',
          'padding',
          ...Object.keys(COMPLAINTS),
        ],
        ...['link.plane', 'link.priority', 'link.state', 'link.mac'],
        ...['heard.from', 'heard.to', 'heard.run', 'heard.first', 'heard.last', 'heard.count'],
      ],
    );
    expect(row).toMatchObject({
      version: '1',
      flags: '0x01',
      urgent: '1',
      length: '102',
      key_id: '0xfedcba98',
      epoch: '1795254000000',
      sequence: '4711',
      interval: '50000',
      sent_on: '0',
      plane: 'a',
      links: '2',
      aliases: '2',
      zero: '0',
      cluster: 'demo',
      host: 'alpha',
      alias: '10.78.0.1,192.0.2.1',
      tag: '00'.repeat(16),
      padding: '',
      'link.plane': 'a,b',
      'link.priority': '0,200',
      'link.state': '1,0',
      'link.mac': BEACON.links.map(({ mac }) => formatMac(mac)).join(','),
      'heard.from': '0.0.0.0',
      'heard.to': '255.255.255.255',
      'heard.run': '10.78.0.2-10.78.0.4,10.78.0.6',
      'heard.first': '10.78.0.2,10.78.0.6',
      'heard.last': '10.78.0.4,10.78.0.6',
      'heard.count': '4',
      '_ws.expert.message': 'Something changed',
      '_ws.col.Info': '[urgent] demo/alpha on a: a up, b down; hears 4; sequence 4711',
    });
    expect(complaintOf(row!)).toBe('');
  });

  test('says of a steady one who sent it, and no more', () => {
    const links = [BEACON.links[0]!, { ...BEACON.links[1]!, state: 'drained' as const }];
    const frame = frameOf({ urgent: false, links, sentOn: 1, heard: heardFrom([]) });
    const [row] = dissect([frame], ['urgent', 'plane', 'heard.run', 'heard.count']);
    expect(row).toMatchObject({ urgent: '0', plane: 'b', 'heard.run': '', 'heard.count': '0' });
    expect(row).toMatchObject({
      '_ws.expert.message': '',
      '_ws.col.Info': 'demo/alpha on b: a up, b drained; hears 0; sequence 4711',
    });
  });

  test('shows whom a host hears, be it many or everybody', () => {
    const alternate = heardFrom(hostsFrom('10.78.0.1', 500, 2));
    const everybody = { from: 0, to: 0xffffffff, runs: [0, 0xffffffff] } as unknown as Heard;
    const later = heardFrom(hostsFrom('192.0.2.1', 3), 0xc0000202 as Ipv4);
    const all = [alternate, everybody, later];
    const fields = ['heard.first', 'heard.last', 'heard.count', 'heard.from'];
    const rows = dissect(
      all.map((heard) => frameOf({ heard })),
      fields,
    );
    expect(rows.map((row) => row['heard.first'])).toEqual(all.map((heard) => ends(heard, 0)));
    expect(rows.map((row) => row['heard.last'])).toEqual(all.map((heard) => ends(heard, 1)));
    expect(rows.map((row) => row['heard.count'])).toEqual(['500', '4294967296', '2']);
    expect(rows.map((row) => row['heard.from'])).toEqual(['0.0.0.0', '0.0.0.0', '192.0.2.2']);
  });

  test('can be filtered by', () => {
    const frames = ['alpha', 'beta', 'gamma'].map((host, index) => frameOf({ host, urgent: index > 0 }));
    const rows = dissect(
      frames,
      ['host'],
      ['-Y', 'multihomed_beacon.urgent == 1 && multihomed_beacon.host != "gamma"'],
    );
    expect(rows.map(({ host }) => host)).toEqual(['beta']);
  });

  test('takes the EtherType from its preference', () => {
    const frames = [frameOf({ host: 'usual' }), frameOf({ host: 'other' }, 0x88b6)];
    expect(dissect(frames, ['host']).map(({ host }) => host)).toEqual(['usual', '']);
    const other = dissect(frames, ['host'], ['-o', `multihomed_beacon.ethertype:${0x88b6}`]);
    expect(other.map(({ host }) => host)).toEqual(['', 'other']);
  });
});

describe('what is no beacon', () => {
  test('is dissected as far as it goes, wherever it ends', () => {
    const cuts = Array.from(
      { length: FRAME.length - ETHERNET_HEADER - 1 },
      (_, index) => ETHERNET_HEADER + 1 + index,
    );
    const rows = dissect(
      cuts.map((length) => FRAME.subarray(0, length)),
      ['version', 'length', ...Object.keys(COMPLAINTS)],
    );
    expect(rows.map(complaintOf)).toEqual(cuts.map(() => 'beacon-truncated'));
    expect(rows.every(({ version }) => version === '1')).toBe(true);
    expect(rows.at(-1)).toMatchObject({
      length: '102',
      '_ws.col.Info': '[beacon-truncated: shorter than it states]',
    });
  });

  test('is told from what the capture cut', () => {
    const frame = { at: AT_ONCE, bytes: FRAME.subarray(0, AT.heard), length: FRAME.length };
    const output = tshark([frame], ['-T', 'fields', '-e', '_ws.col.Info']);
    expect(output).toBe('[beacon-truncated: cut by the capture]\n');
  });

  test('shows what follows it as padding', () => {
    const [row] = dissect([Uint8Array.from([...FRAME, 1, 2, 3])], ['host', 'padding']);
    expect(row).toMatchObject({ host: 'alpha', padding: '010203' });
  });

  test('of another version is not looked into', () => {
    const frame = FRAME.slice();
    frame[AT.version] = 2;
    const [row] = dissect([frame], ['version', 'length', ...Object.keys(COMPLAINTS)]);
    expect(row).toMatchObject({ version: '2', length: '', unknown_version: '1' });
  });

  test('is refused for the reason for which the daemon drops it, whatever it is', () => {
    const kinds = [
      anyFrame,
      damagedFrame,
      lookalikeFrame,
      randomFrame,
      fc.uint8Array({ minLength: 15, maxLength: 1600 }),
    ];
    const samples = kinds.flatMap((kind) => fc.sample<Uint8Array>(kind, 300));
    const frames = [...BROKEN.map(([, bytes]) => bytes), ...samples]
      .filter((bytes) => bytes.length > ETHERNET_HEADER)
      .map((bytes) =>
        Uint8Array.from([...FRAME.subarray(0, ETHERNET_HEADER), ...bytes.subarray(ETHERNET_HEADER)]),
      );
    const rows = dissect(frames, ['heard.first', 'heard.last', ...Object.keys(COMPLAINTS)]);
    const told = rows.map((row, index) => ({ frame: hex(frames[index]!), complaint: complaintOf(row) }));
    expect(told).toEqual(frames.map((frame) => ({ frame: hex(frame), complaint: reasonOf(frame) })));
    for (const [index, row] of rows.entries()) {
      const decoded = decodeBeacon(frames[index]!);
      if (typeof decoded === 'string') continue;
      expect(row).toMatchObject({
        'heard.first': ends(decoded.heard, 0),
        'heard.last': ends(decoded.heard, 1),
      });
    }
  });
});

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function reasonOf(frame: Uint8Array): string {
  const decoded = decodeBeacon(frame);
  return typeof decoded === 'string' ? decoded : '';
}
