import type { AgentProcess } from '../../deploy/lab/agent-process';
import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import type { Namespace } from '../../deploy/lab/namespace';
import { PATIENCE, QUIET, sleep, Witness } from './daemon-tools';
import { applyFarEnd, BEHIND, placeServer, SERVER } from './far-end-tools';

jest.setTimeout(60_000);

let lab: Lab;
let alpha: LabHost;
let gate: LabHost;
let server: Namespace;
let agent: AgentProcess;
beforeEach(async () => {
  lab = await Lab.create({
    hosts: ['alpha', { name: 'gate', agent: false, prefixes: [BEHIND], icmp: SERVER }],
    planes: ['a', 'b'],
    configuration: { probe: { hold: '300ms' } },
  });
  alpha = lab.host('alpha');
  gate = lab.host('gate');
  server = await placeServer(gate);
  await applyFarEnd(lab, gate);
  agent = await alpha.startAgent();
  for (const plane of ['a', 'b']) await agent.waitFor('path-up', (event) => event.plane === plane);
});
afterEach(async () => {
  await server.destroy();
  await lab.destroy();
});

/** @returns our routes, such as `198.51.100.1 via 10.77.0.2 metric 100` */
async function ways(): Promise<string[]> {
  const routes = (await alpha.routes()).filter(({ protocol }) => protocol === '77');
  return routes.map(({ dst, gateway, metric }) => `${dst} via ${gateway} metric ${metric}`);
}

const BOTH = [
  `${BEHIND} via 10.77.0.2 metric 100`,
  `${BEHIND} via 10.77.1.2 metric 110`,
  `${SERVER} via 10.77.0.2 metric 100`,
  `${SERVER} via 10.77.1.2 metric 110`,
];

/** What stands while the first plane is not usable: its route to the target alone, far behind, to ask by. */
const SECOND = [BOTH[1], BOTH[3], `${SERVER} via 10.77.0.2 metric 10100`];

/** An uplink has carrier again; the server's own route by it went with it. */
async function bringBack(index: 0 | 1): Promise<void> {
  await server.ip(
    `link set net${index} up`,
    `route add default via 203.0.113.${4 * index + 1} metric ${10 + index}`,
  );
}

/** Whether the far end still answers ARP for its address on a plane. */
async function answersArp(plane: string): Promise<boolean> {
  const { device } = alpha.link(plane);
  const args = ['-i', device, '-c', '1', '-w', '1', gate.link(plane).address!];
  return (await alpha.run('arping', args, { check: false })).status === 0;
}

test('both planes are asked through their own link, from its own address', async () => {
  expect((await ways()).sort()).toEqual([...BOTH].sort());
  for (const plane of ['a', 'b']) {
    const witness = await Witness.start(alpha, plane, 'icmp');
    await sleep(QUIET);
    await witness.stop();
    const hops = witness.captured.map(({ bytes }) => {
      const address = (offset: number) => bytes.subarray(offset, offset + 4).join('.');
      return `${address(26)} > ${address(30)} type ${bytes[34]}`;
    });
    const { address } = alpha.link(plane);
    // Requests and their answers by this link, and none of another's.
    expect([...new Set(hops)].sort()).toEqual([
      `${address} > ${SERVER} type 8`,
      `${SERVER} > ${address} type 0`,
    ]);
    expect(hops.length).toBeGreaterThan(2);
  }
});

test('an uplink that dies behind a far end whose ARP still answers moves the routes, and back after its return', async () => {
  await server.ip('link set net0 down');
  expect(await agent.waitFor('path-down')).toMatchObject({ peer: 'gate', plane: 'a', cause: 'icmp-silence' });
  expect(await agent.waitFor('failover')).toMatchObject({ from: 'a', to: 'b', cause: 'icmp-silence' });
  expect(await answersArp('a')).toBe(true);
  expect((await ways()).sort()).toEqual([...SECOND].sort());
  expect(await alpha.routeTo(SERVER)).toMatchObject({ dev: 'eth1' });
  expect((await alpha.run('ping', ['-c', '1', '-W', '2', SERVER])).stdout).toContain('1 received');
  const { paths } = (await alpha.status()).peers[0]!;
  expect(paths.map(({ plane, state, active }) => [plane, state, active])).toEqual([
    ['a', 'down', false],
    ['b', 'up', true],
  ]);

  // It goes on asking by the first plane, by the route that stands for that alone.
  const seen = agent.events().length;
  await bringBack(0);
  await agent.waitFor('path-held', ({ plane }) => plane === 'a', PATIENCE, seen);
  expect(await agent.waitFor('path-up', ({ plane }) => plane === 'a', PATIENCE, seen)).toMatchObject({
    from: 'held',
    cause: 'steady',
  });
  expect((await ways()).sort()).toEqual([...BOTH].sort());
});

test('with both uplinks dead all routes stay, and either that returns is taken', async () => {
  await server.ip('link set net0 down', 'link set net1 down');
  await agent.waitFor('peer-unreachable');
  expect((await ways()).sort()).toEqual([...BOTH].sort());
  const seen = agent.events().length;
  await bringBack(1);
  expect(await agent.waitFor('peer-reachable', undefined, PATIENCE, seen)).toMatchObject({ to: 'b' });
  expect((await ways()).sort()).toEqual([...SECOND].sort());
});

test('a pulled card of our own moves the target too', async () => {
  await lab.pullCard('alpha', 'a');
  await agent.waitFor('failover', ({ to }) => to === 'b');
  expect(await alpha.routeTo(SERVER)).toMatchObject({ dev: 'eth1', gateway: '10.77.1.2' });
  const seen = agent.events().length;
  await sleep(QUIET);
  expect(agent.events().slice(seen)).toEqual([]);
  await lab.returnCard('alpha', 'a');
  await agent.waitFor('failover', ({ to }) => to === 'a', PATIENCE, seen);
  expect(await alpha.routeTo(SERVER)).toMatchObject({ dev: 'eth0', gateway: '10.77.0.2' });
});
