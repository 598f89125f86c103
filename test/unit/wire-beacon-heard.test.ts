import fc from 'fast-check';
import type { Ipv4 } from '../../agent/wire/address';
import {
  type Beacon,
  encodeBeacon,
  type Heard,
  heardFrom,
  hears,
  LONGEST_BEACON,
  MOST_ALIASES,
  MOST_LINKS,
  type UnsignedFrame,
} from '../../agent/wire/beacon';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import { anyBeacon } from './wire-beacon-arbitraries';
import { BEACON, decode, ETHERTYPE, hostsFrom, ip, LINKS } from './wire-beacon-fixtures';

const FIRST = 0 as Ipv4;
const LAST = 0xffffffff as Ipv4;
const LONGEST_FRAME = ETHERNET_HEADER + LONGEST_BEACON;

const encode = (heard: Heard, beacon: Beacon = BEACON, mtu?: number): UnsignedFrame =>
  encodeBeacon({ ...beacon, heard }, LINKS[0]!.mac, ETHERTYPE, mtu);

const EMPTY = encode(heardFrom([])).bytes.length;
/** Bytes that the hosts take in a beacon. */
const cost = (hosts: readonly Ipv4[]) => encode(heardFrom(hosts)).bytes.length - EMPTY;

/** The hosts that a statement names. */
function namesOf({ runs }: Heard): number[] {
  const names: number[] = [];
  for (let index = 0; index < runs.length; index += 2)
    for (let host: number = runs[index]!; host <= runs[index + 1]!; host++) names.push(host);
  return names;
}

/** What a host that hears `hosts` says in one beacon after the other, until all is said. */
function inTurn(
  hosts: readonly Ipv4[],
  beacon: Beacon = BEACON,
  mtu?: number,
): { bytes: number; heard: Heard }[] {
  const said: { bytes: number; heard: Heard }[] = [];
  for (let from = FIRST; ; ) {
    const { bytes, heardTo } = encode(heardFrom(hosts, from), beacon, mtu);
    said.push({ bytes: bytes.length, heard: decode(bytes).heard });
    if (heardTo === LAST) return said;
    from = (heardTo + 1) as Ipv4;
  }
}

describe('whom a host hears', () => {
  test('is said in runs', () => {
    const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.5', '10.1.0.0'].map(ip);
    const runs = ['10.0.0.1', '10.0.0.3', '10.0.0.5', '10.0.0.5', '10.1.0.0', '10.1.0.0'].map(ip);
    expect(heardFrom(hosts)).toEqual({ from: FIRST, to: LAST, runs });
    expect(heardFrom([])).toEqual({ from: FIRST, to: LAST, runs: [] });
    expect(heardFrom([FIRST, LAST])).toEqual({ from: FIRST, to: LAST, runs: [FIRST, FIRST, LAST, LAST] });
  });

  test('may begin later, also within a run', () => {
    const hosts = hostsFrom('10.0.0.1', 9);
    expect(heardFrom(hosts, ip('10.0.0.4'))).toEqual({
      from: ip('10.0.0.4'),
      to: LAST,
      runs: [ip('10.0.0.4'), ip('10.0.0.9')],
    });
    expect(heardFrom(hosts, ip('10.0.0.10')).runs).toEqual([]);
  });

  test('is known within the range, and unknown outside', () => {
    const runs = ['10.0.0.10', '10.0.0.12', '10.0.0.14', '10.0.0.14'].map(ip);
    const heard: Heard = { from: ip('10.0.0.9'), to: ip('10.0.0.15'), runs };
    const told = hostsFrom('10.0.0.8', 9).map((host) => hears(heard, host));
    expect(told).toEqual([undefined, false, true, true, true, false, true, false, undefined]);
    expect(hears(heardFrom([]), ip('10.0.0.1'))).toBe(false);
  });

  test('is found among many runs', () => {
    const hosts = hostsFrom('10.0.0.0', 501, 2);
    for (const host of hostsFrom('10.0.0.0', 1001))
      expect(hears(heardFrom(hosts), host)).toBe(host % 2 === 0);
  });

  test('is what the list says, for every list and every host', () => {
    fc.assert(
      fc.property(anyBeacon, fc.nat(0xffffffff), ({ heard }, host) => {
        const inRun = heard.runs.some(
          (first, index) => index % 2 === 0 && first <= host && host <= heard.runs[index + 1]!,
        );
        expect(hears(heard, host as Ipv4)).toBe(host < heard.from ? undefined : inRun);
        for (const end of heard.runs) {
          expect(hears(heard, end)).toBe(true);
          if (end > heard.from && !heard.runs.includes((end - 1) as Ipv4))
            expect(hears(heard, (end - 1) as Ipv4)).toBe(heard.runs.indexOf(end) % 2 === 1);
        }
      }),
    );
  });
});

describe('in few bytes', () => {
  const all = hostsFrom('10.78.0.1', 1000);

  test.each([
    ['1000 in a row', all, 6],
    ['all of them but one', all.filter((_, index) => index !== 500), 9],
    ['one alone', hostsFrom('10.78.0.1', 1), 5],
    ['every second of 1000', all.filter((_, index) => index % 2 === 0), 1003],
    ['900 of 1000', all.filter((_, index) => index % 10 !== 5), 205],
  ])('%s', (_, hosts, bytes) => {
    expect(cost(hosts)).toBe(bytes);
    expect(inTurn(hosts)).toHaveLength(1);
  });

  test('1000 hosts find room beside 16 links, 16 aliases and the longest names', () => {
    const links = Array.from({ length: MOST_LINKS }, (_, index) => ({
      ...LINKS[0]!,
      plane: `plane-${index}`.padEnd(15, 'x'),
    }));
    const aliases = hostsFrom('10.78.8.1', MOST_ALIASES);
    const large: Beacon = { ...BEACON, cluster: 'c'.repeat(63), host: 'h'.repeat(63), aliases, links };
    for (const plane of [LINKS, links]) {
      const said = inTurn(all, { ...large, links: plane });
      expect(said.map(({ heard }) => namesOf(heard))).toEqual([all]);
      expect(said[0]!.bytes).toBeLessThanOrEqual(LONGEST_FRAME);
    }
    // At its worst, more than half of the frame is left for whom it hears.
    expect(encode(heardFrom([]), large).bytes).toHaveLength(
      ETHERNET_HEADER + 32 + 128 + 64 + 16 * 24 + 8 + 16,
    );
  });
});

describe('where not all find room', () => {
  const far = hostsFrom('10.0.0.1', 1000, 16_777);

  test('1000 hosts all over 10.0.0.0/8 are told in turns', () => {
    const said = inTurn(far);
    expect(said).toHaveLength(3);
    expect(said.flatMap(({ heard }) => namesOf(heard))).toEqual(far);
    for (const [index, { heard }] of said.entries()) {
      expect(heard.from).toBe(index === 0 ? FIRST : said[index - 1]!.heard.to + 1);
      expect(heard.to).toBe(index === 2 ? LAST : said[index + 1]!.heard.runs[0]! - 1);
    }
  });

  test('a frame is filled to its last byte', () => {
    // A run of one host takes a byte, the gap before it one or two: so one byte more or less in the name decides.
    for (const [step, bytes] of [
      [128, 2],
      [129, 3],
    ] as const)
      for (const cluster of ['c', 'cc', 'ccc']) {
        const [first] = inTurn(hostsFrom('10.78.0.1', 1000, step), { ...BEACON, cluster });
        expect(first!.bytes).toBeGreaterThan(LONGEST_FRAME - bytes);
        expect(first!.bytes).toBeLessThanOrEqual(LONGEST_FRAME);
      }
  });

  test.each([
    [1400, 1400],
    [9000, LONGEST_BEACON],
  ])('with an MTU of %i a beacon has at most %i bytes', (mtu, longest) => {
    const said = inTurn(far, BEACON, mtu);
    expect(said.flatMap(({ heard }) => namesOf(heard))).toEqual(far);
    expect(Math.max(...said.map(({ bytes }) => bytes))).toBeGreaterThan(ETHERNET_HEADER + longest - 8);
    expect(Math.max(...said.map(({ bytes }) => bytes))).toBeLessThanOrEqual(ETHERNET_HEADER + longest);
  });

  test('every host is said in its turn, whatever the hosts', () => {
    fc.assert(
      fc.property(anyBeacon, (beacon) => {
        const hosts = namesOf(beacon.heard) as Ipv4[];
        const said = inTurn(hosts, beacon);
        expect(said.flatMap(({ heard }) => namesOf(heard))).toEqual(hosts);
        expect(said.at(-1)!.heard.to).toBe(LAST);
      }),
    );
  });
});
