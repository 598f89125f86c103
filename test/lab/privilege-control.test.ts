import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentProcess } from '../../deploy/lab/agent-process';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { monotonic } from '../../deploy/lab/wait';
import { PATIENCE } from './daemon-tools';

jest.setTimeout(120_000);

/** Clients that mean harm: as many as the daemon lets in. */
const CLIENTS = 64;
/** Pulled cards without them and with them; PRIVILEGE_PULLS for more. */
const PULLS = Number(process.env.PRIVILEGE_PULLS ?? 3);
/** What a failover may take longer with them, in ms. A client that could stop the event loop would do so for seconds. */
const DELAY = 500;
/** Memory that they may cost, in KiB. */
const MEMORY = 100 * 1024;

let lab: Lab;
beforeEach(async () => {
  // A path that fails again and again is trusted later each time, by multiples of this.
  const configuration = { probe: { hold: '10ms' } };
  lab = await Lab.create({ hosts: ['alpha', 'beta'], planes: ['a', 'b'], configuration });
});
afterEach(() => lab.destroy());

/** Memory of the process, in KiB. */
function memoryOf(agent: AgentProcess): number {
  return Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))?.[1]);
}

/** ms from the moment in which beta's card is pulled, which alpha cannot see, until alpha's routes lead by the other plane. */
async function failover(agent: AgentProcess): Promise<number> {
  const from = agent.events().length;
  const { before } = await lab.dropPort('beta', 'a');
  const pulled = Date.now() - (monotonic() - before);
  const { time } = await agent.waitFor('failover', ({ to }) => to === 'b', PATIENCE, from);
  await lab.undropPort('beta', 'a');
  await agent.waitFor('failover', ({ to }) => to === 'a', PATIENCE, from);
  return Date.parse(String(time)) - pulled;
}

async function failovers(agent: AgentProcess): Promise<number[]> {
  const times: number[] = [];
  for (let pull = 0; pull < PULLS; pull++) times.push(Math.round(await failover(agent)));
  return times.sort((one, other) => one - other);
}

/** Starts the clients, which end when the function that is returned is called. */
async function attack(host: LabHost): Promise<() => Promise<void>> {
  const script = join(ROOT, 'dist', 'test', 'lab', 'privilege-clients.js');
  // They are to block the daemon, not to take the processor from it.
  const command = ['-n', '19', process.execPath, script, '/run/multihomed/control.sock', `${CLIENTS}`];
  const clients = host.spawn('nice', command, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(clients, 'exit');
  await once(clients.stdout!, 'data');
  return async () => {
    clients.stdin!.end();
    await ended;
  };
}

/** How often one has to ask, among those who come again as soon as they are sent away. */
async function triesUntilAnswered(host: LabHost): Promise<number> {
  const deadline = monotonic() + PATIENCE;
  for (let tries = 1; ; tries++) {
    const answer = await host.status().catch((error: unknown) => error);
    if (!(answer instanceof Error)) return tries;
    if (monotonic() > deadline) throw answer;
  }
}

test('64 clients that flood, dawdle, never read or never ask delay no failover and take no memory', async () => {
  const [alpha, agent] = [lab.host('alpha'), await lab.host('alpha').startAgent()];
  await lab.host('beta').startAgent();
  await agent.waitFor('path-up', ({ plane }) => plane === 'b', PATIENCE);
  const without = await failovers(agent);
  const before = memoryOf(agent);
  const stop = await attack(alpha);
  const withThem = await failovers(agent);
  const tries = await triesUntilAnswered(alpha);
  const memory = memoryOf(agent);
  await stop();
  process.stderr.write(
    `  failover without: ${without} ms; with: ${withThem} ms; memory ${before} then ${memory} KiB; answered at the ${tries}th try\n`,
  );
  expect(withThem.at(-1)! - without.at(-1)!).toBeLessThan(DELAY);
  expect(memory - before).toBeLessThan(MEMORY);
  expect(agent.events().filter(({ event }) => event === 'fatal' || event === 'control-error')).toEqual([]);
  expect((await alpha.status()).ready).toBe(true);
});
