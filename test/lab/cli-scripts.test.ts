import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentProcess } from '../../deploy/lab/agent-process';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { waitUntil } from '../../deploy/lab/wait';
import { CTL, PATIENCE, write } from './daemon-tools';

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

/** The commands under a heading of the documentation for scripts, as they stand there; `index` counts the blocks. */
function example(heading: string, index = 0): string {
  const text = readFileSync(join(ROOT, 'docs', 'scripts.md'), 'utf8');
  const section = text.split(/^## /m).find((one) => one.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`docs/scripts.md has no section ${heading}`);
  const blocks = section.split(/\n(?! {4})/).filter((block) => block.includes('    '));
  const lines = blocks.join('\n').split('\n');
  const commands: string[][] = [[]];
  for (const line of lines) {
    if (line.startsWith('    ')) commands.at(-1)!.push(line.slice(4));
    else if (commands.at(-1)!.length > 0) commands.push([]);
  }
  const command = commands.filter((one) => one.length > 0)[index];
  if (command === undefined) throw new Error(`${heading} has no example ${index}`);
  return command.join('\n');
}

/** Runs a shell on alpha as a user would, with multihomectl in its path. */
async function shell(script: string): Promise<string[]> {
  await write(alpha, '/run/bin/multihomectl', `#!/bin/sh\nexec ${process.execPath} ${CTL} "$@"\n`);
  const { stdout } = await alpha.run('sh', ['-ec', `chmod +x /run/bin/*; PATH=/run/bin:$PATH\n${script}`]);
  return stdout.split('\n').filter((line) => line !== '');
}

const WHICH_PLANE = 'Which plane carries the traffic to each peer?';
const ON_SECOND = 'Which peers are on their second plane?';
const CUT_OFF = 'Which peers have no route that works?';
const LOST_PLANE = 'Has this host lost a plane?';

test('`ip route show proto multihomed` lists ours and nothing else', async () => {
  const named = await shell('ip route show proto multihomed');
  const numbered = await shell('ip route show proto 77');
  expect(named).toEqual(numbered);
  expect(named.map((line) => line.replace(/ (scope|metric) .*/, ''))).toEqual([
    '10.78.0.2 dev eth0',
    '10.78.0.2 dev eth1',
    'unreachable 10.78.0.2',
    '10.78.0.3 dev eth1',
    'unreachable 10.78.0.3',
  ]);
  const all = await shell('ip route show');
  const ours = all.filter((line) => line.includes('proto multihomed'));
  expect(ours).toHaveLength(named.length);
  expect(await shell('multihomectl routes')).toEqual(ours.map((line) => line.trimEnd()));
});

test('all planes work', async () => {
  await shell('multihomectl wait --peer beta && multihomectl wait --peer gamma');
  expect(await shell(example(WHICH_PLANE))).toEqual(['10.78.0.2 eth0 plane 1', '10.78.0.3 eth1 plane 2']);
  expect(await shell(example(ON_SECOND))).toEqual(['10.78.0.3']);
  expect(await shell(example(CUT_OFF))).toEqual([]);
  expect(await shell(example(CUT_OFF, 1))).toEqual([]);
  expect(await shell(example(LOST_PLANE))).toEqual([]);
});

test('a pulled card on the first plane puts peers on their second', async () => {
  await lab.pullCard('alpha', 'a');
  await agent.waitFor('failover', ({ peer, to }) => peer === 'beta' && to === 'b');
  expect(await shell(example(WHICH_PLANE))).toEqual(['10.78.0.2 eth1 plane 2', '10.78.0.3 eth1 plane 2']);
  expect(await shell(example(ON_SECOND))).toEqual(['10.78.0.2', '10.78.0.3']);
  expect(await shell(example(CUT_OFF))).toEqual([]);
  expect(await shell(example(LOST_PLANE))).toEqual(['a eth0']);
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
  expect(await shell(example(CUT_OFF))).toEqual(['10.78.0.3']);
  expect(await shell(example(CUT_OFF, 1))).toEqual(['gamma']);
  expect(await shell(example(LOST_PLANE))).toEqual(['b eth1']);
  await lab.returnCard('alpha', 'b');
  await agent.waitFor('peer-reachable', ({ peer }) => peer === 'gamma', PATIENCE, seen);
  const again = agent.events().length;
  await lab.dropPort('gamma', 'b');
  await agent.waitFor('peer-unreachable', ({ peer }) => peer === 'gamma', PATIENCE, again);
  expect(await shell(example(CUT_OFF))).toEqual([]);
  expect(await shell(example(CUT_OFF, 1))).toEqual(['gamma']);
  await lab.undropPort('gamma', 'b');
});

test('a script waits for a peer, and hears of failovers as they happen', async () => {
  await write(alpha, '/run/bin/start-the-application', '#!/bin/sh\necho started\n');
  expect(await shell(example('Wait for a peer'))).toEqual(['started']);
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
