import assert from 'node:assert/strict';
import { decodeAddress } from '../../../../agent/kernel/alias';
import { decodeInterface } from '../../../../agent/kernel/links';
import { neighborProtocol } from '../../../../agent/kernel/neighbors';
import { configuredDevice } from '../../../../agent/kernel/netconf';
import { decodeRoute } from '../../../../agent/kernel/routes';
import { parseMessages } from '../../../../agent/kernel/rtnetlink';

const DECODERS = [decodeInterface, decodeAddress, decodeRoute, neighborProtocol, configuredDevice];

/** Every message lies within the datagram, and every decoder takes each for something, or for nothing of ours. */
export function target(bytes: Uint8Array): void {
  const messages = parseMessages(bytes);
  assert.ok(messages.reduce((sum, { body }) => sum + 16 + body.length, 0) <= bytes.length);
  for (const message of messages) for (const decode of DECODERS) decode(message);
}
