import { readFileSync } from 'node:fs';
import { EXIT } from '../../agent/exit-status';
import type { AgentProcess, LogEvent } from '../../deploy/lab/agent-process';
import { waitUntil } from '../../deploy/lab/wait';
import { beaconSection, KeyFile, untilMutual } from './beacon-cluster';
import { kernelState, QUIET, set, settings, sleep } from './daemon-tools';
import { untilWhole } from './machine-tools';
import { Cluster, NOTHING_LOST, PATIENCE } from './promise-cluster';
import { KernelWatch } from './promise-kernel';
import { Machine, type Properties } from './systemd-machine';
import { SystemTree } from './systemd-tree';

/** The unit as it is installed, under systemd as it is on a machine, from the installation to the removal and a next start of the machine: each test goes on from the one before. */
jest.setTimeout(60_000);

const UNIT = 'multihomed.service';
const CONFIGURATION = '/etc/multihomed.yaml';
const KEY = '/etc/multihomed/beacon.key';
/** More often than a machine of the lab starts a unit that says nothing of it. */
const KILLS = 3;
/** Exit status of the service manager's own, where it finds no such user (systemd.exec(5), EXIT_USER). */
const NO_USER = 217;
/** Capabilities of a process by the names of /proc/PID/status. */
const CAPABILITIES = ((1 << 12) | (1 << 13)).toString(16).padStart(16, '0');
const OWNERS = 'multihomed multihomed 755\nmultihomed multihomed 644\n';
const SETTINGS = ['eth0/rp_filter', 'eth0/arp_ignore', 'eth0/ignore_routes_with_linkdown'];

/** In a sandbox of an unprivileged user there are no users for it to run as. */
const isRoot = !readFileSync('/proc/self/uid_map', 'utf8').trim().endsWith(' 1');

(isRoot ? describe : describe.skip)('the unit under systemd', () => {
  let key: KeyFile;
  let tree: SystemTree;
  let cluster: Cluster;
  let machine: Machine;
  let log: AgentProcess;
  let before: string;

  beforeAll(async () => {
    key = new KeyFile(1);
    tree = new SystemTree();
    tree.install();
    const configuration = { probe: { hold: '100ms' }, arp: { responder: 'agent' }, ...beaconSection(key) };
    cluster = await Cluster.create({ agents: [], configuration });
    await cluster.start('beta');
    machine = await Machine.boot(cluster.alpha, tree);
    log = machine.follow(UNIT);
    await set(cluster.alpha, { 'eth0/rp_filter': 1, 'eth1/rp_filter': 1 });
    before = await kernelState(cluster.alpha);
  });

  afterAll(async () => {
    await cluster?.lab.destroy();
    await tree?.remove();
    key?.remove();
  });

  /** The cluster file, as the operator writes it on the machine. */
  const configuration = () =>
    readFileSync(cluster.lab.configurationFile, 'utf8').replace(`key-file: ${key.path}`, `key-file: ${KEY}`);
  const show = (): Promise<Properties> => machine.show(UNIT);

  const ownersOfState = () =>
    machine.run('stat', '--format=%U %G %a', '/run/multihomed', '/run/multihomed/state.json');

  /** Starts the unit in vain: it has failed with that exit status, and is left alone. */
  async function expectFailure(status: number, message: RegExp): Promise<void> {
    const seen = log.events().length;
    expect((await machine.try('systemctl', 'start', UNIT)).status).toBe(1);
    // After `release`, which is still at work.
    const ended = async () => (await show()).ActiveState !== 'deactivating';
    await waitUntil(ended, PATIENCE, 'the end of the unit', 20);
    await sleep(QUIET);
    expect(await show()).toMatchObject({
      ActiveState: 'failed',
      Result: 'exit-code',
      ExecMainStatus: `${status}`,
      NRestarts: '0',
    });
    await log.waitFor('not-json', ({ line }) => message.test(String(line)), PATIENCE, seen);
    expect(await kernelState(cluster.alpha)).toBe(before);
  }

  /** Does something under traffic each way, of which nothing is lost, and of which the kernel is told nothing. */
  async function withoutLoss(change: () => Promise<unknown>): Promise<void> {
    const watch = await KernelWatch.start(cluster.alpha);
    const streams = await cluster.startStreams();
    const result = await cluster.measure(streams, change);
    expect(result).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
    expect(await watch.take()).toEqual([]);
    watch.stop();
    await Promise.all([streams.there.stop(), streams.back.stop()]);
  }

  test('it is installed with its user, and systemd finds nothing to say against it', async () => {
    await machine.run('systemd-sysusers');
    expect(await machine.run('id', '-nG', 'multihomed')).toBe('multihomed\n');
    const verified = await machine.try('systemd-analyze', 'verify', UNIT);
    expect(verified).toEqual({ status: 0, stdout: '', stderr: '' });
    // 2.0 by systemd 252; other versions weigh otherwise.
    const rated = ['security', '--offline=true', '--threshold=22', `/usr/local/lib/systemd/system/${UNIT}`];
    expect((await machine.try('systemd-analyze', ...rated)).status).toBe(0);
  });

  test.each(['NODE=/home/somebody/bin/node', 'PREFIX=/root/multihomed'])(
    'it is not installed where the service could not see it: %s',
    (variable) => {
      const [, path] = variable.split('=');
      expect(() => tree.install(variable)).toThrow(new RegExp(`so not ${path}/?: name another`));
      expect(tree.read('/usr/local/sbin/multihomed')).not.toContain(path);
    },
  );

  test('without a configuration it is not started', async () => {
    await machine.run('systemctl', 'daemon-reload');
    await machine.run('systemctl', 'enable', '--now', UNIT);
    expect(await show()).toMatchObject({
      ActiveState: 'inactive',
      ConditionResult: 'no',
      UnitFileState: 'enabled',
    });
  });

  test('with one that is wrong it fails once', async () => {
    tree.write(CONFIGURATION, `${configuration()}\nplains: [a]\n`);
    await expectFailure(EXIT.configuration, /multihomed.yaml.*plains/);
  });

  test('without its key it fails once', async () => {
    tree.write(CONFIGURATION, configuration());
    await expectFailure(EXIT.noInput, /beacon\.key/);
  });

  test('with a key that its user may not read it fails once', async () => {
    tree.write(KEY, readFileSync(key.path, 'utf8'), 0o600);
    await expectFailure(EXIT.noInput, /beacon\.key/);
  });

  test('it starts as its own user with two capabilities, and sets everything', async () => {
    await machine.run('chown', 'multihomed', KEY);
    await machine.run('systemctl', 'start', UNIT);
    const { ActiveState, MainPID } = await show();
    expect(ActiveState).toBe('active');
    await log.waitFor('ready');
    const status = await machine.run('cat', `/proc/${MainPID}/status`);
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
    const user = (await machine.run('id', '-u', 'multihomed')).trim();
    expect(field('Uid')).toBe([user, user, user, user].join('\t'));
    for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(field(name)).toBe(CAPABILITIES);
    expect([field('NoNewPrivs'), field('Seccomp')]).toEqual(['1', '2']);
    await untilWhole(cluster);
    await untilMutual(cluster, 'alpha', 'beta');
    expect(await settings(cluster.alpha, ...SETTINGS)).toEqual([2, 1, 1]);
  });

  test('it can write its settings and its runtime directory, and nothing else', async () => {
    const { MainPID } = await show();
    const writable = async (path: string) =>
      (await machine.try('nsenter', '--target', MainPID ?? '', '--mount', 'test', '-w', path)).status === 0;
    for (const path of ['/proc/sys/net/ipv4/conf/eth0/arp_ignore', '/run/multihomed', '/tmp'])
      expect([path, await writable(path)]).toEqual([path, true]);
    for (const path of [
      '/',
      '/etc',
      KEY,
      '/usr',
      '/var',
      '/run',
      '/dev',
      '/dev/shm',
      '/proc/sys/kernel',
      '/sys',
      '/sys/fs/cgroup',
    ])
      expect([path, await writable(path)]).toEqual([path, false]);
  });

  test('a card that is pulled moves the traffic, each way', async () => {
    const { lab } = cluster;
    const streams = await cluster.startStreams();
    const seen = log.events().length;
    await lab.pullCard('alpha', 'a');
    await log.waitFor('failover', ({ to }) => to === 'b', PATIENCE, seen);
    await cluster.agent('beta').waitFor('failover', ({ to }) => to === 'b');
    const over = await cluster.measure(streams, async () => undefined);
    expect(over).toEqual({ there: NOTHING_LOST, back: NOTHING_LOST });
    await lab.returnCard('alpha', 'a');
    await untilWhole(cluster);
    await Promise.all([streams.there.stop(), streams.back.stop()]);
  });

  test('members of its group may ask it, and nobody else', async () => {
    for (const name of ['member', 'stranger']) await machine.run('useradd', name);
    await machine.run('usermod', '--append', '--groups', 'multihomed', 'member');
    const ask = (name: string) =>
      machine.try('setpriv', '--reuid', name, '--regid', name, '--init-groups', 'multihomectl', 'status');
    expect(await ask('member')).toMatchObject({ status: EXIT.ok });
    expect(await ask('stranger')).toMatchObject({ status: EXIT.noPermission });
  });

  test('a reload takes a change in, and refuses a file with an error whole', async () => {
    const peers = async () => (await cluster.alpha.status()).peers.map(({ name }) => name);
    const { MainPID } = await show();
    await withoutLoss(async () => {
      tree.write(CONFIGURATION, configuration().replace('hold: 100ms', 'hold: 200ms'));
      await machine.run('systemctl', 'reload', UNIT);
      tree.write(CONFIGURATION, configuration().replace('beta:', 'gamma:').replace('planes:', 'plains:'));
      expect((await machine.try('systemctl', 'reload', UNIT)).status).toBe(1);
    });
    await log.waitFor('reloaded');
    await log.waitFor('reload-refused');
    expect(await peers()).toEqual(['beta']);
    expect(await show()).toMatchObject({ ActiveState: 'active', SubState: 'running', MainPID });
    tree.write(CONFIGURATION, configuration());
  });

  test('it is started again however often it is killed, after the setting was given back, and adopts the rest', async () => {
    await withoutLoss(async () => {
      for (let kill = 1; kill <= KILLS; kill++) {
        const seen = log.events().length;
        await machine.run('systemctl', 'kill', '--signal=SIGKILL', '--kill-whom=main', UNIT);
        const released = ({ line }: LogEvent) => line === 'setting arp_ignore of eth0: 1 -> 0';
        await log.waitFor('not-json', released, PATIENCE, seen);
        await log.waitFor('adopted', ({ routes }) => routes === 3, PATIENCE, seen);
        await waitUntil(async () => (await show()).ActiveState === 'active', PATIENCE, 'the next agent', 20);
        expect(await show()).toMatchObject({ NRestarts: `${kill}` });
      }
      await cluster.waitForPaths('up', ['alpha']);
    });
    expect(await settings(cluster.alpha, ...SETTINGS)).toEqual([2, 1, 1]);
  });

  test('a restart loses nothing', async () => {
    const { MainPID } = await show();
    await withoutLoss(async () => {
      await machine.run('systemctl', 'restart', UNIT);
      await cluster.waitForPaths('up', ['alpha']);
    });
    const after = await show();
    expect(after).toMatchObject({ ActiveState: 'active', NRestarts: '0' });
    expect(after.MainPID).not.toBe(MainPID);
  });

  test('after a stop all stays but the setting that only an agent may leave changed', async () => {
    const held = await kernelState(cluster.alpha);
    await withoutLoss(() => machine.run('systemctl', 'stop', UNIT));
    expect(await show()).toMatchObject({ ActiveState: 'inactive', Result: 'success' });
    expect(await kernelState(cluster.alpha)).toBe(held);
    expect(await settings(cluster.alpha, ...SETTINGS)).toEqual([2, 0, 1]);
    expect(await ownersOfState()).toBe(OWNERS);
  });

  test.each([
    ['capabilities', 'AmbientCapabilities=', EXIT.noPermission, /CAP_NET_ADMIN and CAP_NET_RAW missing/],
    ['user', 'User=whom-nobody-has-made', NO_USER, /status=217\/USER/],
  ])('without its %s it fails once', async (_, line, status, message) => {
    const dropIn = `/etc/systemd/system/${UNIT}.d/lab.conf`;
    tree.write(dropIn, `[Service]\n${line}\n`);
    await machine.run('systemctl', 'daemon-reload');
    before = await kernelState(cluster.alpha);
    await expectFailure(status, message);
    await machine.run('rm', dropIn);
    await machine.run('systemctl', 'daemon-reload');
  });

  test('what one that ran as root has left is given to its user, and adopted', async () => {
    await machine.run('chown', '-R', 'root:root', '/run/multihomed');
    const seen = log.events().length;
    await withoutLoss(async () => {
      await machine.run('systemctl', 'start', UNIT);
      await log.waitFor('adopted', ({ routes }) => routes === 3, PATIENCE, seen);
      await cluster.waitForPaths('up', ['alpha']);
    });
    expect(await ownersOfState()).toBe(OWNERS);
  });

  test('it is removed as the documents say, and nothing of it stays in the kernel', async () => {
    await machine.run('systemctl', 'disable', '--now', UNIT);
    await machine.run('multihomectl', 'teardown');
    expect(await settings(cluster.alpha, ...SETTINGS)).toEqual([1, 0, 0]);
    expect((await cluster.alpha.routes()).filter(({ protocol }) => protocol === '77')).toEqual([]);
  });

  test('where it is enabled it starts with the machine', async () => {
    await machine.run('systemctl', 'enable', UNIT);
    await machine.cutPower();
    machine = await Machine.boot(cluster.alpha, tree);
    expect(await show()).toMatchObject({ ActiveState: 'active', NRestarts: '0' });
    await untilWhole(cluster);
  });
});
