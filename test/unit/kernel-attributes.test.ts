import { endianness } from 'node:os';
import { decodeAddress } from '../../agent/kernel/alias';
import { Attributes } from '../../agent/kernel/attributes';
import { decodeInterface } from '../../agent/kernel/links';
import { neighborProtocol } from '../../agent/kernel/neighbors';
import { ALL_DEVICES, configuredDevice } from '../../agent/kernel/netconf';
import { decodeRoute } from '../../agent/kernel/routes';
import type { KernelMessage } from '../../agent/kernel/rtnetlink';

const LITTLE = endianness() === 'LE';

/** A number in the host's order. */
function number(value: number, size: 1 | 2 | 4): Buffer {
  const bytes = Buffer.alloc(size);
  if (LITTLE) bytes.writeUIntLE(value, 0, size);
  else bytes.writeUIntBE(value, 0, size);
  return bytes;
}

function attribute(type: number, value: Buffer): Buffer {
  const padding = Buffer.alloc(-value.length & 3);
  return Buffer.concat([number(4 + value.length, 2), number(type, 2), value, padding]);
}

const message = (...parts: readonly Buffer[]): KernelMessage => ({
  type: 0,
  flags: 0,
  sequence: 0,
  port: 0,
  body: Buffer.concat(parts),
});

/** struct rtmsg of a unicast route to a /16 in the main table, by protocol 186 (BGP), and its RTA_DST. */
const ROUTE = [Buffer.of(2, 16, 0, 0, 254, 186, 0, 1), number(0, 4), attribute(1, Buffer.of(10, 7, 0, 0))];

describe('a route of somebody else', () => {
  // `ip route add 10.7.0.0/16 via inet6 fd00::2`, as BGP unnumbered makes them (RFC 8950): struct rtvia has the length of its address.
  test('with a nexthop of another family is one like all others', () => {
    const via = attribute(18, Buffer.concat([number(10, 2), Buffer.alloc(16, 0xfd)]));
    expect(decodeRoute(message(...ROUTE, attribute(4, number(3, 4)), via))).toMatchObject({
      protocol: 186,
      table: 254,
      device: 3,
      gateway: undefined,
    });
  });

  test.each([
    ['a number that has another length', attribute(26, number(1, 4))],
    ['a nested attribute cut short', attribute(8, Buffer.of(200, 0, 2, 0))],
    ['an attribute that ends behind the message', Buffer.of(40, 0, 30, 0)],
    ['an attribute shorter than its head', Buffer.of(3, 0, 30, 0)],
    ['less than a head', Buffer.of(8, 0)],
    ['a metric that is newer than this', attribute(8, attribute(99, number(1, 4)))],
  ])('with %s keeps its other parts', (_name, odd) => {
    expect(decodeRoute(message(...ROUTE, odd))).toMatchObject({ protocol: 186, destination: { length: 16 } });
  });
});

test('an interface keeps its name, whatever its kind has in other attributes', () => {
  const header = Buffer.concat([Buffer.of(0, 0), number(1, 2), number(7, 4), number(1, 4), number(0, 4)]);
  const address = attribute(1, Buffer.of(2, 0, 0, 0, 0, 10));
  const name = attribute(3, Buffer.from('eth0\0'));
  // IFLA_LINKINFO (nested) and IFLA_STATS64, shorter than any kernel's.
  const odd = [attribute(18 | 0x8000, Buffer.of(1, 2, 3)), attribute(23, Buffer.of(1))];
  expect(decodeInterface(message(header, ...odd, address, name))).toEqual({
    ifindex: 7,
    name: 'eth0',
    mac: 0x02000000000a,
    up: true,
    carrier: false,
    mtu: undefined,
  });
});

test('a message without its header is nothing of ours', () => {
  for (const decode of [decodeInterface, decodeAddress, decodeRoute, neighborProtocol])
    expect(decode(message(Buffer.of(2, 0, 0)))).toBeUndefined();
});

test('of two attributes with one number the latter counts, and a text ends where its zero is', () => {
  const bytes = Buffer.concat([attribute(3, Buffer.from('a\0b')), attribute(3, Buffer.from('c\0'))]);
  expect(new Attributes(bytes).text(3)).toBe('c');
  expect(new Attributes(bytes.subarray(0, 8)).text(3)).toBe('a');
  expect(new Attributes(attribute(3, Buffer.from('abc'))).text(3)).toBe('abc');
});

describe('a message on settings', () => {
  const family = (number: number) => Buffer.of(number, 0, 0, 0);
  const [device, forwarding, rpFilter] = [
    attribute(1, number(7, 4)),
    attribute(2, number(1, 4)),
    attribute(3, number(1, 4)),
  ];

  test('tells the device where it is about one that is looked after', () => {
    expect(configuredDevice(message(family(2), device, rpFilter))).toBe(7);
    expect(configuredDevice(message(family(2), device, attribute(6, number(0, 4))))).toBe(7);
    expect(configuredDevice(message(family(2), attribute(1, number(0xffffffff, 4)), rpFilter))).toBe(
      ALL_DEVICES,
    );
  });

  test('is none of ours where it is about another, of another family, or cut short', () => {
    expect(configuredDevice(message(family(2), device, forwarding))).toBeUndefined();
    expect(configuredDevice(message(family(10), device, rpFilter))).toBeUndefined();
    expect(configuredDevice(message(family(2), rpFilter))).toBeUndefined();
    expect(configuredDevice(message(Buffer.of(2)))).toBeUndefined();
  });
});
