import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentProcess } from '../../deploy/lab/agent-process';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { waitUntil } from '../../deploy/lab/wait';
import { arping, REQUESTS } from './answering-tools';
import { PATIENCE, set, settings, write } from './daemon-tools';

jest.setTimeout(60_000);

let lab: Lab;
let alpha: LabHost;
let asker: LabHost;
afterEach(() => lab.destroy());

async function build(responder: string): Promise<void> {
  lab = await Lab.create({
    hosts: ['alpha', { name: 'asker', agent: false }],
    planes: ['a', 'b'],
    configuration: { arp: { responder } },
  });
  alpha = lab.host('alpha');
  asker = lab.host('asker');
}

function ignores(): Promise<number[]> {
  return settings(alpha, 'eth0/arp_ignore', 'eth1/arp_ignore');
}

/** The command that the service manager runs after every end of the daemon: ExecStopPost of the unit. */
async function afterTheEnd(): Promise<void> {
  const unit = readFileSync(join(ROOT, 'deploy', 'multihomed.service'), 'utf8');
  const [program, ...args] = /^ExecStopPost=(.*)$/m.exec(unit)![1]!.split(' ');
  expect(program).toMatch(/\/multihomectl$/);
  expect(await alpha.ctl(...args)).toMatchObject({ status: 0, stderr: '' });
}

/** Every end of the daemon; after each the kernel must be as free to answer as before. */
const ENDS: Readonly<Record<string, (agent: AgentProcess) => Promise<void>>> = {
  SIGTERM: async (agent) => {
    expect(await agent.stop()).toBe(0);
  },
  'an uncaught exception': async (agent) => {
    await write(alpha, '/run/break', '');
    expect((await agent.exited).code).toBe(70);
  },
  'SIGKILL and the command of the service manager': async (agent) => {
    agent.kill('SIGKILL');
    await agent.exited;
    // Nobody could give it back yet, and nobody answers.
    expect(await ignores()).toEqual([1, 1]);
    expect(await arping(asker, 'b', alpha.alias)).toBe(0);
    await afterTheEnd();
  },
  'SIGKILL, a restart and SIGTERM': async (agent) => {
    agent.kill('SIGKILL');
    await agent.exited;
    const next = await alpha.startAgent();
    expect(await ignores()).toEqual([1, 1]);
    expect(await arping(asker, 'b', alpha.alias)).toBe(REQUESTS);
    expect(await next.stop()).toBe(0);
  },
};

/** Makes the daemon throw inside as soon as a file exists. */
const BREAK = `
const { existsSync } = require('node:fs');
const { Kernel } = require(${JSON.stringify(join(ROOT, 'dist', 'agent', 'kernel', 'kernel.js'))});
const readSettings = Kernel.prototype.readSettings;
Kernel.prototype.readSettings = function (links) {
  if (existsSync('/run/break')) throw new TypeError('thrown by the test');
  return readSettings.call(this, links);
};`;

test.each(Object.keys(ENDS))(
  'the kernel is silenced while the agent answers, and has its former value back after %s',
  async (end) => {
    await build('agent');
    await set(alpha, { 'eth1/arp_ignore': 3 });
    await write(alpha, '/run/break.js', BREAK);
    const agent = await alpha.startAgent({ env: { NODE_OPTIONS: '--require /run/break.js' } });
    expect(await ignores()).toEqual([1, 1]);
    expect(await arping(asker, 'a', alpha.alias)).toBe(REQUESTS);
    expect((await alpha.status()).counters.answered).toBeGreaterThanOrEqual(REQUESTS);
    await ENDS[end]!(agent);
    expect(await ignores()).toEqual([0, 3]);
    // The alias stays bound, so the kernel answers for it now.
    const answers = await Promise.all(['a', 'b'].map((plane) => arping(asker, plane, alpha.alias)));
    expect(answers).toEqual([REQUESTS, REQUESTS]);
  },
);

test('what somebody else has set meanwhile is not given back, and a release beside a living agent does nothing', async () => {
  await build('agent');
  const agent = await alpha.startAgent();
  expect((await alpha.ctl('release')).stdout).toBe('nothing to remove\n');
  expect(await ignores()).toEqual([1, 1]);
  await set(alpha, { 'eth0/arp_ignore': 2 });
  expect(await agent.stop()).toBe(0);
  expect(await ignores()).toEqual([2, 0]);
});

test('the kernel answers while the agent is stopped, and after its end', async () => {
  await build('auto');
  const agent = await alpha.startAgent();
  agent.kill('SIGSTOP');
  expect(await arping(asker, 'a', alpha.alias)).toBe(REQUESTS);
  expect(await arping(asker, 'b', alpha.alias, 'unicast', { mac: alpha.link('b').mac })).toBe(REQUESTS);
  agent.kill('SIGKILL');
  await agent.exited;
  expect(await arping(asker, 'a', alpha.alias, 'probe')).toBe(REQUESTS);
  expect(await ignores()).toEqual([0, 0]);
});

test('a host that is hardened while the agent runs is answered for, and left to its kernel when it is not any more', async () => {
  await build('auto');
  const agent = await alpha.startAgent();
  expect((await alpha.status()).responder.acting).toBe('kernel');
  await set(alpha, { 'all/arp_ignore': 1 });
  expect(await agent.waitFor('responder')).toMatchObject({ acting: 'agent', reason: 'arp-ignore' });
  expect(await arping(asker, 'b', alpha.alias)).toBe(REQUESTS);
  await set(alpha, { 'all/arp_ignore': 0 });
  await waitUntil(
    async () => (await alpha.status()).responder.acting === 'kernel',
    PATIENCE,
    'the kernel answers again',
  );
  expect(await arping(asker, 'b', alpha.alias)).toBe(REQUESTS);
  expect(await ignores()).toEqual([0, 0]);
});
