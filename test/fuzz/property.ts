import fc from 'fast-check';

/** Seconds for all properties of a file together. A failure prints the seed that repeats it. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 5);

/** Gives the tests of a file the time that they may need, and returns what checks one of its `count` properties. */
export function fuzz(count: number): <T>(arbitrary: fc.Arbitrary<T>, judge: (value: T) => void) => void {
  jest.setTimeout(SECONDS * 1000 + 30_000);
  return (arbitrary, judge) => {
    fc.assert(fc.property(arbitrary, judge), {
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: (SECONDS * 1000) / count,
      markInterruptAsFailure: false,
    });
  };
}
