import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Scene } from './cli-harness';

const scene = new Scene();
const file = join(scene.folder, 'c.yaml');
beforeAll(() =>
  writeFileSync(
    file,
    `cluster: demo
planes: [a, b]
hosts:
  alpha: { alias: [10.78.0.1, 10.78.1.1], links: { a: eth0, b: eth1 } }
  beta:  { alias: 10.78.0.2, links: { b: eth1 } }
  gate:  { agent: false, addresses: { a: 10.77.0.254, b: 10.77.1.254 } }
  fire:  { agent: false, addresses: { b: 10.77.1.253 } }
`,
  ),
);
afterAll(() => scene.remove());

/** Lines that the far end is to obey. */
const commands = (out: readonly string[]) => out.filter((line) => !/^[#!]/.test(line));
const run = (words: string) => scene.run(`far-end ${words} --config ${file}`);

test('iproute2: a route to each alias by each plane, the metrics in order of the planes', async () => {
  const { status, out, err } = await run('gate --format iproute2 --interface a=ens1 --interface b=ens2.7');
  expect([status, err]).toEqual([0, []]);
  expect(commands(out)).toEqual([
    'sysctl -w net/ipv4/conf/ens1/ignore_routes_with_linkdown=1',
    'sysctl -w net/ipv4/conf/ens1/rp_filter=2',
    'sysctl -w net/ipv4/conf/ens2.7/ignore_routes_with_linkdown=1',
    'sysctl -w net/ipv4/conf/ens2.7/rp_filter=2',
    'ip route replace 10.78.0.1/32 dev ens1 metric 100',
    'ip route replace 10.78.0.1/32 dev ens2.7 metric 110',
    'ip route replace 10.78.1.1/32 dev ens1 metric 100',
    'ip route replace 10.78.1.1/32 dev ens2.7 metric 110',
    'ip route replace 10.78.0.2/32 dev ens2.7 metric 110',
  ]);
});

test('iproute2: by an address of the host where it is given', async () => {
  const { out } = await run('gate --format iproute2 --host beta --interface b=ens2 --via beta:b=10.77.1.2');
  expect(commands(out).at(-1)).toBe('ip route replace 10.78.0.2/32 via 10.77.1.2 dev ens2 metric 110');
});

test('cisco-ios: host routes by interface, with administrative distances', async () => {
  const { out } = await run(
    'gate --format cisco-ios --host alpha --interface a=GigabitEthernet0/0 --via alpha:b=10.77.1.1',
  );
  expect(commands(out)).toEqual([
    'ip route 10.78.0.1 255.255.255.255 GigabitEthernet0/0 10',
    'ip route 10.78.0.1 255.255.255.255 <interface-on-plane-b> 10.77.1.1 20',
    'ip route 10.78.1.1 255.255.255.255 GigabitEthernet0/0 10',
    'ip route 10.78.1.1 255.255.255.255 <interface-on-plane-b> 10.77.1.1 20',
  ]);
  expect(out[0]).toBe('! gate: routes toward the aliases, in order of preference');
});

test('junos: qualified next hops, with preferences', async () => {
  const { out } = await run('gate --format junos --host beta --interface b=ge-0/0/1.0');
  expect(commands(out)).toEqual([
    'set routing-options static route 10.78.0.2/32 qualified-next-hop <address-of-beta-on-plane-b> preference 20',
    'set routing-options static route 10.78.0.2/32 qualified-next-hop <address-of-beta-on-plane-b> interface ge-0/0/1.0',
  ]);
  const given = await run('gate --format junos --host beta --via beta:b=10.77.1.2');
  expect(commands(given.out)).toEqual([
    'set routing-options static route 10.78.0.2/32 qualified-next-hop 10.77.1.2 preference 20',
  ]);
});

test('a far end on one plane gets routes by that plane alone', async () => {
  const { out } = await run('fire --format iproute2');
  expect(commands(out).filter((line) => line.startsWith('ip route'))).toEqual([
    'ip route replace 10.78.0.1/32 dev <interface-on-plane-b> metric 110',
    'ip route replace 10.78.1.1/32 dev <interface-on-plane-b> metric 110',
    'ip route replace 10.78.0.2/32 dev <interface-on-plane-b> metric 110',
  ]);
});

test('--json has the routes as fields, and the lines', async () => {
  const { out } = await run('fire --format iproute2 --host beta --json');
  const report = JSON.parse(out.join(''));
  expect(report).toMatchObject({ farEnd: 'fire', format: 'iproute2', lines: expect.any(Array) });
  expect(report.routes).toEqual([
    { host: 'beta', destination: '10.78.0.2', plane: 'b', rank: 1, metric: 110, interface: null, via: null },
  ]);
});

test.each([
  [
    'a host that runs an agent',
    'alpha --format junos',
    65,
    'alpha runs an agent, which sets its own routes; its far ends: gate, fire',
  ],
  [
    'a name that is not there',
    'door --format junos',
    65,
    `${file} names no far end door; its far ends: gate, fire`,
  ],
  [
    'an unknown host',
    'gate --format junos --host gate',
    64,
    '--host: there is no host gate with an agent; known: alpha, beta',
  ],
  [
    'an unknown plane',
    'gate --format junos --interface c=x',
    64,
    '--interface: there is no plane c; known: a, b',
  ],
  [
    "an unknown host's address",
    'gate --format junos --via x:a=10.0.0.1',
    64,
    '--via: there is no host x with an agent; known: alpha, beta',
  ],
  [
    'an address on an unknown plane',
    'gate --format junos --via beta:c=10.0.0.1',
    64,
    '--via: there is no plane c; known: a, b',
  ],
])('refuses %s', async (_name, words, status, message) => {
  expect(await run(words)).toEqual({ status, out: [], err: [`multihomectl: ${message}`] });
});
