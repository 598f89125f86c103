import type { CoreMaker } from './agent';
import { PROOFS, type Proof } from './proofs';
import { runTrial } from './trial';
import { RULES, type Rule } from './violation';

/** Between the start and the time at which everything is mended, in ms. */
const LENGTH = 3000;

/** The rule that is broken where these cores decide, or the real ones. */
function brokenRule(
  { options, faults = [], thorough = false }: Proof,
  coreOf?: CoreMaker,
): string | undefined {
  const schedule = { seed: 1, options: { hosts: 2, ...options }, faults, length: LENGTH };
  return runTrial(schedule, { thorough, options: coreOf === undefined ? {} : { coreOf } }).violation?.rule;
}

/** A rule that nothing can break is no evidence. */
describe.each(Object.keys(RULES) as Rule[])('the rule "%s"', (rule) => {
  const proofs = [PROOFS[rule]].flat();

  test.each(proofs)('is broken by a core that $since', ({ coreOf, ...proof }) => {
    expect(brokenRule({ coreOf, ...proof }, coreOf)).toBe(rule);
  });

  test.each(proofs)('is kept by the real core where that is broken which $since', (proof) => {
    expect(brokenRule(proof)).toBeUndefined();
  });
});
