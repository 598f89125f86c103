import { writeFile } from 'node:fs/promises';
import type { AgentProcess } from '../../deploy/lab/agent-process';
import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { startStream } from '../../deploy/lab/stream';
import { kernelState, PATIENCE, sleep } from './daemon-tools';

jest.setTimeout(60_000);

let lab: Lab;
let alpha: LabHost;
let agent: AgentProcess;
beforeEach(async () => {
  lab = await Lab.create({ hosts: ['alpha', 'beta', 'gamma'], planes: ['a', 'b'] });
  alpha = lab.host('alpha');
  [agent] = await Promise.all([
    alpha.startAgent(),
    lab.host('beta').startAgent(),
    lab.host('gamma').startAgent(),
  ]);
  for (const peer of ['beta', 'gamma'])
    for (const plane of ['a', 'b'])
      await agent.waitFor('path-up', (event) => event.peer === peer && event.plane === plane);
});
afterEach(() => lab.destroy());

/**
 * What the log tells of a peer from a point on, but for single requests that a busy machine answered late: a new path would come up from
 * `unknown`, a lost one go down.
 */
function eventsOf(peer: string, start: number): unknown[] {
  return agent
    .events()
    .slice(start)
    .filter((event) => event.peer === peer && event.event !== 'path-suspect' && event.from !== 'suspect');
}

async function destinations(): Promise<string[]> {
  const routes = (await alpha.routes()).filter(({ protocol, dev }) => protocol === '77' && dev !== undefined);
  return routes.map(({ dst, dev }) => `${dst} ${dev}`);
}

async function neighbors(): Promise<string[]> {
  const { stdout } = await alpha.run('ip', ['-json', '-4', 'neigh', 'show', 'nud', 'permanent']);
  return (JSON.parse(stdout) as { dst: string; dev: string }[]).map(({ dst, dev }) => `${dst} ${dev}`).sort();
}

const DELTA = { delta: { alias: '10.78.0.4', links: { a: 'eth0', b: 'eth1' } } };

test('peers come and go by SIGHUP, and those that did not change notice nothing', async () => {
  const streams = await Promise.all([startStream(lab, 'alpha', 'beta'), startStream(lab, 'beta', 'alpha')]);
  const seen = agent.events().length;
  const marks = streams.map((stream) => stream.mark());
  await lab.writeConfiguration({ hosts: { gamma: undefined, ...DELTA } });
  agent.kill('SIGHUP');
  expect(await agent.waitFor('reloaded')).toMatchObject({
    added: ['delta'],
    removed: ['gamma'],
    changed: [],
  });
  expect(await destinations()).toEqual([
    '10.78.0.2 eth0',
    '10.78.0.2 eth1',
    '10.78.0.4 eth0',
    '10.78.0.4 eth1',
  ]);
  expect(await neighbors()).toEqual(['10.78.0.2 eth0', '10.78.0.2 eth1']);
  await sleep(300);
  const results = await Promise.all(streams.map((stream, index) => stream.result(marks[index]!)));
  for (const { sent, lost, reordered } of results) {
    expect(sent).toBeGreaterThan(200);
    expect({ lost, reordered }).toEqual({ lost: 0, reordered: 0 });
  }
  expect(eventsOf('beta', seen)).toEqual([]);
  await Promise.all(streams.map((stream) => stream.stop()));
});

test('multihomectl reload says what changed, and a changed peer gets its new ways', async () => {
  expect(await alpha.ctl('reload')).toEqual({ status: 0, stdout: 'reloaded: no peer changed\n', stderr: '' });
  await lab.writeConfiguration({ hosts: { beta: { links: { a: undefined } }, ...DELTA } });
  const { stdout, status } = await alpha.ctl('reload', '--json');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ added: ['delta'], removed: [], changed: ['beta'] });
  expect((await destinations()).filter((way) => way.startsWith('10.78.0.2 '))).toEqual(['10.78.0.2 eth1']);
  await alpha.run('ping', ['-c', '1', '-W', '2', '-I', alpha.alias, '10.78.0.2']);
  await lab.writeConfiguration({});
  expect((await alpha.ctl('reload')).stdout).toBe('reloaded: removed delta; changed beta\n');
  expect((await destinations()).filter((way) => way.startsWith('10.78.0.2 '))).toEqual([
    '10.78.0.2 eth0',
    '10.78.0.2 eth1',
  ]);
});

test('new timing is in force at once, without a word about any path', async () => {
  const requests = async (): Promise<number> => (await alpha.status()).counters.requests ?? 0;
  const seen = agent.events().length;
  await lab.writeConfiguration({ probe: { interval: '1s' } });
  expect((await alpha.ctl('reload')).status).toBe(0);
  const before = await requests();
  await sleep(1000);
  // Four paths: some 80 a second before, 4 now.
  expect((await requests()) - before).toBeLessThan(20);
  await lab.writeConfiguration({ probe: { interval: '20ms' } });
  expect((await alpha.ctl('reload')).status).toBe(0);
  const quick = await requests();
  await sleep(1000);
  expect((await requests()) - quick).toBeGreaterThan(50);
  expect([...eventsOf('beta', seen), ...eventsOf('gamma', seen)]).toEqual([]);
});

test('an alias and a link of our own come and go, and the rest stays', async () => {
  const before = await kernelState(alpha);
  const start = agent.events().length;
  await lab.writeConfiguration({
    hosts: { alpha: { alias: [alpha.alias, '10.78.0.101'], links: { b: undefined } } },
  });
  expect((await alpha.ctl('reload')).status).toBe(0);
  const address = async () => (await alpha.run('ip', ['-4', '-o', 'address', 'show', 'dev', 'lo'])).stdout;
  expect(await address()).toMatch(/10\.78\.0\.1\/32.*lo:mh0\b[\s\S]*10\.78\.0\.101\/32.*lo:mh1\b/);
  expect(await destinations()).toEqual(['10.78.0.2 eth0', '10.78.0.3 eth0']);
  expect((await alpha.status()).links.map(({ name }) => name)).toEqual(['eth0']);
  await lab.writeConfiguration({});
  const seen = agent.events().length;
  expect((await alpha.ctl('reload')).status).toBe(0);
  expect(await address()).not.toContain('10.78.0.101');
  for (const peer of ['beta', 'gamma'])
    await agent.waitFor('path-up', (event) => event.peer === peer && event.plane === 'b', PATIENCE, seen);
  expect(
    agent
      .events()
      .slice(start)
      .filter(({ event }) => event === 'path-down'),
  ).toEqual([]);
  expect((await kernelState(alpha)).split('\n').sort()).toEqual(before.split('\n').sort());
});

test('a file with errors is refused whole, and the old configuration stays', async () => {
  const [before, status] = [await kernelState(alpha), await alpha.status()];
  await lab.writeConfiguration({ hosts: { gamma: undefined, ...DELTA }, probe: { interval: '50' } });
  const refused = await alpha.ctl('reload');
  expect(refused).toMatchObject({ status: 78, stdout: '' });
  expect(refused.stderr).toMatch(/^multihomectl: .*cluster\.yaml:\d+:\d+: probe\.interval: .*\n$/);
  expect(await agent.waitFor('reload-refused')).toMatchObject({ level: 'error' });
  const seen = agent.events().length;
  await writeFile(lab.configurationFile, 'hosts: [');
  agent.kill('SIGHUP');
  await agent.waitFor('reload-refused', undefined, 5000, seen);
  expect(await kernelState(alpha)).toBe(before);
  const after = await alpha.status();
  expect(after.peers.map(({ name }) => name)).toEqual(status.peers.map(({ name }) => name));
  expect(after.pid).toBe(agent.pid);
});

test('what a running agent cannot move to is refused, by its name', async () => {
  const before = await kernelState(alpha);
  for (const [name, over] of [
    ['cluster', { cluster: 'moved' }],
    ['route.protocol', { route: { protocol: 100 } }],
    ['route.table', { route: { table: 177 } }],
    ['control.socket', { control: { socket: '/run/multihomed/moved.sock' } }],
  ] as const) {
    await lab.writeConfiguration({ ...over, hosts: DELTA });
    expect(await alpha.ctl('reload')).toEqual({
      status: 78,
      stdout: '',
      stderr: `multihomectl: ${name} changed; that takes a restart: teardown, then start\n`,
    });
  }
  expect(await kernelState(alpha)).toBe(before);
});
