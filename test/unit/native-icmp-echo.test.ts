import { decodeEchoReply, encodeEcho, encodeIpv4, internetChecksum } from '../../native-bindings/icmp-echo';

const IDENTIFIER = 0x4d48;

/** The IPv4 packet that answers an echo request of ours (RFC 791, RFC 792). */
function reply(sequence: number, options = 0): Uint8Array {
  const message = encodeEcho(IDENTIFIER, sequence);
  message[0] = 0;
  message.set([0, 0], 2);
  const sum = internetChecksum(message);
  message.set([sum >>> 8, sum & 0xff], 2);
  const header = new Uint8Array(20 + options);
  const total = header.length + message.length;
  header.set([0x45 + options / 4, 0, total >>> 8, total & 0xff]);
  header.set([64, 1], 8);
  header.set([192, 0, 2, 7], 12);
  return Uint8Array.from([...header, ...message]);
}

/** The same packet with other bytes at an offset. */
function changed(packet: Uint8Array, offset: number, ...bytes: number[]): Uint8Array {
  const copy = Uint8Array.from(packet);
  copy.set(bytes, offset);
  return copy;
}

test('a request has the fields of RFC 792, and a checksum over itself', () => {
  // 0x0800 + 0x4d48 + 0x0102 is 0x564a, whose complement is 0xa9b5.
  const request = encodeEcho(0x4d48, 0x0102);
  expect(Buffer.from(request.subarray(0, 8)).toString('hex')).toBe('0800a9b54d480102');
  expect(request).toHaveLength(64);
  expect(internetChecksum(request)).toBe(0);
});

test('a packet has the fields of RFC 791 but for those that the kernel fills in', () => {
  const message = encodeEcho(IDENTIFIER, 1);
  const packet = encodeIpv4(message, '198.51.100.7', '10.77.1.1');
  expect(Buffer.from(packet.subarray(0, 20)).toString('hex')).toBe(
    '4500000000000000400100000a4d0101c6336407',
  );
  expect(packet.subarray(20)).toEqual(message);
  expect([...encodeIpv4(message, '198.51.100.7').subarray(12, 16)]).toEqual([0, 0, 0, 0]);
});

test('the checksum is that of RFC 1071, 3', () => {
  const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  expect(internetChecksum(example)).toBe(~0xddf2 & 0xffff);
  expect(internetChecksum(Uint8Array.of(0xff))).toBe(0x00ff);
  expect(internetChecksum(new Uint8Array(0))).toBe(0xffff);
});

test.each([0, 1, 0x8000, 0xffff])('the reply to sequence %d is understood', (sequence) => {
  const expected = { source: '192.0.2.7', sequence };
  expect(decodeEchoReply(reply(sequence), IDENTIFIER)).toEqual(expected);
  expect(decodeEchoReply(reply(sequence, 8), IDENTIFIER)).toEqual(expected);
  // Behind the packet's own length may follow what padded the frame.
  expect(decodeEchoReply(Uint8Array.from([...reply(sequence), 1, 2, 3]), IDENTIFIER)).toEqual(expected);
});

test.each([
  ['truncated', new Uint8Array(0)],
  ['truncated', reply(1).subarray(0, 19)],
  ['truncated', reply(1).subarray(0, 40)],
  ['truncated', changed(reply(1), 2, 0, 27)],
  ['truncated', changed(reply(1), 0, 0x44)],
  ['version', changed(reply(1), 0, 0x65)],
  ['protocol', changed(reply(1), 9, 17)],
  ['type', changed(reply(1), 20, 8)],
  ['code', changed(reply(1), 21, 1)],
  ['identifier', changed(reply(1), 24, 0x4d, 0x49)],
  ['checksum', changed(reply(1), 83, 1)],
  ['checksum', changed(reply(1), 26, 0, 2)],
])('what is no answer to us is dropped by the reason %s', (reason, packet) => {
  expect(decodeEchoReply(packet, IDENTIFIER)).toBe(reason);
});
