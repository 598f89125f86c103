import { type Summary as Statistics, summarize } from '../../bench/statistics';
import type { Outcome, PairOutcome } from './drill';
import { describeCase, type FaultKind, hostName, KINDS, type Shape } from './fault';

/** What the cases of one kind of cluster came to, in pairs of hosts. */
export interface Summary {
  readonly cases: number;
  readonly pairs: number;
  /** pairs for which a plane works that those agents that run can use, and how many of them had traffic in time */
  readonly possible: number;
  readonly survived: number;
  /** a plane works, but only the agent that has failed could have moved the traffic to it */
  readonly needsAgent: number;
  /** no plane works in both directions, and how many of these had traffic again once one did */
  readonly cut: number;
  /** of those that are cut: each direction has a plane of its own */
  readonly crossed: number;
  readonly resumed: number;
  readonly broken: number;
  readonly returned: number;
  readonly problems: number;
  readonly outage: Spread;
  readonly stall: Spread;
  /** from the mending of a link, or of an agent, until traffic flowed that was not possible before */
  readonly resume: Spread;
  readonly restart: Spread;
  /** pings lost when everything was mended, of pairs that had traffic before */
  readonly lostOnReturn: number;
  readonly judged: Spread;
}

/** Of some times in ms, how many there were; all null where there was none. */
export interface Spread extends Statistics {
  readonly count: number;
}

export function summaryOf(outcomes: readonly Outcome[]): Summary {
  const all = outcomes.flatMap(({ steps }) => steps);
  const both = outcomes.flatMap(({ steps }) => steps.slice(1, 2)).flatMap(({ pairs }) => pairs);
  const breaking = outcomes.flatMap(({ steps }) => steps.slice(0, 2)).flatMap(({ pairs }) => pairs);
  const mending = outcomes.flatMap(({ steps }) => steps.slice(2)).flatMap(({ pairs }) => pairs);
  const open = both.filter(({ verdict }) => verdict === 'open');
  const steady = breaking.filter(({ before, verdict }) => before === 'open' && verdict === 'open');
  const back = mending.filter(({ before, verdict }) => before !== 'open' && verdict === 'open');
  return {
    cases: outcomes.length,
    pairs: both.length,
    possible: open.length,
    survived: open.filter(({ flows }) => flows).length,
    needsAgent: both.filter(({ verdict }) => verdict === 'agent').length,
    cut: both.filter(isCut).length,
    crossed: both.filter(({ verdict }) => verdict === 'crossed').length,
    resumed: resumedOf(outcomes),
    broken: outcomes.reduce((sum, { broken }) => sum + broken, 0),
    returned: outcomes.filter(({ returned }) => returned).length,
    problems: outcomes.filter(({ problems }) => problems.length > 0).length,
    outage: spreadOf(steady.filter(({ lost }) => lost > 0).map(({ outage }) => outage)),
    stall: spreadOf(steady.filter(({ lost }) => lost > 0).map(({ stall }) => stall)),
    resume: spreadOf(back.filter(({ before }) => before !== 'agent').map(({ outage }) => outage)),
    restart: spreadOf(back.filter(({ before }) => before === 'agent').map(({ outage }) => outage)),
    lostOnReturn: mending
      .filter(({ before, verdict }) => before === 'open' && verdict === 'open')
      .reduce((sum, { lost }) => sum + lost, 0),
    judged: spreadOf(all.map(({ judged }) => judged)),
  };
}

/** How many pairs of hosts were cut off by both faults, and had traffic as soon as a plane worked again. */
function resumedOf(outcomes: readonly Outcome[]): number {
  const resumed = outcomes.flatMap(({ steps: [, second, ...mending] }) =>
    (second?.pairs ?? []).filter((pair, index) => {
      const later = mending.map(({ pairs }) => pairs[index]!);
      return isCut(pair) && later.find(({ verdict }) => verdict === 'open')?.flows === true;
    }),
  );
  return resumed.length;
}

function isCut({ verdict }: PairOutcome): boolean {
  return verdict === 'cut' || verdict === 'crossed';
}

function spreadOf(values: readonly number[]): Spread {
  return { count: values.length, ...summarize(values) };
}

/** One row for each kind of the first fault, a column for the second: pairs of hosts that survived / for which it was possible. */
export function matrixOf(outcomes: readonly Outcome[]): string[] {
  const cell = (first: FaultKind, second: FaultKind): string => {
    const some = outcomes.filter(
      (each) => each.case.first.kind === first && each.case.second.kind === second,
    );
    if (some.length === 0) return '-';
    const { survived, possible } = summaryOf(some);
    return `${survived}/${possible}`;
  };
  const rows = [
    ['first, then', ...KINDS],
    ...KINDS.map((first) => [first, ...KINDS.map((second) => cell(first, second))]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

function formatSpread({ count, median, p95, maximum }: Spread): string {
  const [middle, high, most] = [median, p95, maximum].map(Math.round);
  return count === 0 ? 'none' : `${middle} / ${high} / ${most} ms (${count})`;
}

/** How the cases were gone through. */
interface Manner {
  readonly beacons: boolean;
  readonly together: boolean;
}

export function formatSummary(
  shape: Shape,
  { beacons, together }: Manner,
  outcomes: readonly Outcome[],
): string[] {
  const sum = summaryOf(outcomes);
  return [
    `${shape.hosts} hosts, ${shape.planes} planes, ${beacons ? 'beacons' : 'ARP alone'}: ${sum.cases} ordered pairs of faults${together ? ', at once' : ''}`,
    '',
    ...matrixOf(outcomes),
    '',
    `survived / possible        ${sum.survived} / ${sum.possible} of ${sum.pairs} pairs of hosts`,
    `needs the failed agent     ${sum.needsAgent}: a plane works, but no running agent can use it`,
    `cut off, resumed           ${sum.resumed} / ${sum.cut}; of these ${sum.crossed} have a plane for each direction, but none for both`,
    `back on preferred plane    ${sum.returned} / ${sum.cases}`,
    `TCP sessions ended         ${sum.broken}`,
    'median / 95 % / longest (times)',
    `outage where pings fell    ${formatSpread(sum.outage)}`,
    `TCP request to answer      ${formatSpread(sum.stall)}`,
    `cut off, mended to traffic ${formatSpread(sum.resume)}`,
    `agent again to traffic     ${formatSpread(sum.restart)}`,
    `pings lost by mending      ${sum.lostOnReturn}, of pairs that had traffic`,
    ...outcomes.flatMap((outcome) =>
      outcome.problems.map((problem) => `PROBLEM ${describeCase(outcome.case)}: ${problem}`),
    ),
  ];
}

/** The pairs of hosts whose traffic only the failed agent could have moved, by case. */
export function needingAgent(outcomes: readonly Outcome[]): string[] {
  const names = ({ one, other }: PairOutcome) => `${hostName(one)}-${hostName(other)}`;
  return outcomes.flatMap((outcome) => {
    const some = (outcome.steps[1]?.pairs ?? []).filter(({ verdict }) => verdict === 'agent').map(names);
    return some.length > 0 ? [`${describeCase(outcome.case)}: ${some.join(', ')}`] : [];
  });
}
