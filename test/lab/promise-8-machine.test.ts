import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../deploy/lab/host';
import { waitUntil } from '../../deploy/lab/wait';
import { type Cluster, cpuShare, inCluster, NOTHING_LOST, PATIENCE } from './promise-cluster';
import { aliasNeighbors, routesTo, setting, stateOf } from './promise-kernel';
import { WallClock } from './wall-clock';

/** Promise 8: no event of the machine around it ends the process. */
jest.setTimeout(60_000);

const IDLE = 0.3;
const NONE = { there: NOTHING_LOST, back: NOTHING_LOST };

/** A silent failure of plane a is found and survived: the agent does its work. */
async function expectFailoverWorks(cluster: Cluster): Promise<void> {
  const { lab, alpha, beta } = cluster;
  await lab.dropPort('beta', 'a');
  await cluster.waitForPlane(alpha, beta.alias, 'b');
  await lab.undropPort('beta', 'a');
  await cluster.waitForPlane(alpha, beta.alias, 'a');
}

/** Has the kernel tell more than the agent's socket holds while the agent is stopped, and takes two things of ours away behind that. */
async function overrun(cluster: Cluster): Promise<void> {
  const { alpha, beta } = cluster;
  const agent = cluster.agent('alpha');
  agent.kill('SIGSTOP');
  const address = (n: number) => `198.18.${n >>> 8}.${n & 255}`;
  const lines = Array.from({ length: 40_000 }, (_, n) => `route add unreachable ${address(n)} table 99`);
  await alpha.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\nroute flush table 99\n` });
  await alpha.ip(`route del ${beta.alias} dev eth1 proto 77`, `neighbor del ${beta.alias} dev eth1`);
  agent.kill('SIGCONT');
  await agent.waitFor('netlink-overrun');
  await agent.waitFor('repaired');
}

test(
  'notifications of the kernel are lost: everything is read anew, and what is wrong is put right',
  inCluster(async (cluster) => {
    const { alpha, beta } = cluster;
    const streams = await cluster.startStreams();
    expect(await cluster.measure(streams, () => overrun(cluster))).toEqual(NONE);
    expect(await routesTo(alpha, beta.alias)).toEqual(['eth0 100', 'eth1 110']);
    expect(await aliasNeighbors(alpha)).toHaveLength(2);
    expect(await cpuShare(cluster.agent('alpha').pid)).toBeLessThan(IDLE);
    await expectFailoverWorks(cluster);
  }),
);

test(
  'notifications are lost while the agent has nothing else to do: the loss alone wakes it',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    await Promise.all([lab.pullCard('alpha', 'a'), lab.pullCard('alpha', 'b')]);
    await cluster.waitForPaths('down', ['alpha']);
    await overrun(cluster);
    await Promise.all([lab.returnCard('alpha', 'a'), lab.returnCard('alpha', 'b')]);
    await cluster.waitForPaths('up');
    expect(await routesTo(alpha, beta.alias)).toEqual(['eth0 100', 'eth1 110']);
  }),
);

test(
  'the file system of the record is full: the settings are changed once they can be written down',
  inCluster(
    async (cluster) => {
      const { alpha } = cluster;
      const before = await stateOf(alpha);
      const fill = 'mkdir -p /run/multihomed; mount -t tmpfs -o size=64k,mode=755 tmpfs /run/multihomed';
      await alpha.run('sh', ['-ec', `${fill}; cat /dev/zero > /run/multihomed/full 2>/dev/null || :`]);
      const agent = await cluster.start('alpha');
      await cluster.start('beta');
      await cluster.waitForPaths('up');
      expect(cluster.eventNames('alpha')).toContain('record-failed');
      const refused = await agent.waitFor('kernel-refused');
      expect(refused).toMatchObject({ operation: 'change-setting', code: 'ENOSPC' });
      expect(await setting(alpha, 'eth0', 'ignore_routes_with_linkdown')).toBe('0');
      expect(await cpuShare(agent.pid)).toBeLessThan(IDLE);
      await alpha.run('rm', ['/run/multihomed/full']);
      const isSet = async () => (await setting(alpha, 'eth0', 'ignore_routes_with_linkdown')) === '1';
      await waitUntil(isSet, PATIENCE, 'the setting to be changed after all');
      await expectFailoverWorks(cluster);
      await cluster.kill('alpha');
      expect((await alpha.ctl('teardown')).status).toBe(0);
      expect(await stateOf(alpha)).toEqual(before);
    },
    { agents: [] },
  ),
);

test.each([
  ['a full disk', 'exec "$@" > /dev/full', true],
  ['a pipe whose reader has gone', '"$@" | head -n 1', true],
  // Full from the start: 64 KiB is what a pipe holds (pipe(7)).
  ['a pipe that nobody reads', '{ head -c 65536 /dev/zero; exec "$@"; } | sleep 1000', false],
  ['nowhere, being closed', 'exec "$@" >&- 2>&-', false],
])('the log goes to %s', (_, script, lost) =>
  inCluster(
    async (cluster) => {
      const { lab, alpha, beta } = cluster;
      await cluster.start('beta');
      const main = join(ROOT, 'dist', 'agent', 'main.js');
      const command = [process.execPath, main, '--config', lab.configurationFile];
      alpha.spawn('sh', ['-c', script, 'log', ...command], { stdio: 'ignore' });
      const isUp = async () => {
        try {
          return (await cluster.path('alpha', 'beta', 'a')).state === 'up';
        } catch {
          return false;
        }
      };
      await waitUntil(isUp, PATIENCE, 'the agent with a log that goes nowhere');
      const { pid } = await alpha.status();
      await expectFailoverWorks(cluster);
      await lab.pullCard('alpha', 'a');
      await cluster.waitForPlane(beta, alpha.alias, 'b');
      await lab.returnCard('alpha', 'a');
      await waitUntil(isUp, PATIENCE, 'the path to be up again');
      expect(await cpuShare(pid)).toBeLessThan(IDLE);
      const status = await alpha.status();
      expect(status.pid).toBe(pid);
      expect((status.counters['log-lines-lost'] ?? 0) > 0).toBe(lost);
      expect((await alpha.ctl('events')).stdout).toContain('carrier-back');
      expect((await alpha.ctl('teardown')).status).toBe(0);
      await waitUntil(() => !existsSync(`/proc/${pid}`), PATIENCE, 'the end of the agent');
    },
    { agents: [] },
  )(),
);

/** The wall clock decides nothing, however it jumps. */
async function expectSteadiness(cluster: Cluster): Promise<void> {
  const { alpha } = cluster;
  await cluster.waitForPaths('up');
  const agent = cluster.agent('alpha');
  const seen = agent.events().length;
  const streams = await cluster.startStreams();
  expect(await cluster.measure(streams, () => sleep(2500))).toEqual(NONE);
  expect(cluster.eventNames('alpha', seen)).not.toContain('path-down');
  for (const { paths } of (await alpha.status()).peers) {
    for (const { rtt } of paths) expect(rtt).toBeLessThan(100);
  }
  expect(await cpuShare(agent.pid)).toBeLessThan(IDLE);
  await expectFailoverWorks(cluster);
  const hours = agent
    .events()
    .map(({ time }) => Math.round((Date.parse(`${time}`) - Date.now()) / 3_600_000));
  expect(hours.some((hour) => hour !== 0)).toBe(true);
}

test(
  "the system's clock is stepped again and again: nothing is decided, and a failure is still found",
  inCluster(
    async (cluster) => {
      const clock = new WallClock(dirname(cluster.lab.configurationFile));
      await Promise.all(['alpha', 'beta'].map((host) => cluster.start(host, { env: clock.env })));
      // An hour to and fro, twenty times a second.
      let ahead = 1;
      const stepping = setInterval(() => {
        ahead = -ahead;
        clock.shift(ahead);
      }, 50);
      await expectSteadiness(cluster).finally(() => clearInterval(stepping));
    },
    { agents: [] },
  ),
);

test(
  'the whole directory of the record and the socket is deleted: the agent goes on',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    await alpha.run('rm', ['-r', '/run/multihomed']);
    await lab.removeCard('alpha', 'a');
    await cluster.waitForPlane(alpha, beta.alias, 'b');
    await lab.insertCard('alpha', 'a');
    await cluster.waitForPlane(alpha, beta.alias, 'a');
    const isSet = async () => (await setting(alpha, 'eth0', 'ignore_routes_with_linkdown')) === '1';
    await waitUntil(isSet, PATIENCE, 'the setting of the new card');
    await cluster.kill('alpha');
    expect((await alpha.ctl('teardown')).status).toBe(0);
    expect(await routesTo(alpha, beta.alias)).toEqual([]);
  }),
);

test(
  'no further file can be opened while a card is replaced: the agent goes on, and takes the card in afterwards',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    const agent = cluster.agent('alpha');
    const allow = (files: number) => alpha.run('prlimit', ['--pid', `${agent.pid}`, `--nofile=${files}:`]);
    await allow(1);
    await lab.removeCard('alpha', 'a');
    await lab.insertCard('alpha', 'a');
    await cluster.waitForPlane(alpha, beta.alias, 'b');
    await cluster.waitForPlane(beta, alpha.alias, 'a');
    expect(await cpuShare(agent.pid, 1500)).toBeLessThan(IDLE);
    await allow(1024);
    // Nobody could be let in meanwhile.
    const answers = async () => (await alpha.ctl('status')).status === 0;
    await waitUntil(answers, PATIENCE, 'an answer at the control socket', 100);
    await cluster.waitForPaths('up');
    expect(await routesTo(alpha, beta.alias)).toEqual(['eth0 100', 'eth1 110']);
    const isSet = async () => (await setting(alpha, 'eth0', 'ignore_routes_with_linkdown')) === '1';
    await waitUntil(isSet, PATIENCE, 'the setting of the new card');
  }),
);
