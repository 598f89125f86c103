import { describeSchedule, type Schedule } from './schedule';
import { shrinkSchedule } from './shrink';
import { runTrial, type TrialOptions } from './trial';
import { RULES, type Rule, type Violation } from './violation';

/** Rules that may be broken only while all paths are awaited, which takes long. */
const LATE: readonly Rule[] = ['residue', 'calm-loss', 'flap', 'disagreement'];

/** Which rule a schedule broke, and what happened then. */
export function describeViolation({ seed }: Schedule, { rule, message }: Violation): string {
  return `seed ${seed} breaks the rule "${rule}": ${RULES[rule]}\n${message}`;
}

/** What to tell of a schedule that broke a rule: which, the least that it takes, and how to see it again. */
export function reportViolation(
  schedule: Schedule,
  violation: Violation,
  options: TrialOptions = { thorough: LATE.includes(violation.rule) },
): string {
  const least = shrinkSchedule(schedule, violation.rule, options);
  const again = runTrial(least, options).violation;
  return [
    describeViolation(schedule, violation),
    `${least.faults.length} of its ${schedule.faults.length} faults are enough:`,
    describeSchedule(least),
    `with these alone: ${again?.message}`,
    `see it again: make replay SEED=${schedule.seed} ONLY=${least.faults.map(({ serial }) => serial)}`,
  ].join('\n');
}
