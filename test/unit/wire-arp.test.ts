import fc from 'fast-check';
import {
  BROADCAST_MAC,
  type Ipv4,
  isHostIpv4,
  type Mac,
  parseIpv4,
  parseMac,
  ZERO_MAC,
} from '../../agent/wire/address';
import {
  ARP_LENGTH,
  type ArpFrame,
  arpAnnouncement,
  arpReply,
  arpRequest,
  decodeArp,
  encodeArp,
  isAnnouncement,
  MINIMUM_FRAME,
} from '../../agent/wire/arp';
import { ETHERNET_HEADER } from '../../agent/wire/ethernet';

const mac = (text: string) => parseMac(text)!;
const ip = (text: string) => parseIpv4(text)!;

const ALPHA = mac('02:00:00:00:00:0a');
const BETA = mac('02:00:00:00:00:0b');

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
}

/** As `arping -U` and the Linux kernel put them on the wire; the padding is Ethernet's. */
const REQUEST = bytesOf(`
  ffffffffffff 02000000000a 0806
  0001 0800 06 04 0001
  02000000000a 0a4e0001 000000000000 0a4e0002
  000000000000000000000000000000000000`);
const REPLY = bytesOf(`
  02000000000a 02000000000b 0806
  0001 0800 06 04 0002
  02000000000b 0a4e0002 02000000000a 0a4e0001
  000000000000000000000000000000000000`);

describe('frames as they are on the wire', () => {
  const request = arpRequest(ALPHA, ip('10.78.0.1'), ip('10.78.0.2'));

  test('a request to everybody', () => {
    expect(encodeArp(request)).toEqual(REQUEST);
    expect(decodeArp(REQUEST)).toEqual(request);
  });

  test('a request to one address leaves the question open', () => {
    const frame = arpRequest(ALPHA, ip('10.78.0.1'), ip('10.78.0.2'), BETA);
    expect(frame).toEqual({ ...request, destination: BETA });
    expect(frame.targetMac).toBe(ZERO_MAC);
  });

  test('the answer goes to who asked', () => {
    expect(encodeArp(arpReply(request, BETA))).toEqual(REPLY);
    expect(decodeArp(REPLY)).toEqual(arpReply(request, BETA));
  });

  test('an announcement is a request for its own sender, to everybody', () => {
    const frame = arpAnnouncement(ALPHA, ip('10.78.0.1'));
    expect(frame).toMatchObject({ operation: 'request', destination: BROADCAST_MAC, targetMac: ZERO_MAC });
    expect(frame.senderIp).toBe(frame.targetIp);
    expect(isAnnouncement(frame)).toBe(true);
  });

  test.each([
    ['an announcement in the reply form', { operation: 'reply', targetMac: ALPHA } as const, true],
    ['a request for another', { targetIp: ip('10.78.0.2') }, false],
    ['a probe for 0.0.0.0', { senderIp: 0 as Ipv4, targetIp: 0 as Ipv4 }, false],
  ])('%s announces: %p', (_, change, expected) => {
    expect(isAnnouncement({ ...arpAnnouncement(ALPHA, ip('10.78.0.1')), ...change })).toBe(expected);
  });

  test('are long enough for every card', () => {
    expect(REQUEST).toHaveLength(MINIMUM_FRAME);
  });
});

describe('frames that are of no use', () => {
  /** The reply with other bytes at an offset. */
  const changed = (offset: number, hex: string) => {
    const bytes = REPLY.slice();
    bytes.set(bytesOf(hex), offset);
    return bytes;
  };

  test.each([
    ['empty', new Uint8Array(0), 'truncated'],
    ['one byte short', REPLY.slice(0, ETHERNET_HEADER + ARP_LENGTH - 1), 'truncated'],
    ['IPv4', changed(12, '0800'), 'ethertype'],
    ['802.1Q', changed(12, '8100'), 'ethertype'],
    ['a length of 802.3', changed(12, '0024'), 'ethertype'],
    ['IEEE 802 hardware', changed(14, '0006'), 'hardware-type'],
    ['IPv6', changed(16, '86dd'), 'protocol-type'],
    ['long hardware addresses', changed(18, '08'), 'address-length'],
    ['long protocol addresses', changed(19, '10'), 'address-length'],
    ['operation 0', changed(20, '0000'), 'operation'],
    ['RARP', changed(20, '0003'), 'operation'],
    ['operation 0x0101', changed(20, '0101'), 'operation'],
    ['no sender', changed(22, '000000000000'), 'sender-mac'],
    ['everybody as sender', changed(22, 'ffffffffffff'), 'sender-mac'],
    ['a group as sender', changed(22, '01005e000001'), 'sender-mac'],
    ['another source', changed(6, '02000000000c'), 'sender-mac-mismatch'],
    ['loopback as sender', changed(28, '7f000001'), 'sender-ip'],
    ['a group address as sender', changed(28, 'e0000001'), 'sender-ip'],
    ['everybody as sender address', changed(28, 'ffffffff'), 'sender-ip'],
    ['0.1.2.3 as sender', changed(28, '00010203'), 'sender-ip'],
  ])('%s: %p', (_, bytes, reason) => {
    expect(decodeArp(bytes)).toBe(reason);
  });

  test('an address probe (RFC 5227) is of use', () => {
    expect(decodeArp(changed(28, '00000000'))).toMatchObject({ senderIp: 0 });
  });

  test('without its padding a frame is whole', () => {
    expect(decodeArp(REPLY.slice(0, ETHERNET_HEADER + ARP_LENGTH))).toEqual(decodeArp(REPLY));
  });
});

describe('every frame', () => {
  const anyMac = fc.maxSafeNat().map((value) => (value % 0x1000000000000) as Mac);
  const cardMac = anyMac.map((value) => (value - (Math.floor(value / 2 ** 40) % 2) * 2 ** 40 || 1) as Mac);
  const anyIp = fc.nat(0xffffffff).map((value) => value as Ipv4);
  const hostIp = anyIp.filter(isHostIpv4);
  const frame: fc.Arbitrary<ArpFrame> = fc
    .record({
      destination: anyMac,
      source: cardMac,
      operation: fc.constantFrom('request', 'reply'),
      senderIp: hostIp,
      targetMac: anyMac,
      targetIp: anyIp,
    })
    .map((fields) => ({ ...fields, senderMac: fields.source }));

  test('comes back from its bytes', () => {
    fc.assert(fc.property(frame, (sent) => expect(decodeArp(encodeArp(sent))).toEqual(sent)));
  });

  test('comes back whatever follows it, and from any place in a larger buffer', () => {
    fc.assert(
      fc.property(frame, fc.uint8Array(), fc.nat(20), (sent, behind, offset) => {
        const buffer = Uint8Array.from([...new Uint8Array(offset), ...encodeArp(sent), ...behind]);
        expect(decodeArp(buffer.subarray(offset))).toEqual(sent);
      }),
    );
  });
});
