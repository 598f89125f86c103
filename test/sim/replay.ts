import { parseArgs } from 'node:util';
import type { Told } from './cluster';
import { reportViolation } from './report';
import { describeSchedule, scheduleOf } from './schedule';
import { runTrial } from './trial';

/** EX_USAGE (sysexits.h) */
const USAGE = 64;

/** `make replay SEED=n`: runs the schedule of a seed again, tells what it holds and how it ends. Exit status 1 where a rule is broken. */
function main(): number {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, only: { type: 'string' }, events: { type: 'boolean' } },
  });
  const seed = Number(values.seed || undefined);
  if (!Number.isSafeInteger(seed)) {
    console.error('say which seed: make replay SEED=262');
    return USAGE;
  }
  const whole = scheduleOf(seed);
  const kept = values.only ? values.only.split(',').map(Number) : undefined;
  const schedule = { ...whole, faults: whole.faults.filter(({ serial }) => kept?.includes(serial) ?? true) };
  console.log(`seed ${seed}, ${schedule.faults.length} faults\n${describeSchedule(schedule)}`);
  const options = values.events === true ? { thorough: true, told: print } : { thorough: true };
  const { violation, hash, elapsed } = runTrial(schedule, options);
  console.log(`${(elapsed / 1000).toFixed(1)} s simulated, trace ${hash.toString(16)}`);
  console.log(violation === undefined ? 'no rule is broken' : reportViolation(schedule, violation));
  return violation === undefined ? 0 : 1;
}

function print({ at, host, event, fields }: Told): void {
  console.log(`${at.toFixed(3)} ${host} ${event} ${JSON.stringify(fields)}`);
}

process.exitCode = main();
