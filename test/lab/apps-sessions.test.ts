import { setTimeout as sleep } from 'node:timers/promises';
import { monotonic } from '../../deploy/lab/wait';
import type { Application } from '../bench/apps/application';
import { drill, EVENTS, type Event } from '../bench/apps/drill';
import { ERLANG } from '../bench/apps/erlang';
import { REDIS } from '../bench/apps/redis';
import { FAR, NEAR, PLANES, type Scene } from '../bench/scene';

/** Programs that people run hold their sessions through every event; `make drill-apps` has more of them, and more often. */
jest.setTimeout(120_000);

const OPTIONS = { drills: 1, beacons: false, random: Math.random };

/** More than Erlang's node waits with the net_ticktime of the drills. */
const TOO_LONG = 6000;

/** What no session is expected to survive: so it is found out. */
function loss(name: string, harm: (scene: Scene) => Promise<unknown>): Event {
  const run: Event['run'] = async (scene) => {
    const moment = monotonic();
    await harm(scene);
    return { moment, moved: moment };
  };
  return { name, fault: true, run };
}

const OUTAGE = loss('all paths gone', async ({ lab }) => {
  await Promise.all(PLANES.map((plane) => lab.dropPort(NEAR, plane)));
  await sleep(TOO_LONG);
  await Promise.all(PLANES.map((plane) => lab.undropPort(NEAR, plane)));
});

const KILLED = loss('connection closed by the server', ({ lab }) => {
  const far = lab.host(FAR);
  return far.run('redis-cli', ['-h', far.alias, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
});

const CASES: readonly { readonly application: Application; readonly harm: Event }[] = [
  { application: ERLANG, harm: OUTAGE },
  { application: REDIS, harm: KILLED },
];

describe.each(CASES)('$application.name', ({ application, harm }) => {
  const missing = application.unavailable();
  // With CI=true a skipped test is a failure: there its package is installed.
  if (missing !== undefined) {
    test.skip(`cannot run: ${missing}`, () => undefined);
    return;
  }

  test('holds its session through every event', async () => {
    const outcomes = await drill(application, OPTIONS);
    expect(outcomes.map(({ event, held, losses }) => ({ event, held, losses }))).toEqual(
      EVENTS.map(({ name }) => ({ event: name, held: true, losses: [] })),
    );
  });

  test(`tells a loss: ${harm.name}`, async () => {
    const [outcome] = await drill(application, { ...OPTIONS, events: [harm] });
    expect(outcome).toMatchObject({ held: false, losses: expect.arrayContaining([expect.any(String)]) });
  });
});
