import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../deploy/lab/wait';
import { type Change, proveEach } from './machine-tools';
import { type Cluster, PATIENCE } from './promise-cluster';
import { setSetting } from './promise-kernel';
import { WallClock } from './wall-clock';

/** What the machine gives a process runs out under the agent, or is taken from it: nothing is lost, and one event names it. */
jest.setTimeout(180_000);

/** How long the agent is stopped, in ms. */
const SUSPEND = Number(process.env.MACHINE_SUSPEND ?? 4) * 1000;
const HOUR = 3_600_000;
const DETECTION = 65;
const SOCKET = '/run/multihomed/control.sock';
const REMOVED = `the control socket ${SOCKET} was removed: it is bound anew`;

let clock: WallClock;
let waiting: Socket[] = [];

/** Lets no further file be opened, while somebody waits to be let in. */
async function takeDescriptors(cluster: Cluster): Promise<void> {
  await allowFiles(cluster, 1);
  waiting = Array.from({ length: 3 }, () => {
    const socket = connect(`/proc/${cluster.alpha.pid}/root${SOCKET}`);
    return socket.on('error', () => undefined);
  });
}

function allowFiles(cluster: Cluster, files: number): Promise<unknown> {
  const { pid } = cluster.agent('alpha');
  return cluster.alpha.run('prlimit', ['--pid', `${pid}`, `--nofile=${files}:`]);
}

async function untilAnswered({ alpha }: Cluster): Promise<void> {
  const answered = async () => (await alpha.ctl('status')).status === 0;
  await waitUntil(answered, PATIENCE, 'an answer at the control socket', 100);
}

/** Fills the file system that holds the record. */
async function fillDisk({ alpha }: Cluster): Promise<void> {
  const fill = 'mount -o remount,size=256k /run; cat /dev/zero > /run/full 2> /dev/null || :';
  await alpha.run('sh', ['-c', fill]);
}

async function emptyDisk({ alpha }: Cluster): Promise<void> {
  await alpha.run('sh', ['-ec', 'rm /run/full; mount -o remount,size=50% /run']);
}

const CHANGES: readonly Change[] = [
  {
    name: `agent stopped for ${SUSPEND / 1000} s`,
    inflict: async (cluster) => {
      cluster.agent('alpha').kill('SIGSTOP');
      await sleep(SUSPEND);
      cluster.agent('alpha').kill('SIGCONT');
    },
    // It notices at its next look, each second.
    event: { event: 'stalled', for: (ms: number) => ms > SUSPEND - 1100 },
    bound: 0,
  },
  {
    name: "system's clock set 5 hours ahead",
    inflict: async () => clock.shift(5),
    event: { event: 'clock-stepped', by: (ms: number) => Math.abs(ms - 5 * HOUR) < 1000 },
    bound: 0,
  },
  {
    name: 'no file descriptor left, and three clients waiting',
    inflict: takeDescriptors,
    event: { event: 'control-error', problem: "EMFILE: too many open files, open '/dev/null'" },
    bound: 0,
    mend: async (cluster) => {
      await allowFiles(cluster, 1024);
      for (const socket of waiting) socket.destroy();
      await untilAnswered(cluster);
    },
  },
  {
    name: 'control socket deleted',
    inflict: ({ alpha }) => alpha.run('rm', [SOCKET]),
    event: { event: 'control-error', problem: REMOVED },
    bound: 0,
  },
  {
    name: 'directory of the socket and the record deleted',
    inflict: ({ alpha }) => alpha.run('rm', ['-r', dirname(SOCKET)]),
    event: { event: 'control-error', problem: REMOVED },
    bound: 0,
    mend: async ({ alpha }) => {
      const written = async () => (await alpha.run('ls', [dirname(SOCKET)])).stdout.includes('state.json');
      await waitUntil(written, PATIENCE, 'the record');
    },
  },
  {
    name: 'disk full, and a setting flipped back',
    inflict: async (cluster) => {
      await fillDisk(cluster);
      await setSetting(cluster.alpha, 'eth1', 'ignore_routes_with_linkdown', 0);
    },
    event: { event: 'repaired', kinds: ['setting'], of: ['eth1 ignore_routes_with_linkdown'] },
    bound: 0,
    mend: emptyDisk,
  },
  {
    name: 'disk full, and a card replaced',
    inflict: async (cluster) => {
      await fillDisk(cluster);
      await cluster.lab.removeCard('alpha', 'a');
      await cluster.lab.insertCard('alpha', 'a');
    },
    event: {
      event: 'kernel-refused',
      operation: 'change-setting',
      code: 'ENOSPC',
      error: 'setting ignore_routes_with_linkdown=1 on eth0: ENOSPC',
    },
    bound: DETECTION,
    mend: emptyDisk,
  },
];

proveEach(CHANGES, {
  agents: [],
  async prepare(cluster) {
    clock = new WallClock(dirname(cluster.lab.configurationFile));
    await cluster.start('alpha', { env: clock.env });
    await cluster.start('beta');
  },
});
