import fc from 'fast-check';

/** Seconds for all properties of a file together; FUZZ_RUNS limits the inputs for each as well. A failure prints the seed that repeats it. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? (process.env.FUZZ_RUNS === undefined ? 5 : 600));
const RUNS = Number(process.env.FUZZ_RUNS ?? 1e9);

/** Gives the tests of a file the time that they may need, and returns what checks one of its `count` properties. */
export function fuzz(count: number): <T>(arbitrary: fc.Arbitrary<T>, judge: (value: T) => void) => void {
  jest.setTimeout(SECONDS * 1000 + 30_000);
  return (arbitrary, judge) => {
    fc.assert(fc.property(arbitrary, judge), {
      numRuns: RUNS,
      interruptAfterTimeLimit: (SECONDS * 1000) / count,
      markInterruptAsFailure: false,
    });
  };
}
