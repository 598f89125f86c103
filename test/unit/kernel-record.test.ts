import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfiguration, topologyOf } from '../../agent/config/load';
import { nextEpoch, RecordKeeper, type RunRecord, readRecord } from '../../agent/kernel/record';

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
