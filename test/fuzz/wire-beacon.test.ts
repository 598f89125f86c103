import fc from 'fast-check';
import { TAG_LENGTH } from '../../agent/wire/beacon';
import { anyFrame, damagedFrame, lookalikeFrame, randomFrame } from '../unit/wire-beacon-arbitraries';
import { decode } from '../unit/wire-beacon-fixtures';
import { target as judge } from './guided/targets/beacon';
import { fuzz } from './property';

const check = fuzz(4);

describe('whatever arrives as a beacon', () => {
  test('random bytes are told apart without a throw', () => {
    check(fc.oneof(randomFrame, fc.uint8Array({ maxLength: 1600 })), judge);
  });

  test('so are frames that say of whom they hear what they like', () => {
    check(lookalikeFrame, judge);
  });

  test('so are frames that were damaged, cut or extended', () => {
    check(damagedFrame, judge);
  });

  test('a frame of our own comes back as it was', () => {
    check(anyFrame, (bytes) => {
      const decoded = decode(bytes);
      judge(bytes);
      expect(decoded.signed).toBe(bytes.length - TAG_LENGTH);
    });
  });
});
