import { describeSteps, EMPTY, Pair, topologyOf } from './core-fixtures';

const { route } = topologyOf();
/** Alpha, to which beta has answered on both planes; its links are 2 and 3. */
function settled(park: true | undefined): Pair {
  const pair = new Pair(topologyOf({ route: { ...route, park } }));
  pair.run(100);
  return pair;
}

/** The steps that follow while these links of beta's are silent. */
function stepsWhile(pair: Pair, ...silent: readonly string[]): string[] {
  pair.silent = new Set(silent);
  return describeSteps(pair.run(pair.now + 400).steps);
}

test('without parking, a peer of which no path works keeps all it has', () => {
  const pair = settled(undefined);
  expect(stepsWhile(pair, 'eth0', 'eth1')).not.toContain('remove-neighbor 2');
  expect(stepsWhile(pair)).not.toContain('set-neighbor 2');
});

test('with parking, a path that is down has no neighbor entry until it answers again; the routes stay', () => {
  const pair = settled(true);
  expect(stepsWhile(pair, 'eth0')).toEqual(['remove-route 100', 'remove-neighbor 2']);
  // The route that stands alone is the last to fail, so the other is put beside it.
  expect(stepsWhile(pair, 'eth0', 'eth1')).toEqual(['add-route 100', 'remove-neighbor 3']);
  const back = stepsWhile(pair, 'eth1');
  expect(back).toEqual(['set-neighbor 2', 'remove-route 110']);
});

test('with parking, one entry is set for each return, and a reading of the kernel finds nothing to repair', () => {
  const pair = settled(true);
  stepsWhile(pair, 'eth0', 'eth1');
  const routes = pair.steps.flatMap((step) => (step.operation === 'add-route' ? [step.route] : []));
  const actions = pair.handle({ type: 'kernel', table: { ...EMPTY, routes, aliases: [] } });
  expect(describeSteps(actions.steps)).toEqual(['add-alias']);
});
