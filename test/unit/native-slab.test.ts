import { Slab } from '../../native-bindings/slab';

const KIBIBYTE = 1024;

test('every copy is its own: none is changed by the source, by a later copy or by writing to another', () => {
  const slab = new Slab();
  const source = new Uint8Array(10 * KIBIBYTE);
  const lengths = [0, 1, 60, 140, 140, 1514, 9000, 140, 10 * KIBIBYTE, 10 * KIBIBYTE, 60];
  const copies = lengths.map((length, index) => {
    source.fill(index);
    return slab.copy(source, source.length - length, source.length);
  });
  source.fill(0xff);
  expect(copies.map((copy) => copy.length)).toEqual(lengths);
  copies[3]!.fill(0xee);
  for (const [index, copy] of copies.entries()) {
    expect(new Set(copy)).toEqual(new Set(copy.length === 0 ? [] : [index === 3 ? 0xee : index]));
  }
});

test('copies the range, and is a plain Uint8Array', () => {
  const copy = new Slab().copy(Uint8Array.of(1, 2, 3, 4, 5), 1, 4);
  expect(copy).toEqual(Uint8Array.of(2, 3, 4));
});

test('a hundred copies of a beacon share one piece of memory', () => {
  const slab = new Slab();
  const copies = Array.from({ length: 100 }, () => slab.copy(new Uint8Array(140), 0, 140));
  expect(new Set(copies.map(({ buffer }) => buffer)).size).toBe(1);
  expect(copies[0]!.buffer.byteLength).toBe(16 * KIBIBYTE);
});
