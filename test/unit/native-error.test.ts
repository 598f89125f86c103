import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addonPath, load } from '../../native-bindings/addon';
import { packageRoot } from '../../native-bindings/package-root';
import { PacketSocket } from '../../native-bindings/packet-socket';
import { errnoName, SystemError } from '../../native-bindings/system-error';

describe('a system error', () => {
  test('names the errno, the interface and what was being done', () => {
    const error = new SystemError(105, 'sendmmsg', 'eth0');
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'ENOBUFS', errno: 105, syscall: 'sendmmsg', interface: 'eth0' });
    expect(String(error)).toBe('SystemError: sendmmsg on eth0: ENOBUFS');
  });

  test('of no interface has none', () => {
    const error = new SystemError(1, 'netlink sendto');
    expect(error.message).toBe('netlink sendto: EPERM');
    expect('interface' in error).toBe(false);
  });

  // asm-generic/errno-base.h and errno.h, with what netlink answers most
  test.each([
    [1, 'EPERM'],
    [3, 'ESRCH'],
    [6, 'ENXIO'],
    [11, 'EAGAIN'],
    [16, 'EBUSY'],
    [17, 'EEXIST'],
    [19, 'ENODEV'],
    [22, 'EINVAL'],
    [95, 'EOPNOTSUPP'],
    [97, 'EAFNOSUPPORT'],
    [99, 'EADDRNOTAVAIL'],
    [100, 'ENETDOWN'],
    [101, 'ENETUNREACH'],
    [105, 'ENOBUFS'],
    [112, 'EHOSTDOWN'],
    [113, 'EHOSTUNREACH'],
    [4095, 'E4095'],
  ])('of %d is %s', (errno, name) => {
    expect(errnoName(errno)).toBe(name);
  });
});

describe('the addon', () => {
  test('is found from the source tree and from dist alike', () => {
    const root = packageRoot(__dirname);
    const path = join(root, 'native-bindings', 'build', 'Release', 'multihomed_native.node');
    expect(addonPath(join(root, 'native-bindings'))).toBe(path);
    expect(addonPath(join(root, 'dist', 'native-bindings'))).toBe(path);
  });

  test('that is not built, or for another machine, says what to do', () => {
    const directory = mkdtempSync(join(tmpdir(), 'multihomed-'));
    try {
      const path = join(directory, 'multihomed_native.node');
      expect(() => load(path)).toThrow(
        `the native addon is not built (${path} does not exist): run \`make build\``,
      );
      writeFileSync(path, 'no shared object');
      expect(() => load(path)).toThrow(
        `the native addon ${path} does not load: run \`make build\` on this machine`,
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

test.each([[[]], [[0x0806, 0x88b5, 0x88b6, 0x88cc, 0x8999]], [[3]], [[0x10000]], [[2054.5]]])(
  'EtherTypes %j are refused',
  (etherTypes) => {
    const handlers = { readable: () => undefined, error: () => undefined };
    expect(() => PacketSocket.open({ interface: 'eth0', ifindex: 1, etherTypes }, handlers)).toThrow(
      RangeError,
    );
  },
);

test.each([
  { offset: -1, mask: 1, value: 1 },
  { offset: 0x10000, mask: 1, value: 1 },
  { offset: 15.5, mask: 1, value: 1 },
  { offset: 15, mask: 0, value: 0 },
  { offset: 15, mask: 0x100, value: 0x100 },
  { offset: 15, mask: 1, value: -1 },
  { offset: 15, mask: 1, value: 2 },
  { offset: 15, mask: 2, value: 3 },
])('the match %j is refused', (match) => {
  const options = { interface: 'eth0', ifindex: 1, etherTypes: [0x88b5], match };
  expect(() => PacketSocket.open(options, { error: () => undefined })).toThrow(RangeError);
});

test.each([0, 31, 33, 32.5, -32, 65568])('a ring of %d slots is refused', (ring) => {
  const options = { interface: 'eth0', ifindex: 1, etherTypes: [0x88b5], ring };
  expect(() => PacketSocket.open(options, { error: () => undefined })).toThrow(RangeError);
});
