import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfiguration, topologyOf } from '../../agent/config/load';
import { drainsFromRecord, recordedDrain } from '../../agent/drains';
import {
  distrustOf,
  isDrainedBy,
  nextEpoch,
  RecordKeeper,
  type RunRecord,
  readRecord,
  removeRecord,
  writeRecord,
} from '../../agent/kernel/record';

import { parseIpv4 } from '../../agent/wire/address';

const TEXT = 'cluster: demo\nplanes: [a, b]\nhosts: { alpha: { alias: 10.78.0.1, links: { a: eth0 } } }\n';
const topology = topologyOf(parseConfiguration(TEXT, 'c.yaml').configuration, 'alpha');

/** What a version without beacons wrote. */
const OLD: RunRecord = {
  cluster: 'demo',
  host: 'alpha',
  pid: 4711,
  protocol: 77,
  table: 254,
  aliases: ['10.78.0.1'],
  settings: [],
};

const folder = mkdtempSync(join(tmpdir(), 'record-'));
const file = join(folder, 'state.json');
afterEach(() => rmSync(file, { force: true }));
afterAll(() => rmSync(folder, { recursive: true }));

describe('nextEpoch', () => {
  test.each([
    ['the time of the first start', undefined, 1_700_000_000_000.9, 1_700_000_000_000],
    ['the time of a later start', 1_700_000_000_000, 1_700_000_000_001.5, 1_700_000_000_001],
    [
      'more than the former one within the same ms',
      1_700_000_000_000,
      1_700_000_000_000.9,
      1_700_000_000_001,
    ],
    ['more than the former one where the clock was set back', 1_700_000_000_000, 5, 1_700_000_000_001],
    ['nothing negative where the clock stands before 1970', undefined, -5, 0],
  ])('is %s', (_name, former, wall, expected) => {
    expect(nextEpoch(former, wall)).toBe(expected);
  });
});

describe('RecordKeeper', () => {
  test('writes the epoch with the next record, and the run after it has a larger one', () => {
    const first = new RecordKeeper(file);
    expect(first.nextEpoch(1000)).toBe(1000);
    first.keep(topology, []);
    expect(readRecord(file)).toMatchObject({ epoch: 1000 });
    expect(new RecordKeeper(file).nextEpoch(10)).toBe(1001);
  });

  test('hands a former epoch on where this run has none', () => {
    const first = new RecordKeeper(file);
    first.nextEpoch(1000);
    first.keep(topology, []);
    new RecordKeeper(file).keep(topology, []);
    expect(new RecordKeeper(file).nextEpoch(10)).toBe(1001);
  });

  test('reads a record without an epoch, and writes none of its own accord', () => {
    writeFileSync(file, JSON.stringify(OLD));
    const keeper = new RecordKeeper(file);
    expect(keeper.former).toEqual(OLD);
    keeper.keep(topology, []);
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')))).toEqual(Object.keys(OLD));
    expect(keeper.nextEpoch(1000)).toBe(1000);
  });

  test.each([['"1000"'], ['-1'], ['1.5'], ['null'], [String(Number.MAX_SAFE_INTEGER)]])(
    'trusts no record with the epoch %s',
    (epoch) => {
      writeFileSync(file, JSON.stringify(OLD).replace('}', `,"epoch":${epoch}}`));
      expect(readRecord(file)).toBeUndefined();
    },
  );
});

describe('settings', () => {
  const withSetting = (setting: string) => ({
    ...OLD,
    settings: [{ link: 'eth0', ifindex: 2, setting, before: 0, value: 1 }],
  });

  test('one that only another version changes is known all the same, so that it is given back', () => {
    const record = withSetting('arp_evict_nocarrier');
    writeFileSync(file, JSON.stringify(record));
    expect(readRecord(file)).toEqual(record);
  });

  test.each(['../../ip_forward', 'a/b', '.', '', 'rp_filter\n', 'RP_FILTER', 'a'.repeat(65)])(
    'no record is trusted that names %j',
    (setting) => {
      writeFileSync(file, JSON.stringify(withSetting(setting)));
      expect(readRecord(file)).toBeUndefined();
    },
  );
});

describe('what a crash may leave', () => {
  const moved = { ...topology, route: { ...topology.route, protocol: 78 } };
  const renamed = { ...topology, aliases: [parseIpv4('10.78.0.9')!] };

  test('routes elsewhere are in the record until they have been swept, over any number of crashes', () => {
    const { route } = topology;
    new RecordKeeper(file).keep(topology, []);
    for (let crash = 0; crash < 3; crash++) {
      const keeper = new RecordKeeper(file);
      keeper.keep(moved, []);
      expect(readRecord(file)).toMatchObject({
        protocol: 78,
        unswept: [{ protocol: route.protocol, table: route.table }],
      });
    }
    const last = new RecordKeeper(file);
    expect(last.formerSpaces(moved)).toHaveLength(1);
    last.swept();
    last.keep(moved, []);
    expect(new RecordKeeper(file).formerSpaces(moved)).toEqual([]);
  });

  test('routes where they are again are not elsewhere', () => {
    new RecordKeeper(file).keep(topology, []);
    new RecordKeeper(file).keep(moved, []);
    const back = new RecordKeeper(file);
    expect(back.formerSpaces(topology)).toEqual([{ protocol: 78, table: topology.route.table }]);
  });

  test('aliases of every topology of a run are in the record', () => {
    const keeper = new RecordKeeper(file);
    keeper.keep(topology, []);
    keeper.keep(renamed, []);
    expect(readRecord(file)!.aliases).toEqual(['10.78.0.1', '10.78.0.9']);
    expect(keeper.formerAliases).toHaveLength(2);
  });

  test('half a record beside it is no record, and goes with it', () => {
    new RecordKeeper(file).keep(topology, []);
    writeFileSync(`${file}.new`, '{ "cluster": "de');
    expect(readRecord(file)).toMatchObject({ cluster: 'demo' });
    removeRecord(file);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(['{}', '[5]', '[{"protocol":77}]'])(
    'no record is trusted with routes elsewhere in %s',
    (unswept) => {
      writeFileSync(file, JSON.stringify(OLD).replace('}', `,"unswept":${unswept}}`));
      expect(readRecord(file)).toBeUndefined();
    },
  );
});

describe('drained links', () => {
  const wall = 1_795_000_000_000;
  const clock = { now: () => 500, wall: () => wall };

  test('are in the next record, by the system’s clock, and on the monotonic one of the next run', () => {
    const drains = [
      recordedDrain('eth0', Number.POSITIVE_INFINITY, clock),
      recordedDrain('eth1', 1500, clock),
    ];
    new RecordKeeper(file).keep(topology, [], drains);
    const former = new RecordKeeper(file).former!;
    expect(former.drains).toEqual([
      { link: 'eth0', until: null },
      { link: 'eth1', until: wall + 1000 },
    ]);
    const later = { now: () => 20, wall: () => wall + 1400 };
    expect([...drainsFromRecord(former.drains, later)]).toEqual([
      ['eth0', Number.POSITIVE_INFINITY],
      ['eth1', -380],
    ]);
    expect([isDrainedBy(former, 'eth0', wall + 9e9), isDrainedBy(former, 'eth2', wall)]).toEqual([
      true,
      false,
    ]);
    expect([999, 1000].map((after) => isDrainedBy(former, 'eth1', wall + after))).toEqual([true, false]);
  });

  test.each(['{}', '[5]', '[{"link":"eth0"}]', '[{"link":5,"until":null}]', '[{"link":"eth0","until":"5"}]'])(
    'no record is trusted with %s',
    (drains) => {
      writeFileSync(file, JSON.stringify(OLD).replace('}', `,"drains":${drains}}`));
      expect(readRecord(file)).toBeUndefined();
    },
  );
});

describe('a record', () => {
  const secret = join(folder, 'secret');
  afterEach(() => {
    rmSync(secret, { force: true });
    chmodSync(folder, 0o700);
  });

  test('is written so that others read it, and believed', () => {
    const mask = process.umask(0o022);
    writeRecord(file, OLD);
    process.umask(mask);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    expect([readRecord(file), distrustOf(file)]).toEqual([OLD, undefined]);
  });

  test('that others can write is not believed', () => {
    writeRecord(file, OLD);
    for (const mode of [0o664, 0o646]) {
      chmodSync(file, mode);
      expect([readRecord(file), distrustOf(file)]).toEqual([
        undefined,
        `${file} can be written by others than its owner`,
      ]);
    }
  });

  test('behind a link is not believed, nor a directory, nor a heap of bytes', () => {
    writeRecord(secret, OLD);
    symlinkSync(secret, file);
    expect([readRecord(file), distrustOf(file)]).toEqual([undefined, `${file} is a symbolic link`]);
    rmSync(file);
    mkdirSync(file);
    expect([readRecord(file), distrustOf(file)]).toEqual([undefined, `${file} is no regular file`]);
    rmSync(file, { recursive: true });
    writeFileSync(file, ' '.repeat(2 << 20));
    expect(distrustOf(file)).toBe(`${file} is larger than 1048576 bytes`);
  });

  test('of a stranger is not believed, but for who has the directory, where root runs this', () => {
    if (process.geteuid?.() !== 0) return;
    writeRecord(file, OLD);
    chownSync(file, 65534, 65534);
    expect([readRecord(file), distrustOf(file)]).toEqual([undefined, `${file} belongs to user 65534`]);
    chownSync(folder, 65534, 65534);
    expect(readRecord(file)).toEqual(OLD);
    chownSync(folder, 0, 0);
  });

  test('replaces a link, and follows none that waits for its draft', () => {
    writeFileSync(secret, 'secret');
    symlinkSync(secret, `${file}.new`);
    symlinkSync(secret, file);
    writeRecord(file, OLD);
    expect(readFileSync(secret, 'utf8')).toBe('secret');
    expect(readRecord(file)).toEqual(OLD);
  });

  test('in a directory that everybody can write is told', () => {
    writeRecord(file, OLD);
    chmodSync(folder, 0o777);
    expect(distrustOf(file)).toBe(`${folder} can be written by everybody`);
    chmodSync(folder, 0o1777);
    expect(distrustOf(file)).toBeUndefined();
  });

  test('that is not there is no matter', () => {
    expect([readRecord(file), distrustOf(file)]).toEqual([undefined, undefined]);
  });

  test.each(['.', '..', 'a/b', ''])('of a setting of %p, which is no link, is none', (link) => {
    const setting = { link, ifindex: 3, setting: 'ip_forward', before: 0, value: 1 };
    writeRecord(file, { ...OLD, settings: [setting] });
    expect(readRecord(file)).toBeUndefined();
  });

  test.each([
    ['the protocol of the kernel', { protocol: 2 }],
    ['a protocol that is none', { protocol: 256 }],
    ['the local table', { table: 255 }],
    ['a table that is none', { table: 0 }],
    ['a former space of the kernel', { unswept: [{ protocol: 2, table: 254 }] }],
  ])('with %s is none: a teardown would remove what is not ours', (_name, odd) => {
    writeRecord(file, { ...OLD, ...odd });
    expect(readRecord(file)).toBeUndefined();
  });
});
