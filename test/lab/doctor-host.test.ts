import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { sessionHorizon } from '../../agent/doctor/tcp-timers';
import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { write } from './daemon-tools';
import { doctor, replaceProgram, runShell, startAgents, told } from './doctor-tools';

jest.setTimeout(60_000);

let lab: Lab;
let alpha: LabHost;
let beta: LabHost;

/** The agents run: nothing here is theirs to mend. */
beforeAll(async () => {
  lab = await Lab.create({ hosts: ['alpha', 'beta'], planes: ['a', 'b'] });
  [alpha, beta] = [lab.host('alpha'), lab.host('beta')];
  await startAgents(lab);
});
afterAll(() => lab.destroy());

const ask = () => doctor(lab, alpha, '--no-probe');

describe('other managers', () => {
  // A copy of /etc that this host alone sees, so that the commands can be run as they are printed. Of a user, some of it may not be read.
  beforeAll(() =>
    runShell(alpha, 'mkdir /run/etc; cp -a /etc/. /run/etc 2>/dev/null || :; mount --bind /run/etc /etc'),
  );

  test('systemd-networkd, until its drop-in is there', async () => {
    await replaceProgram(alpha, 'systemctl', 'echo "$@" >> /run/systemctl.log');
    expect(told(await ask())).toEqual([]);
    const { links } = await alpha.status();
    const state = 'ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/planes.network\n';
    await write(alpha, `/run/systemd/netif/links/${links[0]!.ifindex}`, state);
    await write(alpha, `/run/systemd/netif/links/${links[1]!.ifindex}`, 'ADMIN_STATE=unmanaged\n');
    const report = await ask();
    expect(report.findings).toMatchObject([
      { id: 'networkd-routes', what: expect.stringContaining('configures eth0,') },
    ]);
    await runShell(alpha, report.findings[0]!.command!);
    expect(told(await ask())).toEqual([]);
    expect(await runShell(alpha, 'cat /run/systemctl.log')).toBe('restart systemd-networkd\n');
  });

  test('NetworkManager, until its drop-in is there', async () => {
    await replaceProgram(
      alpha,
      'nmcli',
      `file=/etc/NetworkManager/conf.d/multihomed.conf
for device in lo eth0 eth1; do
  if grep -qs "^unmanaged-devices+=.*interface-name:$device" $file; then echo $device:unmanaged; else echo $device:connected; fi
done`,
    );
    const report = await ask();
    expect(told(report)).toEqual([
      'networkmanager-lo lo',
      'networkmanager-link eth0',
      'networkmanager-link eth1',
    ]);
    await runShell(alpha, report.findings[0]!.command!);
    expect(told(await ask())).toEqual([]);
    await runShell(alpha, 'rm -r /run/bin');
  });
});

describe('sessions', () => {
  const SERVER = `require('node:net').createServer((socket) => socket.on('error', () => {})).listen(7000, () => console.log('ready'))`;
  const CLIENT = `const socket = require('node:net').connect({ host: process.argv[1], localAddress: process.argv[2], port: 7000 });
let at;
socket.on('connect', () => console.log('ready'));
socket.on('error', (error) => console.log(error.code + ' ' + (performance.now() - at)));
process.stdin.on('data', () => { at = performance.now(); socket.write('x'); });`;

  /** A program on a host that has said `ready`. */
  async function start(host: LabHost, source: string, ...args: readonly string[]) {
    const child = host.spawn(process.execPath, ['-e', source, '--', ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout! });
    await once(lines, 'line');
    return { child, lines };
  }

  /** A session between two addresses, while `during` runs. */
  async function withSession(
    from: string,
    to: string,
    during: (session: Awaited<ReturnType<typeof start>>) => Promise<void>,
  ) {
    const server = await start(beta, SERVER);
    const client = await start(alpha, CLIENT, to, from);
    await during(client);
    for (const { child } of [client, server]) {
      const exited = once(child, 'close');
      child.kill('SIGKILL');
      await exited;
    }
  }

  test.each([
    ['from a card of ours to the alias of the peer', '10.77.0.1', '10.78.0.2', ['session-on-card node']],
    ['from card to card', '10.77.1.1', '10.77.1.2', ['session-on-card node']],
    ['from alias to alias', '10.78.0.1', '10.78.0.2', []],
  ])('%s', async (_, from, to, expected) => {
    await withSession(from, to, async () => expect(told(await ask())).toEqual(expected));
    expect(told(await ask())).toEqual([]);
  });

  test('TCP gives a session up when the doctor says', async () => {
    const [retries, rtoMax] = [3, 1000];
    const settings = ['tcp_retries2', 'tcp_rto_max_ms'].map((name) => `/proc/sys/net/ipv4/${name}`);
    const supported = (await alpha.run('ls', settings, { check: false })).status === 0;
    if (!supported)
      return console.warn('skipped: this kernel has no tcp_rto_max_ms, and without it this takes minutes');
    await runShell(alpha, `echo ${retries} > ${settings[0]}; echo ${rtoMax} > ${settings[1]}`);
    await withSession(alpha.alias, beta.alias, async ({ child, lines }) => {
      for (const plane of ['a', 'b']) await lab.dropPort('beta', plane);
      const answer = once(lines, 'line');
      child.stdin!.write('go\n');
      const [code, took] = String((await answer)[0]).split(' ');
      expect(code).toBe('ETIMEDOUT');
      // At the first retransmission after the horizon; the route's rto-min of 5 ms makes these come early, not the end.
      expect(Number(took)).toBeGreaterThanOrEqual(sessionHorizon(retries, rtoMax) - 10);
      expect(Number(took)).toBeLessThan(2 * sessionHorizon(retries, rtoMax) + rtoMax);
      for (const plane of ['a', 'b']) await lab.undropPort('beta', plane);
    });
    await runShell(alpha, `echo 15 > ${settings[0]}; echo 120000 > ${settings[1]}`);
  });
});
