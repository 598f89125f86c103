import fc from 'fast-check';
import type { Route } from '../../agent/core/routing';
import { metricsAttributes, metricsIn } from '../../agent/kernel/metrics';

const bytes = (value: number) => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
};
const LOCK_RTO_MIN = 1 << 13;
const LOCK_MTU = 1 << 2;

/** Where all hosts that run this have the same order of bytes. */
const uint32 = fc.integer({ min: 1, max: 0xffffffff });

test('whatever a route says, and whatever others say on it, comes back', () => {
  const metrics = fc.record({
    rtoMin: fc.option(uint32, { nil: undefined }),
    quickack: fc.constantFrom(true as const, undefined),
    initcwnd: fc.option(uint32, { nil: undefined }),
    congctl: fc.constantFrom('reno', 'fifteen-letters', undefined),
    mtu: fc.option(uint32, { nil: undefined }),
    others: fc.constantFrom<Route['others'][]>(undefined, { window: 1000 }, { advmss: 500, lock: LOCK_MTU }),
  });
  fc.assert(fc.property(metrics, (each) => expect(metricsIn(metricsAttributes(each))).toEqual(each)));
});

test('a route without metrics has none in its message', () => {
  expect(metricsAttributes({})).toBeUndefined();
  expect(metricsIn(undefined)).toEqual({});
});

test('rto_min is locked', () => {
  expect(metricsAttributes({ rtoMin: 5 })).toEqual({ lock: bytes(LOCK_RTO_MIN), rtoMin: bytes(5) });
  expect(metricsAttributes({ mtu: 1400 })).toEqual({ mtu: bytes(1400) });
});

test("an rto_min that isn't locked, and a lock on another metric, are somebody else's", () => {
  expect(metricsIn({ rtoMin: bytes(5) })).toEqual({ others: { rtoMin: 5 } });
  expect(metricsIn({ mtu: bytes(1400), lock: bytes(LOCK_MTU | LOCK_RTO_MIN), rtoMin: bytes(5) })).toEqual({
    rtoMin: 5,
    mtu: 1400,
    others: { lock: LOCK_MTU },
  });
});
