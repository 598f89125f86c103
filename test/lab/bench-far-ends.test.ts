import type { LogEvent } from '../../deploy/lab/agent-process';
import { BEACONING, Crowd } from '../bench/crowd';
import { nameOf } from '../bench/far-ends-plan';
import { DEFAULT_TIMING, NEAR } from '../bench/scene';

const PEERS = 20;
const PATIENCE = 10_000;
let crowd: Crowd;

beforeAll(async () => {
  crowd = await Crowd.create(PEERS, { ...DEFAULT_TIMING, hold: 200 }, BEACONING);
}, 60_000);

afterAll(() => crowd?.destroy());

/** Waits for the next event of a far end's path. */
function eventOf(event: string, farEnd: number, plane: string, from: number): Promise<LogEvent> {
  const matches = (line: LogEvent): boolean => line.peer === nameOf(farEnd) && line.plane === plane;
  return crowd.agent.waitFor(event, matches, PATIENCE, from);
}

test('the agent takes the far ends for peers that hear it, each at addresses of its own', async () => {
  const { peers, links } = await crowd.lab.host(NEAR).status();
  expect(peers).toHaveLength(PEERS);
  const addresses = peers.flatMap(({ paths }) => paths.map(({ mac }) => mac));
  expect(new Set([...addresses, ...links.map(({ mac }) => mac)]).size).toBe(2 * PEERS + 2);
  const { counts } = await crowd.farEnds!.report();
  expect(counts.heard).toBeGreaterThan(0);
  expect(counts.beacons).toBeGreaterThan(0);
});

test('one that loses its card and says so is believed at once, and no other path falls', async () => {
  const from = crowd.agent.events().length;
  await crowd.farEnds!.loseCard(3, 'a', true);
  expect((await eventOf('path-down', 3, 'a', from)).cause).toBe('withdrawn');
  await crowd.farEnds!.regainCard(3, 'a');
  await eventOf('path-up', 3, 'a', from);
  const fallen = crowd.agent
    .events()
    .slice(from)
    .filter(({ event, cause }) => event === 'path-down' && cause === 'withdrawn');
  expect(fallen).toHaveLength(1);
});

test('one that falls silent on a plane is found', async () => {
  const from = crowd.agent.events().length;
  await crowd.farEnds!.loseCard(5, 'b', false);
  expect((await eventOf('path-down', 5, 'b', from)).cause).not.toBe('withdrawn');
  await crowd.farEnds!.regainCard(5, 'b');
  await eventOf('path-up', 5, 'b', from);
});
