import type { Note } from '../../agent/core/event';
import type { Mac } from '../../agent/wire/address';
import { FarSpeaker, Listener } from './core-beacon-fixtures';
import { BETA, beta, Pair, topologyOf } from './core-fixtures';

/** The last path that is left is given time: its requests may only be waiting behind bulk, and nothing could take its place. */

const INTERVAL = topologyOf().probe.interval;

/** When the second plane falls silent; the first has failed before. */
const SILENT = 1500;

/** Alpha, for which beta's first plane has failed. */
function withOneLeft(): Pair {
  const pair = new Pair();
  pair.run(100);
  pair.silent = new Set(['eth0']);
  pair.run(SILENT);
  return pair;
}

function silence(pair: Pair, ...links: readonly string[]): void {
  pair.silent = new Set(links);
}

const told = (notes: readonly Note[]) =>
  notes.filter(({ event }) => event.startsWith('peer-') || event === 'failover').map(({ event }) => event);
const states = ({ core }: Pair) => [...core.registry.allPaths()].map(({ state }) => state);

test('silent for a moment, it carries the traffic on: no route moves', () => {
  const pair = withOneLeft();
  silence(pair, 'eth0', 'eth1');
  const { steps, notes } = pair.run(SILENT + 80);
  expect([steps, told(notes), states(pair)]).toEqual([[], [], ['down', 'suspect']]);
  silence(pair, 'eth0');
  expect([pair.run(SILENT + 600).steps, states(pair)]).toEqual([[], ['down', 'up']]);
});

test('silent for longer than a tenth of a second, it is down like the others, and all routes stand', () => {
  const pair = withOneLeft();
  silence(pair, 'eth0', 'eth1');
  expect(told(pair.run(SILENT + 100).notes)).toEqual([]);
  const { steps, notes } = pair.run(SILENT + INTERVAL + 100 + INTERVAL + 10);
  expect(told(notes)).toEqual(['peer-unreachable']);
  expect(steps.map(({ operation }) => operation)).toEqual(['add-route']);
  expect(states(pair)).toEqual(['down', 'down']);
});

test('another one that answers meanwhile is taken at once', () => {
  const pair = withOneLeft();
  silence(pair, 'eth0', 'eth1');
  pair.run(SILENT + 80);
  silence(pair, 'eth1');
  const { notes } = pair.run(SILENT + 80 + 2 * INTERVAL + 10);
  expect(told(notes)).toEqual(['failover']);
  expect(states(pair)).toEqual(['held', 'down']);
});

test('while it is waited for, requests are an interval apart, and the first is to everybody', () => {
  const pair = withOneLeft();
  silence(pair, 'eth0', 'eth1');
  const { sends } = pair.run(SILENT + 140);
  const asked = sends.filter(({ link }) => link === 'eth1').map(({ frame }) => frame[0] === 0xff);
  expect(asked.filter(Boolean)).toHaveLength(1);
  expect(asked.length).toBeLessThanOrEqual(3 + 140 / INTERVAL);
});

test('a card in the place of the far end’s is found at once, and is on trial', () => {
  const pair = withOneLeft();
  pair.macs = [pair.macs[0]!, 0x020000000fff as Mac];
  const { notes } = pair.run(SILENT + INTERVAL + 30);
  expect(states(pair)).toEqual(['down', 'held']);
  expect(told(notes)).toEqual(['peer-mac-changed']);
  expect(notes.find(({ event }) => event === 'peer-mac-changed')).toMatchObject({
    event: 'peer-mac-changed',
    level: 'info',
    fields: { peer: 'beta', plane: 'b', link: 'eth1', mac: '02:00:00:00:0f:ff', former: '02:00:00:00:01:0b' },
  });
  const path = [...pair.core.registry.allPaths()].find(
    ({ peer, plane }) => peer.name === beta.name && plane === 1,
  );
  expect(path!.mac).toBe(0x020000000fff);
});

test('held since it is the last, it is not dropped for one late answer', () => {
  const pair = new Pair();
  pair.run(100);
  silence(pair, 'eth0', 'eth1');
  pair.run(1000);
  silence(pair, 'eth0');
  pair.run(1200);
  expect(states(pair)).toEqual(['down', 'held']);
  silence(pair, 'eth0', 'eth1');
  const { steps, notes } = pair.run(1280);
  expect([steps, told(notes), states(pair)]).toEqual([[], [], ['down', 'held']]);
});

test('held since it is the last, a card in the place of the far end’s is found within two requests', () => {
  const { probe } = topologyOf();
  const pair = new Pair(topologyOf({ probe: { ...probe, hold: 5000 } }));
  pair.run(100);
  silence(pair, 'eth0', 'eth1');
  pair.run(1000);
  silence(pair, 'eth0');
  // Everybody is asked once a second at most, and was when it was down.
  pair.run(3000);
  expect(states(pair)).toEqual(['down', 'held']);
  pair.macs = [pair.macs[0]!, 0x020000000fff as Mac];
  const { steps, notes } = pair.run(3000 + 2 * INTERVAL);
  expect(told(notes)).toEqual(['peer-mac-changed']);
  expect(steps.map(({ operation }) => operation)).toEqual(['set-neighbor']);
  expect(states(pair)).toEqual(['down', 'held']);
});

test('a path that the far end has drained could take over, so the other one is judged as ever', () => {
  const alpha = new Listener();
  const speaker = new FarSpeaker();
  alpha.run(2000, [speaker]);
  speaker.states = ['up', 'drained'];
  alpha.run(2060, [speaker]);
  alpha.silent.add(`eth0 ${BETA}`);
  alpha.run(2107);
  alpha.hear(1, speaker.frame(1));
  alpha.run(2150);
  expect(alpha.path('beta', 0)).toMatchObject({ state: 'down', cause: 'beacon-silence' });
});
