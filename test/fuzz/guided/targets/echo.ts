import assert from 'node:assert/strict';
import {
  decodeEchoReply,
  type EchoDropReason,
  encodeEcho,
  encodeIpv4,
  internetChecksum,
} from '../../../../native-bindings/icmp-echo';

const REASONS: Readonly<Record<EchoDropReason, true>> = {
  truncated: true,
  version: true,
  protocol: true,
  type: true,
  code: true,
  identifier: true,
  checksum: true,
};
const IDENTIFIER = 0x4d48;
const ECHO_REPLY = 0;

/** Either a reason with a name, or an answer whose numbers are those of the packet; with its checksum put right it is never refused for that. */
export function target(bytes: Uint8Array): void {
  const before = bytes.slice();
  judge(bytes);
  assert.deepEqual(bytes, before);
  const mended = withChecksum(bytes);
  if (mended !== undefined) assert.notEqual(judge(mended), 'checksum');
  judgeRoundTrip(bytes);
}

function judge(bytes: Uint8Array): unknown {
  const decoded = decodeEchoReply(bytes, IDENTIFIER);
  if (typeof decoded === 'string') {
    assert.ok(Object.hasOwn(REASONS, decoded), decoded);
    return decoded;
  }
  assert.match(decoded.source, /^(\d{1,3}\.){3}\d{1,3}$/);
  assert.ok(Number.isInteger(decoded.sequence) && decoded.sequence >= 0 && decoded.sequence <= 0xffff);
  return decoded;
}

/** The packet with the checksum that its message should have; undefined where it holds no message. */
function withChecksum(bytes: Uint8Array): Uint8Array | undefined {
  const start = ((bytes[0] ?? 0) & 0xf) * 4;
  const end = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  if (start < 20 || end < start + 8 || end > bytes.length) return undefined;
  const mended = bytes.slice();
  mended.fill(0, start + 2, start + 4);
  const sum = internetChecksum(mended.subarray(start, end));
  mended.set([sum >>> 8, sum & 0xff], start + 2);
  return mended;
}

/** A reply to a request of ours, with numbers from the input, is read as what it is. */
function judgeRoundTrip(bytes: Uint8Array): void {
  const sequence = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  const source = [...bytes.subarray(0, 4), 0, 0, 0, 0].slice(0, 4).join('.');
  const message = encodeEcho(IDENTIFIER, sequence);
  message[0] = ECHO_REPLY;
  message.fill(0, 2, 4);
  const sum = internetChecksum(message);
  message.set([sum >>> 8, sum & 0xff], 2);
  const packet = encodeIpv4(message, '192.0.2.1', source);
  packet.set([packet.length >>> 8, packet.length & 0xff], 2);
  assert.deepEqual(decodeEchoReply(packet, IDENTIFIER), { source, sequence });
}
