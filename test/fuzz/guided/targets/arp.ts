import assert from 'node:assert/strict';
import { isHostIpv4, isUnicastMac } from '../../../../agent/wire/address';
import { ARP_LENGTH, type ArpDropReason, decodeArp, encodeArp } from '../../../../agent/wire/arp';
import { ETHERNET_HEADER } from '../../../../agent/wire/ethernet';

const REASONS: Readonly<Record<ArpDropReason, true>> = {
  truncated: true,
  ethertype: true,
  'hardware-type': true,
  'protocol-type': true,
  'address-length': true,
  operation: true,
  'sender-mac': true,
  'sender-mac-mismatch': true,
  'sender-ip': true,
};
const LENGTH = ETHERNET_HEADER + ARP_LENGTH;

/** Either a reason with a name, or a frame whose parts are all in their ranges and whose bytes are those it came from. */
export function target(bytes: Uint8Array): void {
  const before = bytes.slice();
  const decoded = decodeArp(bytes);
  assert.deepEqual(bytes, before);
  if (typeof decoded === 'string') {
    assert.ok(Object.hasOwn(REASONS, decoded), decoded);
    return;
  }
  assert.ok(isUnicastMac(decoded.senderMac) && decoded.senderMac === decoded.source);
  assert.ok(decoded.senderIp === 0 || isHostIpv4(decoded.senderIp));
  assert.deepEqual(encodeArp(decoded).subarray(0, LENGTH), bytes.subarray(0, LENGTH));
}
