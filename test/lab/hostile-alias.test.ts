import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { LogEvent } from '../../deploy/lab/agent-process';
import type { LabHost } from '../../deploy/lab/host';
import { SANDBOX_FILES } from '../../deploy/lab/sandbox';
import { waitUntil } from '../../deploy/lab/wait';
import { harmed, report } from './hostile-tools';
import { type Cluster, inCluster, PATIENCE } from './promise-cluster';
import { loopbackAddresses } from './promise-kernel';

/** Promise 7: other hosts that have our alias (RFC 5227, 2.4 c): told, defended now and then, never given up. */
jest.setTimeout(90_000);

/** A little longer than the least time between two defences, in ms. */
const WATCHED = 11_000;
const MOST_DEFENCES = 2;
/** RFC 5227, 1.1, DEFEND_INTERVAL, in ms. */
const DEFEND_INTERVAL = 10_000;

/** Gamma's own file gives it alpha's alias; the stranger runs no agent. Nobody announces anything but at the start, and to defend itself. */
const ARP = { repeat: 1, refresh: 'off' };
const CLUSTER = {
  hosts: ['alpha', 'beta', 'gamma', 'stranger'],
  agents: ['alpha', 'beta'],
  configuration: { hosts: { gamma: undefined, stranger: undefined }, arp: ARP },
};

async function startImpostor(cluster: Cluster): Promise<void> {
  const links = { a: 'eth0', b: 'eth1' };
  const hosts = { gamma: { alias: '10.78.0.1', links }, beta: { alias: '10.78.0.2', links } };
  const configurationFile = join(SANDBOX_FILES, 'impostor.yaml');
  await writeFile(configurationFile, stringify({ cluster: 'lab', planes: ['a', 'b'], hosts, arp: ARP }));
  await cluster.start('gamma', { configurationFile });
}

/** Announcements of alpha's alias on both planes, by the last octet of who sent them. */
class Announcements {
  private lines = '';

  private constructor() {}

  static async start(host: LabHost): Promise<Announcements> {
    const all = new Announcements();
    const filter = 'arp and arp[14:4] = 0x0a4e0001 and arp[24:4] = 0x0a4e0001';
    const fields = ['-T', 'fields', '-e', 'arp.src.hw_mac'];
    const child = host.spawn('tshark', ['-n', '-l', '-f', filter, '-i', 'eth0', '-i', 'eth1', ...fields], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      all.lines += chunk;
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    await waitUntil(() => /Capturing/.test(said), PATIENCE, 'the capture');
    return all;
  }

  countOf(host: LabHost): number {
    const macs = host.plan.links.map(({ mac }) => mac);
    return this.lines.split('\n').filter((line) => macs.includes(line)).length;
  }
}

/** What an agent has told of another owner of its alias since it started. */
function conflictsOf(cluster: Cluster, host: string): LogEvent[] {
  return cluster
    .agent(host)
    .events()
    .filter(({ event }) => event === 'alias-conflict');
}

test(
  'two agents and a plain Linux with one alias: each agent defends it once an interval, and nobody moves a packet',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    const [gamma, stranger] = [lab.host('gamma'), lab.host('stranger')];
    await startImpostor(cluster);
    await cluster.agent('alpha').waitFor('alias-conflict');
    const announcements = await Announcements.start(beta);
    const seen = {
      alpha: cluster.agent('alpha').events().length,
      gamma: cluster.agent('gamma').events().length,
    };
    const harm = await harmed(cluster, async () => {
      await stranger.ip('address add 10.78.0.1/32 dev eth0', 'address add 10.77.0.2/32 dev eth0');
      for (const form of [[], ['-P']]) {
        const often = ['-c', `${WATCHED / 250}`, '-W', '0.25'];
        const args = ['-q', '-U', ...form, '-i', 'eth0', ...often, '-S', '10.78.0.1', '10.78.0.1'];
        stranger.spawn('arping', args, { stdio: 'ignore' });
      }
      await sleep(WATCHED);
    });
    const defences = [alpha, gamma].map((host) => announcements.countOf(host));
    report([
      'alpha and gamma announced',
      `${defences}`,
      'the stranger',
      `${announcements.countOf(stranger)}`,
    ]);
    expect(harm).toEqual([]);
    expect(announcements.countOf(stranger)).toBeGreaterThan(WATCHED / 1000);
    for (const [index, host] of (['alpha', 'gamma'] as const).entries()) {
      const told = cluster.eventNames(host, seen[host]).filter((event) => event === 'alias-conflict');
      expect(told.length).toBeGreaterThan(0);
      expect(told.length).toBeLessThanOrEqual(MOST_DEFENCES);
      expect(defences[index]).toBe(told.length);
      const times = conflictsOf(cluster, host).map(({ time }) => Date.parse(`${time}`));
      const apart = times.slice(1).map((time, before) => time - times[before]!);
      // To the millisecond, as the log has them.
      expect(apart.filter((ms) => ms < DEFEND_INTERVAL - 1)).toEqual([]);
    }
    for (const host of [alpha, gamma]) expect(await loopbackAddresses(host)).toContain('10.78.0.1/32 lo:mh0');
    const others = [gamma, stranger].flatMap((host) => host.plan.links.map(({ mac }) => mac));
    for (const { alias, mac } of conflictsOf(cluster, 'alpha'))
      expect([alias, others]).toEqual(['10.78.0.1', expect.arrayContaining([mac])]);
  }, CLUSTER),
);
