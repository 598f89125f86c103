import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { Lab } from '../../deploy/lab/lab';
import { LabError } from '../../deploy/lab/wait';

jest.setTimeout(30_000);

/** @returns pids of processes whose command line contains a text */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

describe('a lab of three hosts on two planes', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.create({
      hosts: ['alpha', 'beta', { name: 'gate', agent: false, prefixes: ['192.0.2.0/24'], icmp: '192.0.2.1' }],
      planes: ['a', 'b'],
      configuration: { probe: { interval: '10ms' } },
    });
  });
  afterAll(() => lab.destroy());

  test('every host has its name, its cards with readable addresses, and /run to itself', async () => {
    const beta = lab.host('beta');
    expect((await beta.run('hostname', [])).stdout.trim()).toBe('beta');
    const links: { ifname: string; address: string; operstate: string }[] = JSON.parse(
      (await beta.run('ip', ['-json', 'link'])).stdout,
    );
    expect(links.map((link) => [link.ifname, link.address]).sort()).toEqual([
      ['eth0', '02:00:00:00:00:02'],
      ['eth1', '02:00:00:00:01:02'],
      ['lo', '00:00:00:00:00:00'],
    ]);
    await beta.run('touch', ['/run/only-on-beta']);
    expect((await lab.host('alpha').run('ls', ['/run'])).stdout).toBe('');
    expect((await beta.run('ls', ['/sys/class/net'])).stdout.split('\n').sort()).toEqual([
      '',
      'eth0',
      'eth1',
      'lo',
    ]);
  });

  test('hosts reach each other on each plane, and not across planes', async () => {
    const alpha = lab.host('alpha');
    for (const address of ['10.77.0.2', '10.77.1.2', '10.77.0.3']) {
      await alpha.run('ping', ['-c', '1', '-W', '1', address]);
    }
    // A host answers for all its addresses on every card, so one has to be kept from answering on plane a.
    const answered = async (device: string): Promise<boolean> =>
      (await alpha.run('ping', ['-c', '1', '-W', '0.2', '-I', device, '10.77.1.2'], { check: false }))
        .status === 0;
    await lab.pullCard('beta', 'a');
    expect([await answered('eth0'), await answered('eth1')]).toEqual([false, true]);
    await lab.returnCard('beta', 'a');
  });

  test('the cluster file names every host, with what the caller wants laid over it', async () => {
    expect(parse(readFileSync(lab.configurationFile, 'utf8'))).toEqual({
      cluster: 'lab',
      planes: ['a', 'b'],
      hosts: {
        alpha: { alias: '10.78.0.1', links: { a: 'eth0', b: 'eth1' } },
        beta: { alias: '10.78.0.2', links: { a: 'eth0', b: 'eth1' } },
        gate: {
          agent: false,
          addresses: { a: '10.77.0.3', b: '10.77.1.3' },
          prefixes: ['192.0.2.0/24'],
          icmp: '192.0.2.1',
        },
      },
      probe: { interval: '10ms' },
    });
    await lab.writeConfiguration({ hosts: { beta: undefined }, probe: { misses: 4 } });
    const changed = parse(readFileSync(lab.configurationFile, 'utf8'));
    expect(Object.keys(changed.hosts)).toEqual(['alpha', 'gate']);
    expect(changed.probe).toEqual({ interval: '10ms', misses: 4 });
  });

  test('routes are read from the kernel', async () => {
    const alpha = lab.host('alpha');
    await alpha.ip('route add 10.78.0.2/32 dev eth1 proto 77 metric 110');
    expect(await alpha.routes()).toContainEqual(
      expect.objectContaining({ dst: '10.78.0.2', dev: 'eth1', protocol: '77', metric: 110 }),
    );
    expect(await alpha.routeTo('10.78.0.2')).toMatchObject({ dev: 'eth1' });
    expect(await alpha.routeTo('203.0.113.1')).toBeUndefined();
    expect(alpha.planeOf('eth1')).toBe('b');
  });

  test('a command that fails says where, which and why', async () => {
    const alpha = lab.host('alpha');
    await expect(alpha.run('sh', ['-c', 'echo no good >&2; exit 3'])).rejects.toThrow(
      /on alpha.*3.*no good/s,
    );
    expect((await alpha.run('sh', ['-c', 'exit 3'], { check: false })).status).toBe(3);
    const wrong = alpha.ip('link set dev lo up', 'link set dev eth9 up', 'link set dev eth1 up');
    await expect(wrong).rejects.toThrow(/alpha at "link set dev eth9 up": Cannot find device/);
    await expect(alpha.ip('link set dev lo up')).resolves.toHaveProperty('before');
    expect(() => lab.host('nobody')).toThrow(LabError);
    expect(() => lab.pullCard('nobody', 'a')).toThrow(/nobody has no card on plane a/);
  });
});

describe('addressing', () => {
  test.each([
    ['shared', '10.77.1.1/16'],
    ['none', undefined],
  ] as const)('subnets: %s', async (subnets, cidr) => {
    const lab = await Lab.create({
      hosts: ['alpha', { name: 'beta', planes: ['b'] }],
      planes: ['a', 'b'],
      subnets,
    });
    const [eth1] = JSON.parse(
      (await lab.host('alpha').run('ip', ['-json', '-4', 'addr', 'show', 'dev', 'eth1'])).stdout,
    );
    const address = eth1?.addr_info?.[0];
    expect(address && `${address.local}/${address.prefixlen}`).toBe(cidr);
    expect(lab.host('beta').plan.links.map((link) => link.device)).toEqual(['eth1']);
    expect(() => lab.host('beta').link('a')).toThrow(/beta has no card on plane a/);
    await lab.destroy();
  });

  test('a name that cannot be an interface is refused before anything is made', async () => {
    await expect(Lab.create({ hosts: ['a host'], planes: ['a'] })).rejects.toThrow(/a host is no host name/);
  });
});

describe('the end of a lab', () => {
  test('takes every process with it, those that cut themselves loose included', async () => {
    const lab = await Lab.create({ hosts: ['alpha'], planes: ['a'] });
    const alpha = lab.host('alpha');
    alpha.spawn('sleep', ['31557601']);
    await alpha.run('sh', [
      '-c',
      'setsid sh -c "trap : TERM; sleep 31557602; sleep 31557603" >/dev/null 2>&1 &',
    ]);
    expect(processesWith('3155760').length).toBeGreaterThan(0);
    const { configurationFile } = lab;
    await lab.destroy();
    await lab.destroy();
    expect(processesWith('3155760')).toEqual([]);
    expect(processesWith('switch-a')).toEqual([]);
    expect(existsSync(configurationFile)).toBe(false);
    await expect(alpha.ip('link set dev lo up')).rejects.toThrow(/no ip console in alpha/);
  });

  test('comes by itself where it cannot be built to its end', async () => {
    const twice = Lab.create({ hosts: ['twin-one', 'twin', 'twin'], planes: ['a'] });
    await expect(twice).rejects.toThrow(/File exists/);
    expect(processesWith('holder\0twin')).toEqual([]);
    expect(processesWith('switch-a')).toEqual([]);
  });
});
