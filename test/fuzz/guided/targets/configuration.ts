import assert from 'node:assert/strict';
import { parseConfiguration, topologyOf } from '../../../../agent/config/load';
import { ConfigurationError, formatProblem, type Problem } from '../../../../agent/config/problem';
import type { Configuration } from '../../../../agent/config/schema';

const FILE = 'cluster.yaml';
/** Most problems that anybody reads. */
const MOST_PROBLEMS = 100;

/** Either a configuration that every host of it can use, or an error that says in a line each what is wrong, where, and what to do. */
export function target(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString();
  const lines = text.split('\n').length + 1;
  const parsed = attempt(lines, () => parseConfiguration(text, FILE, (name) => name === 'cubic'));
  if (parsed === undefined) return;
  for (const warning of parsed.warnings) judge(warning, lines);
  const { configuration } = parsed;
  for (const name of configuration.hosts.keys()) judgeHost(configuration, name, lines);
}

/** Exactly the hosts with an agent have a cluster to see. */
function judgeHost(configuration: Configuration, name: string, lines: number): void {
  const topology = attempt(lines, () => topologyOf(configuration, name));
  const seen = topology?.host;
  assert.equal(seen, configuration.hosts.get(name)?.kind === 'agent' ? name : undefined);
}

function attempt<T>(lines: number, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    assert.ok(error.problems.length > 0 && error.problems.length <= MOST_PROBLEMS);
    for (const problem of error.problems) judge(problem, lines);
    return undefined;
  }
}

function judge(problem: Problem, lines: number): void {
  assert.ok(problem.line >= 1 && problem.line <= lines && problem.column >= 1, JSON.stringify(problem));
  assert.ok(problem.message !== '' && problem.mend !== '');
  // A terminal would obey control characters, and a reader of logs take one line for two.
  assert.match(formatProblem(problem), /^[^\p{Cc}\u2028\u2029]{1,1000}$/u);
}
