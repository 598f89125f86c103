import assert from 'node:assert/strict';
import { LONGEST_DRAIN, parseRequest } from '../../../../agent/control/request';

const COMMANDS = ['status', 'routes', 'events', 'wait', 'drain', 'undrain', 'reload', 'teardown'];

/** Either a refusal that says why, or a request whose fields are of their types and which reads the same again. */
export function target(bytes: Uint8Array): void {
  const line = Buffer.from(bytes).toString();
  const parsed = parseRequest(line);
  if ('code' in parsed) {
    assert.ok(parsed.code === 'bad-request' || parsed.code === 'unknown-command');
    assert.match(parsed.message, /^[ -~]{1,100}$/);
    return;
  }
  assert.ok(COMMANDS.includes(parsed.command));
  assert.deepEqual(parseRequest(JSON.stringify(parsed)), parsed);
  // Nothing but what was asked for, whatever else the line holds.
  const asked = JSON.parse(line) as Record<string, unknown>;
  assert.equal(parsed.command, asked.command);
  if (parsed.command === 'events') {
    assert.ok(Number.isInteger(parsed.last) && parsed.last >= 0);
    // No count of events, which the coverage knows nothing of: a default value is no block.
    for (const last of [-1, 0.5, `${parsed.last}`, null, true])
      assert.ok('code' in parseRequest(JSON.stringify({ ...parsed, last })));
  }
  if (parsed.command === 'wait') assert.equal(parsed.peer, asked.peer);
  if (parsed.command === 'drain') {
    assert.equal(parsed.force, asked.force ?? false);
    assert.ok(parsed.for === undefined || (parsed.for > 0 && parsed.for <= LONGEST_DRAIN));
  }
}
