import type { KernelStep } from '../../agent/core/routing';
import type { CoreMaker } from './agent';
import { altered, broken, keepingRoutes, tells } from './broken-cores';
import { reportViolation } from './report';
import { type Schedule, scheduleOf } from './schedule';
import { shrink, shrinkSchedule } from './shrink';
import { type Outcome, runTrial } from './trial';
import type { Rule } from './violation';

describe('a list that fails', () => {
  test.each([
    [[3], [3]],
    [
      [2, 17],
      [2, 17],
    ],
    [
      [0, 9, 10, 11, 19],
      [0, 9, 10, 11, 19],
    ],
    [[], []],
  ])('because of %j is shrunk to these alone', (guilty, least) => {
    const list = Array.from({ length: 20 }, (_, index) => index);
    expect(shrink(list, (part) => guilty.every((one) => part.includes(one)))).toEqual(least);
  });

  test('for several reasons is shrunk to one of them', () => {
    const list = Array.from({ length: 50 }, (_, index) => index);
    const fails = (part: readonly number[]) => part.some((one) => one % 7 === 3);
    expect(shrink(list, fails)).toHaveLength(1);
  });
});

/** What is wrong with a core, and the rule that it breaks. */
const BROKEN: readonly (readonly [string, Rule, CoreMaker])[] = [
  ['takes no route out where a path is silent', 'dead-route', keepingRoutes('silence')],
  [
    'takes all routes out with the one of a path that is down',
    'last-route',
    broken((actions) => ({
      ...actions,
      steps: actions.steps.flatMap((step): KernelStep[] => {
        if (step.operation !== 'remove-route' || step.route.type !== 'unicast') return [step];
        const others = [0, 1].flatMap((host) =>
          [0, 1].map((plane) => ({ device: 2 + plane + 10 * host, plane })),
        );
        return others.map(({ device, plane }) => ({
          ...step,
          route: { ...step.route, device, metric: 100 + 10 * plane },
        }));
      }),
    })),
  ],
  [
    'throws where a link is lost',
    'exception',
    broken((actions) => {
      if (tells(actions, 'carrier-lost')) throw new Error('broken');
      return actions;
    }),
  ],
  [
    'remembers all that it tells',
    'memory',
    altered((core) => {
      const told: unknown[] = [];
      const handle = Object.assign(core, { told }).handle.bind(core);
      core.handle = (event, at) => {
        const actions = handle(event, at);
        if (actions.notes.length > 0) told.push(...Array.from({ length: 400 }));
        return actions;
      };
    }),
  ],
  [
    'takes up every route again at each path that is down',
    'one-step',
    broken((actions) =>
      tells(actions, 'path-down', 'silence')
        ? { ...actions, steps: [...actions.steps, ...actions.steps] }
        : actions,
    ),
  ],
];

function runBroken(coreOf: CoreMaker, rule: Rule): { schedule: Schedule; outcome: Outcome } {
  for (let seed = 1; seed <= 200; seed += 1) {
    const schedule = scheduleOf(seed);
    // Enough to shrink, and quickly run.
    if (schedule.faults.length < 8 || schedule.faults.length > 30) continue;
    const outcome = runTrial(schedule, { options: { coreOf } });
    if (outcome.violation?.rule === rule) return { schedule, outcome };
  }
  throw new Error(`no seed breaks the rule ${rule}`);
}

describe('a core that is broken', () => {
  test.each(BROKEN)('since it %s breaks the rule "%s", and few faults show it', (_, rule, coreOf) => {
    const { schedule, outcome } = runBroken(coreOf, rule);
    const options = { options: { coreOf } };
    const least = shrinkSchedule(schedule, rule, options);
    expect(least.faults.length).toBeLessThanOrEqual(3);
    const again = runTrial(least, options);
    expect(again.violation?.rule).toBe(rule);
    expect(runTrial(least, options).hash).toBe(again.hash);
    // None of these can be left out.
    for (const fault of least.faults) {
      const fewer = { ...least, faults: least.faults.filter((other) => other !== fault) };
      expect(runTrial(fewer, options).violation?.rule).not.toBe(rule);
    }
    const report = reportViolation(schedule, outcome.violation!, options);
    expect(report).toContain(`make replay SEED=${schedule.seed}`);
    expect(report).toContain(`${least.faults.length} of its ${schedule.faults.length} faults are enough`);
  });
});
