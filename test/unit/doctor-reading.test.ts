import { Unknown } from '../../agent/doctor/evidence';
import { interfaceOf, parseRules, routeOf } from '../../agent/doctor/iproute';
import { foreignRoutesIn, parseNmcli } from '../../agent/doctor/manager-files';
import { parseSessions } from '../../agent/doctor/proc';
import { factsFrom, outputOf } from '../../agent/doctor/programs';
import { parseMac } from '../../agent/wire/address';
import { ip, prefix } from './core-fixtures';

describe('programs', () => {
  test('one that is missing, fails, or prints something else is a reason', async () => {
    expect(await outputOf('no-such-program', [])).toEqual(new Unknown('no-such-program is not installed'));
    expect(await outputOf('ls', ['/no/such/file'])).toEqual(
      new Unknown("ls: ls: cannot access '/no/such/file': No such file or directory"),
    );
    expect(await factsFrom('echo', ['{'], JSON.parse)).toMatchObject({
      reason: expect.stringMatching(/^echo printed what can't be read: /),
    });
    expect(await factsFrom('echo', ['[1]'], JSON.parse)).toEqual([1]);
  });
});

describe('ip(8)', () => {
  const veth = {
    ...{ ifindex: 7, ifname: 'eth0', flags: ['BROADCAST', 'UP', 'LOWER_UP'], mtu: 1500, link_type: 'ether' },
    ...{ address: '02:00:00:00:00:01', link: 'eth0', linkinfo: { info_kind: 'veth' } },
  };

  test('an interface with its addresses', () => {
    const addresses = [{ ifindex: 7, addr_info: [{ local: '10.77.0.1', prefixlen: 24, label: 'eth0' }] }];
    expect(interfaceOf(veth, addresses)).toEqual({
      ...{
        ifindex: 7,
        name: 'eth0',
        mac: parseMac('02:00:00:00:00:01'),
        mtu: 1500,
        up: true,
        carrier: true,
        arp: true,
      },
      ...{ master: undefined, lower: undefined },
      addresses: [{ address: ip('10.77.0.1'), length: 24, label: 'eth0' }],
    });
    const vlan = { ...veth, flags: ['NOARP'], master: 'br0', linkinfo: { info_kind: 'vlan' } };
    expect(interfaceOf(vlan, [])).toMatchObject({
      up: false,
      carrier: false,
      arp: false,
      master: 'br0',
      lower: 'eth0',
    });
  });

  test('routes: what it leaves out is the main table, unicast, and what was typed by hand', () => {
    expect(routeOf({ dst: 'default', flags: [], nexthops: [{}, {}] })).toEqual({
      ...{ table: 254, type: 1, destination: prefix('0.0.0.0/0'), metric: 0, protocol: 3 },
      ...{ device: undefined, gateway: undefined },
    });
    expect(
      routeOf({ type: '7', dst: '10.78.0.2', table: '9', protocol: '77', metric: 4294967295 }),
    ).toMatchObject({
      ...{ type: 7, table: 9, protocol: 77, metric: 4294967295, destination: prefix('10.78.0.2') },
    });
  });

  test('rules: text for selectors, JSON for numbers', () => {
    const text =
      '0:\tfrom all lookup local\n101:\tnot from all fwmark 0x5 lookup wg suppress_prefixlength 0\n102:\tfrom 10.0.0.0/8 to 10.78.0.1 iif lo oif eth0 prohibit\n104:\tfrom all goto 200 [unresolved]\n105:\tfrom all nop\n';
    const json = JSON.stringify([
      { priority: 0, src: 'all', table: '255' },
      { priority: 101, not: null, src: 'all', fwmark: '0x5', table: '51820', suppress_prefixlen: 0 },
      { priority: 102, action: '8' },
      { priority: 104, src: 'all', goto: 200 },
      { priority: 105, src: 'all', nop: null },
    ]);
    expect(parseRules(text, json)).toEqual([
      {
        ...{ priority: 0, not: false, source: undefined, destination: undefined, iif: undefined },
        ...{ oif: undefined, marked: false, some: '', text: 'pref 0 from all lookup local' },
        action: { type: 'table', table: 255, suppress: -1 },
      },
      expect.objectContaining({
        ...{ not: true, marked: true, action: { type: 'table', table: 51820, suppress: 0 } },
        text: 'pref 101 not from all fwmark 0x5 lookup wg suppress_prefixlength 0',
      }),
      expect.objectContaining({
        ...{ source: prefix('10.0.0.0/8'), destination: prefix('10.78.0.1'), iif: 'lo', oif: 'eth0' },
        action: { type: 'refuse' },
      }),
      expect.objectContaining({ action: { type: 'goto', target: 200 }, text: 'pref 104 from all goto 200' }),
      expect.objectContaining({ action: { type: 'nop' } }),
    ]);
    expect(() => parseRules(text, '[]')).toThrow('the rules changed meanwhile');
  });
});

describe('/proc/net/tcp', () => {
  const line = (local: string, remote: string, state = '01') =>
    `   0: ${local} ${remote} ${state} 00000000:00000000 02:000A0B0C 00000000     0        0 4711 2 0000000000000000 20 4 30 10 -1`;

  test('established sessions, those of IPv6 sockets among them; none with this host itself', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      line('01004E0A:1111', '02004E0A:238C'),
      line('01004E0A:1112', '02004E0A:238C', '0A'),
      line('0100007F:1111', '0100007F:238C'),
      line('0000000000000000FFFF000001004E0A:1113', '0000000000000000FFFF000002004E0A:238C'),
      line(
        'B80D01200000000000000000010000000:1114'.replace('10000000:', '1000000:'),
        'B80D0120000000000000000002000000:238C',
      ),
      '',
    ].join('\n');
    expect(parseSessions(table, true)).toEqual([
      { local: ip('10.78.0.1'), localPort: 0x1111, remote: ip('10.78.0.2'), remotePort: 9100, inode: '4711' },
      { local: ip('10.78.0.1'), localPort: 0x1113, remote: ip('10.78.0.2'), remotePort: 9100, inode: '4711' },
    ]);
  });

  test('on a machine of the other byte order', () => {
    expect(parseSessions(line('0A4E0001:1111', '0A4E0002:238C'), false)[0]).toMatchObject({
      ...{ local: ip('10.78.0.1'), remote: ip('10.78.0.2') },
    });
    const mapped = parseSessions(
      line('00000000000000000000FFFF0A4E0001:1111', '00000000000000000000FFFF0A4E0002:238C'),
      false,
    );
    expect(mapped).toHaveLength(1);
  });
});

describe('other managers', () => {
  test.each([
    [true, ['']],
    [true, ['[Network]\n#ManageForeignRoutes=no\n']],
    [false, ['[Network]\nManageForeignRoutes=no\n']],
    [false, ['[Network]\nManageForeignRoutes=yes\n', '[Network]\n  ManageForeignRoutes = off\n']],
    [true, ['[Network]\nManageForeignRoutes=no\n', '[Network]\nManageForeignRoutes=yes\n']],
    [true, ['[DHCPv4]\nManageForeignRoutes=no\n']],
  ])('ManageForeignRoutes= is %s', (manages, texts) => {
    expect(foreignRoutesIn(texts)).toBe(manages);
  });

  test('nmcli: what it only knows of is not managed', () => {
    const output = 'eth0:connected\nlo:connected (externally)\neth1:unmanaged\na\\:b:disconnected\n';
    expect(parseNmcli(output)).toEqual({ manages: ['eth0', 'a:b'] });
  });
});
