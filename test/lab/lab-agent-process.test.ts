import { spawn } from 'node:child_process';
import { AgentProcess } from '../../deploy/lab/agent-process';

/** @returns the handle of a stand-in for the daemon, a shell script */
function start(script: string): AgentProcess {
  return new AgentProcess('alpha', spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] }));
}

test('events are read line by line, whatever the pieces they come in', async () => {
  const agent = start(`printf '{"event":"one","n":1}\\n{"ev'; sleep 0.05; printf 'ent":"two"}\\nno json\\n'`);
  expect(await agent.exited).toEqual({ code: 0, signal: null });
  expect(agent.events()).toEqual([
    { event: 'one', n: 1 },
    { event: 'two' },
    { event: 'not-json', line: 'no json' },
  ]);
});

test('waiting finds events that are there, those to come, and those after a point', async () => {
  const agent = start(`echo '{"event":"up","n":1}'; sleep 0.1; echo '{"event":"up","n":2}'; exec sleep 5`);
  expect(await agent.waitFor('up')).toMatchObject({ n: 1 });
  const seen = agent.events().length;
  const [byNumber, byPoint] = await Promise.all([
    agent.waitFor('up', (event) => event.n === 2),
    agent.waitFor('up', undefined, 5000, seen),
  ]);
  expect([byNumber, byPoint]).toMatchObject([{ n: 2 }, { n: 2 }]);
  agent.kill('SIGKILL');
  expect(await agent.exited).toEqual({ code: null, signal: 'SIGKILL' });
});

test('waiting in vain says for what, on which host, and what came instead', async () => {
  const agent = start(`echo '{"event":"starting"}'; exec sleep 5`);
  await agent.waitFor('starting');
  await expect(agent.waitFor('ready', undefined, 20)).rejects.toThrow(/alpha logged no ready.*starting/s);
  agent.kill('SIGKILL');
  await agent.exited;
});

test('an agent that ends while it is waited for says why', async () => {
  const agent = start(`sleep 0.05; echo 'no such link' >&2; exit 78`);
  await expect(agent.waitFor('ready')).rejects.toThrow(/alpha ended \(exit status 78\): no such link/);
  await expect(agent.waitFor('ready')).rejects.toThrow(/ended before ready/);
  expect(agent.errors()).toBe('no such link\n');
});

test('stopping gives the exit status, and an end by a signal is an error', async () => {
  const orderly = start(`trap 'exit 3' TERM; echo '{"event":"ready"}'; while :; do sleep 0.02; done`);
  await orderly.waitFor('ready');
  expect(await orderly.stop()).toBe(3);
  const abrupt = start(`echo '{"event":"ready"}'; exec sleep 5`);
  await abrupt.waitFor('ready');
  await expect(abrupt.stop()).rejects.toThrow(/did not end by itself after SIGTERM \(exit status SIGTERM\)/);
});
