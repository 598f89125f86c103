import { createHmac, createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BeaconVerdict } from '../../agent/core/neighborhood';
import { sealOf } from '../../agent/seal';
import { type Beacon, encodeBeacon, heardFrom, LONGEST_BEACON, TAG_LENGTH } from '../../agent/wire/beacon';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';
import { AT, BEACON, bytesOf, decode, ETHERTYPE, hostsFrom, ip, LINKS, mac } from './wire-beacon-fixtures';

const text = readFileSync(join(__dirname, '..', '..', 'docs', 'beacon-protocol.md'), 'utf8');

/** A test vector as the document has it. Addresses are texts; what is hexadecimal has no prefix, but for the EtherType. */
interface Vector extends Omit<Beacon, 'keyId' | 'aliases' | 'links' | 'heard'> {
  readonly key: string;
  readonly keyId: string;
  readonly etherType: string;
  readonly source: string;
  readonly aliases: readonly string[];
  readonly links: readonly (Omit<Beacon['links'][number], 'mac'> & { readonly mac: string })[];
  readonly heard: {
    readonly from: string;
    readonly to: string;
    readonly runs: readonly (readonly string[])[];
  };
  readonly tag: string;
}

/** The digits of a block in which notes stand behind two or more spaces. */
const digitsOf = (block: string) =>
  block
    .split('\n')
    .map((line) => line.trim().split('  ')[0])
    .join('');

const VECTORS = [...text.matchAll(/### (Vector .*)\n+```json\n([^`]*)```\n+```hex\n([^`]*)```/g)].map(
  ([, name = '', json = '', hex = '']) => [name, JSON.parse(json) as Vector, bytesOf(digitsOf(hex))] as const,
);

/** What a vector says, in the codec's terms. */
function beaconOf({ key: _key, etherType: _type, source: _source, tag: _tag, ...said }: Vector): Beacon {
  const { from, to, runs } = said.heard;
  return {
    ...said,
    keyId: Number.parseInt(said.keyId, 16),
    aliases: said.aliases.map(ip),
    links: said.links.map((link) => ({ ...link, mac: mac(link.mac) })),
    heard: { from: ip(from), to: ip(to), runs: runs.flat().map(ip) },
  };
}

const hmac = (key: string, input: string | Uint8Array) =>
  createHmac('sha256', Buffer.from(key, 'hex')).update(input).digest();

test('the document has test vectors', () => {
  expect(VECTORS.length).toBeGreaterThanOrEqual(3);
});

describe.each(VECTORS)('%s', (_, vector, frame) => {
  const signed = frame.length - TAG_LENGTH;

  test('is the frame that the codec writes, and reads', () => {
    const written = encodeBeacon(beaconOf(vector), mac(vector.source), Number(vector.etherType));
    expect(written.signed).toBe(signed);
    expect(Buffer.from(written.bytes.subarray(0, signed)).toString('hex')).toBe(
      Buffer.from(frame.subarray(0, signed)).toString('hex'),
    );
    expect(decode(frame)).toMatchObject({ ...beaconOf(vector), source: mac(vector.source), signed });
  });

  test('has the tag and the key id of the HMAC of Node.js', () => {
    const tag = hmac(vector.key, frame.subarray(ETHERNET_HEADER, signed)).subarray(0, TAG_LENGTH);
    expect(Buffer.from(frame.subarray(signed)).toString('hex')).toBe(vector.tag);
    expect(tag.toString('hex')).toBe(vector.tag);
    expect(hmac(vector.key, 'multihomed beacon key').subarray(0, 4).toString('hex')).toBe(vector.keyId);
  });

  test("passes the daemon's seal, until one bit of it is another", () => {
    const seal = sealOf([createSecretKey(vector.key, 'hex')]);
    const { keyId } = beaconOf(vector);
    expect(seal.keyId).toBe(keyId);
    expect(seal.verify(keyId, frame, ETHERNET_HEADER, signed)).toBe('good');
    for (let offset = ETHERNET_HEADER; offset < frame.length; offset++) {
      const other = frame.slice();
      other[offset]! ^= 1;
      expect(seal.verify(keyId, other, ETHERNET_HEADER, signed)).toBe('bad-tag');
    }
  });
});

test('the worked example is what the codec writes', () => {
  const example = /An example:[^\n]*\n\n((?: {4}.*\n)+)/.exec(text)?.[1] ?? '';
  const { bytes, signed } = encodeBeacon(BEACON, LINKS[0]!.mac, ETHERTYPE);
  expect(bytesOf(digitsOf(example))).toEqual(bytes.subarray(AT.heard, signed));
});

/** A row of the table of sizes: `count` hosts on two planes, of which one in the middle speaks, at 20 beacons a second and link. */
function sizesOf(count: number): string {
  const hosts = hostsFrom('10.78.0.1', count);
  const self = Math.floor(count / 2);
  const heard = heardFrom(hosts.filter((_, index) => index !== self));
  const links = LINKS.map((link) => ({ ...link, state: 'up' as const }));
  const said: Beacon = { ...BEACON, host: 'host0001', aliases: [hosts[self]!], links, heard };
  const size = encodeBeacon(said, LINKS[0]!.mac, ETHERTYPE).bytes.length;
  const others = count - 1;
  const rate = (frames: number) => `${frames}/s, ${((frames * size) / 1000).toFixed(1)} kB/s`;
  // Check sequence, preamble and gap: 24 octets (IEEE 802.3, 3.1.1 and 4.4.2).
  const load = (count * 20 * (size + 24) * 8) / 1e6;
  const asked = `${2 * others}/s, ${40 * others}/s`;
  return `| ${[count, size, rate(40), rate(40 * others), `${load.toFixed(2)} Mbit/s`, asked].join(' | ')} |`;
}

test.each([10, 50, 200, 1000])('the sizes and rates for %i hosts are those of the codec', (count) => {
  expect(text.split('\n')).toContain(sizesOf(count));
});

test('the room that is left for whom a host hears is what the document says', () => {
  const links = Array.from({ length: 16 }, (_, index) => ({
    ...LINKS[0]!,
    plane: `${index}`.padEnd(15, 'x'),
  }));
  const names = { cluster: 'c'.repeat(63), host: 'h'.repeat(63) };
  const large: Beacon = {
    ...BEACON,
    ...names,
    links,
    aliases: hostsFrom('10.0.0.1', 16),
    heard: heardFrom([]),
  };
  const { bytes } = encodeBeacon(large, LINKS[0]!.mac, ETHERTYPE);
  expect(text.replaceAll(/\s+/g, ' ')).toContain(
    `room for ${ETHERNET_HEADER + LONGEST_BEACON - bytes.length} octets of gaps and runs`,
  );
});

test('what becomes of a beacon is in the list of checks', () => {
  // The compiler says where one is missing here.
  const verdicts: Record<BeaconVerdict, true> = {
    'vlan-tagged': true,
    'beacon-truncated': true,
    'beacon-version': true,
    'beacon-malformed': true,
    'beacon-other-cluster': true,
    'beacon-own': true,
    'beacon-own-name': true,
    'beacon-wrong-plane': true,
    'beacon-sender-mac': true,
    'beacon-older-epoch': true,
    'beacon-replayed': true,
    'beacon-unknown-key': true,
    'beacon-bad-tag': true,
    'beacon-alias-taken': true,
    'beacon-undiscovered': true,
    'beacon-too-many': true,
    'pinned-mac': true,
    'beacons-heard': true,
    'beacons-urgent': true,
  };
  for (const verdict of Object.keys(verdicts))
    expect(text).toMatch(new RegExp(`^\\|.*\`${verdict}\`.*\\|$`, 'm'));
});
