import { join } from 'node:path';
import type { AgentProcess } from '../../deploy/lab/agent-process';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { waitUntil } from '../../deploy/lab/wait';
import { PATIENCE, write } from './daemon-tools';
import { example, shell } from './script-tools';

jest.setTimeout(60_000);

let lab: Lab;
let alpha: LabHost;
let agent: AgentProcess;
/** gamma is on the second plane alone */
beforeAll(async () => {
  lab = await Lab.create({
    hosts: ['alpha', 'beta', { name: 'gamma', planes: ['b'] }],
    planes: ['a', 'b'],
    configuration: { probe: { hold: '200ms' } },
  });
  alpha = lab.host('alpha');
  await nameProtocol();
  [agent] = await Promise.all([
    alpha.startAgent(),
    lab.host('beta').startAgent(),
    lab.host('gamma').startAgent(),
  ]);
  await alpha.run('sh', [
    '-c',
    'ip route add 192.0.2.0/24 dev eth0 && ip route add 192.0.2.9 dev eth1 proto 78',
  ]);
});
afterAll(() => lab.destroy());

/**
 * Puts the drop-in into /etc/iproute2/rt_protos.d as `make install` does, but on alpha alone: over a copy in its own mount namespace.
 * Where iproute2 keeps its tables elsewhere there may be no such directory, and then /etc itself is the copy.
 */
async function nameProtocol(): Promise<void> {
  const source = join(ROOT, 'deploy', 'rt_protos.d', 'multihomed.conf');
  const script = `
directory=/etc; if [ -d /etc/iproute2 ]; then directory=/etc/iproute2; fi
mkdir /run/copy
cp -a $directory/. /run/copy 2>/dev/null || :
mount --bind /run/copy $directory
mkdir -p /etc/iproute2/rt_protos.d
cp "$1" /etc/iproute2/rt_protos.d/`;
  await alpha.run('sh', ['-ec', script, 'name', source]);
}

const ask = (script: string): Promise<string[]> => shell(alpha, script);

const WHICH_PLANE = 'Which plane carries the traffic to each peer?';
const ON_SECOND = 'Which peers are on their second choice?';
const CUT_OFF = 'Which peers have no route that works?';
const LOST_PLANE = 'Has this host lost a plane?';

test('`ip route show proto multihomed` lists ours and nothing else', async () => {
  const named = await ask('ip route show proto multihomed');
  const numbered = await ask('ip route show proto 77');
  expect(named).toEqual(numbered);
  expect(named.map((line) => line.replace(/ (scope|metric) .*/, ''))).toEqual([
    '10.78.0.2 dev eth0',
    '10.78.0.2 dev eth1',
    'unreachable 10.78.0.2',
    '10.78.0.3 dev eth1',
    'unreachable 10.78.0.3',
  ]);
  const all = await ask('ip route show');
  const ours = all.filter((line) => line.includes('proto multihomed'));
  expect(ours).toHaveLength(named.length);
  expect(await ask('multihomectl routes')).toEqual(ours.map((line) => line.trimEnd()));
});

test('all planes work', async () => {
  await ask('multihomectl wait --peer beta && multihomectl wait --peer gamma');
  expect(await ask(example(WHICH_PLANE))).toEqual(['10.78.0.2 eth0', '10.78.0.3 eth1']);
  expect(await ask(example(WHICH_PLANE, 1))).toEqual(['beta a', 'gamma b']);
  expect(await ask(example(ON_SECOND))).toEqual(['10.78.0.3']);
  expect(await ask(example(CUT_OFF))).toEqual([]);
  expect(await ask(example(CUT_OFF, 1))).toEqual([]);
  expect(await ask(example(LOST_PLANE))).toEqual([]);
});

test('a pulled card on the first plane puts peers on their second', async () => {
  await lab.pullCard('alpha', 'a');
  await agent.waitFor('failover', ({ peer, to }) => peer === 'beta' && to === 'b');
  expect(await ask(example(WHICH_PLANE))).toEqual(['10.78.0.2 eth1', '10.78.0.3 eth1']);
  expect(await ask(example(ON_SECOND))).toEqual(['10.78.0.2', '10.78.0.3']);
  expect(await ask(example(CUT_OFF))).toEqual([]);
  expect(await ask(example(LOST_PLANE))).toEqual(['a eth0']);
});

test('peers without a plane are told apart by carrier, and by the agent also where the carrier stays', async () => {
  await lab.returnCard('alpha', 'a');
  const seen = agent.events().length;
  await waitUntil(
    async () => (await alpha.status()).peers[0]?.active === 'a',
    PATIENCE,
    'beta is back on its first plane',
  );
  await lab.pullCard('alpha', 'b');
  await agent.waitFor('peer-unreachable', ({ peer }) => peer === 'gamma', PATIENCE, seen);
  expect(await ask(example(CUT_OFF))).toEqual(['10.78.0.3']);
  expect(await ask(example(CUT_OFF, 1))).toEqual(['gamma']);
  expect(await ask(example(LOST_PLANE))).toEqual(['b eth1']);
  await lab.returnCard('alpha', 'b');
  await agent.waitFor('peer-reachable', ({ peer }) => peer === 'gamma', PATIENCE, seen);
  const again = agent.events().length;
  await lab.dropPort('gamma', 'b');
  await agent.waitFor('peer-unreachable', ({ peer }) => peer === 'gamma', PATIENCE, again);
  expect(await ask(example(CUT_OFF))).toEqual([]);
  expect(await ask(example(CUT_OFF, 1))).toEqual(['gamma']);
  await lab.undropPort('gamma', 'b');
});

test('a script waits for a peer, and hears of failovers as they happen', async () => {
  await write(alpha, '/run/bin/start-the-application', '#!/bin/sh\necho started\n');
  expect(await ask(example('Wait for a peer'))).toEqual(['started']);
  const follower = alpha.spawn('sh', ['-c', `PATH=/run/bin:$PATH\n${example('Follow failovers')}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let heard = '';
  follower.stdout?.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
  });
  const lastLine = (): string => heard.trimEnd().split('\n').at(-1) ?? '';
  // The first may come as one of the last events before; the second as it happens, since by then the follower is there.
  await lab.pullCard('alpha', 'a');
  await waitUntil(() => lastLine().endsWith('Z beta a -> b'), PATIENCE, 'the failover');
  await lab.returnCard('alpha', 'a');
  await waitUntil(() => lastLine().endsWith('Z beta b -> a'), PATIENCE, 'the way back');
});
