import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { hmacBy, hmacByHashes, sealOf } from '../../agent/seal';
import { LONGEST_BEACON, TAG_LENGTH } from '../../agent/wire/beacon';

const hex = (text: string) => Buffer.from(text, 'hex');
const keyOf = (bytes: Uint8Array) => createSecretKey(bytes);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

const OLD = keyOf(hex('00112233445566778899aabbccddeeff'.repeat(2)));
const NEW = keyOf(hex('0f1e2d3c4b5a69788796a5b4c3d2e1f0'.repeat(2)));

/** RFC 4231, 4.2 to 4.8. A key longer than a block stands for its hash (RFC 2104, 2). */
const VECTORS: readonly (readonly [name: string, key: Buffer, data: Buffer, tag: string])[] = [
  ['case 1', Buffer.alloc(20, 0x0b), Buffer.from('Hi There'), 'b0344c61d8db38535ca8afceaf0bf12b'],
  [
    'case 2',
    Buffer.from('Jefe'),
    Buffer.from('what do ya want for nothing?'),
    '5bdcc146bf60754e6a042426089575c7',
  ],
  ['case 3', Buffer.alloc(20, 0xaa), Buffer.alloc(50, 0xdd), '773ea91e36800e46854db8ebd09181a7'],
  [
    'case 4',
    Buffer.from(Array.from({ length: 25 }, (_, index) => index + 1)),
    Buffer.alloc(50, 0xcd),
    '82558a389a443c0ea4cc819899f2083a',
  ],
  ['case 5', Buffer.alloc(20, 0x0c), Buffer.from('Test With Truncation'), 'a3b6167473100ee06e0c796c2955552b'],
  [
    'case 6',
    sha256(Buffer.alloc(131, 0xaa)),
    Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First'),
    '60e431591ee0b67f0d8a26aacbf5b77f',
  ],
  [
    'case 7',
    sha256(Buffer.alloc(131, 0xaa)),
    Buffer.from(
      'This is a test using a larger than block-size key and a larger than block-size data. ' +
        'The key needs to be hashed before being used by the HMAC algorithm.',
    ),
    '9b09ffa71b942fcb27635fbcd5b0e944',
  ],
];

/** `data` with a margin before it, so that offsets matter, and room for the tag behind. */
function framed(data: Uint8Array): { bytes: Uint8Array; start: number; end: number } {
  const start = 14;
  const bytes = new Uint8Array(start + data.length + TAG_LENGTH).fill(0x55, 0, start);
  bytes.set(data, start);
  return { bytes, start, end: start + data.length };
}

const sealed = (keys: readonly KeyObject[], data = Buffer.from('beacon')) => {
  const frame = framed(data);
  const seal = sealOf(keys);
  seal.sign(frame.bytes, frame.start, frame.end);
  return { ...frame, keyId: seal.keyId };
};

describe.each([
  ['OpenSSL', hmacBy],
  ['two hashes', hmacByHashes],
])('HMAC-SHA256 by %s', (_name, authenticator) => {
  test.each(VECTORS)('makes the tag of RFC 4231, %s', (_case, key, data, tag) => {
    const { bytes, start, end } = framed(data);
    const seal = sealOf([keyOf(key)], authenticator);
    seal.sign(bytes, start, end);
    expect(Buffer.from(bytes.subarray(end)).toString('hex')).toBe(tag);
    expect(seal.verify(seal.keyId, bytes, start, end)).toBe('good');
  });

  test('takes the longest beacon, after which a short one is not touched by it', () => {
    const authenticate = authenticator(OLD);
    for (const length of [LONGEST_BEACON, 0, 55, 64]) {
      const data = Buffer.alloc(length, length);
      const expected = createHmac('sha256', OLD).update(data).digest('binary');
      expect(authenticate(data, 0, length)).toBe(expected);
    }
  });
});

describe('sealOf', () => {
  test('names a key by the HMAC of a fixed text', () => {
    const named = createHmac('sha256', OLD).update('multihomed beacon key').digest().readUInt32BE();
    expect(sealOf([OLD]).keyId).toBe(named);
    expect(sealOf([OLD]).keyId).not.toBe(sealOf([NEW]).keyId);
  });

  test('touches nothing but the tag', () => {
    const { bytes, start, end } = sealed([OLD]);
    expect([...bytes.subarray(0, start)]).toEqual(Array(start).fill(0x55));
    expect(Buffer.from(bytes.subarray(start, end)).toString()).toBe('beacon');
  });

  test('refuses a beacon of which any bit, of content or tag, is another', () => {
    const { bytes, start, end, keyId } = sealed([OLD]);
    const seal = sealOf([OLD]);
    for (let bit = 8 * start; bit < 8 * bytes.length; bit++) {
      const forged = Uint8Array.from(bytes);
      forged[bit >> 3]! ^= 1 << (bit & 7);
      expect(seal.verify(keyId, forged, start, end)).toBe('bad-tag');
    }
    expect(seal.verify(keyId, bytes, start, end)).toBe('good');
  });

  test('signs with the first key and takes what either signed, so that a key can be rolled', () => {
    const rolling = [sealOf([OLD]), sealOf([OLD, NEW]), sealOf([NEW, OLD]), sealOf([NEW])];
    const verdicts = rolling.map((seal) => {
      const frame = framed(Buffer.from('beacon'));
      seal.sign(frame.bytes, frame.start, frame.end);
      return rolling.map((other) => other.verify(seal.keyId, frame.bytes, frame.start, frame.end));
    });
    expect(verdicts).toEqual([
      ['good', 'good', 'good', 'unknown-key'],
      ['good', 'good', 'good', 'unknown-key'],
      ['unknown-key', 'good', 'good', 'good'],
      ['unknown-key', 'good', 'good', 'good'],
    ]);
  });

  test('takes no tag by a key that another name claims', () => {
    const { bytes, start, end } = sealed([OLD]);
    const both = sealOf([OLD, NEW]);
    expect(both.verify(sealOf([NEW]).keyId, bytes, start, end)).toBe('bad-tag');
  });
});
