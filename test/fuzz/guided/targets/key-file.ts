import assert from 'node:assert/strict';
import { keysIn } from '../../../../agent/config/key-file';
import { ConfigurationError } from '../../../../agent/config/problem';

const FILE = '/k';

/** Either one or two keys, or an error that shows nothing of what was read. */
export function target(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString('latin1');
  try {
    const keys = keysIn(text, FILE);
    assert.ok(keys.length >= 1 && keys.length <= 2);
    for (const key of keys) {
      assert.equal(key.symmetricKeySize, 32);
      assert.ok(text.toLowerCase().includes(key.export().toString('hex')));
    }
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    assert.equal(error.problems.length, 1);
    assert.match(error.message, /^\/k:\d+:\d+: (this|a third) [a-z0-9 ]+; [ -~]+$/);
  }
}
