import type { AgentProcess } from '../../deploy/lab/agent-process';
import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { startStream } from '../../deploy/lab/stream';
import { kernelState, PATIENCE, sleep } from './daemon-tools';
import { applyFarEnd, BEHIND, SERVER } from './far-end-tools';

jest.setTimeout(60_000);

let lab: Lab;
let alpha: LabHost;
let gate: LabHost;
let agent: AgentProcess;
beforeEach(async () => {
  lab = await Lab.create({
    hosts: ['alpha', { name: 'gate', agent: false, prefixes: [BEHIND, '0.0.0.0/0'] }],
    planes: ['a', 'b'],
    configuration: { probe: { hold: '300ms' } },
  });
  alpha = lab.host('alpha');
  gate = lab.host('gate');
  await gate.ip(`address add ${SERVER}/24 dev lo`);
  await applyFarEnd(lab, gate);
  agent = await alpha.startAgent();
  for (const plane of ['a', 'b']) await agent.waitFor('path-up', (event) => event.plane === plane);
});
afterEach(() => lab.destroy());

/** @returns our routes through the far end, such as `default via 10.77.0.2 dev eth0 metric 100` */
async function ways(): Promise<string[]> {
  const routes = (await alpha.routes()).filter(({ protocol }) => protocol === '77');
  return routes.map(({ dst, gateway, dev, prefsrc, metric, flags }) => {
    expect([prefsrc, flags.includes('onlink')]).toEqual([alpha.alias, true]);
    return `${dst} via ${gateway} dev ${dev} metric ${metric}`;
  });
}

const BY_A = ['default via 10.77.0.2 dev eth0 metric 100', `${BEHIND} via 10.77.0.2 dev eth0 metric 100`];
const BY_B = ['default via 10.77.1.2 dev eth1 metric 110', `${BEHIND} via 10.77.1.2 dev eth1 metric 110`];

test('a far end is reached by its own address on each plane, with a permanent entry for it', async () => {
  expect(await ways()).toEqual([BY_A[0], BY_B[0], BY_A[1], BY_B[1]]);
  const { stdout } = await alpha.run('ip', ['-4', 'neigh', 'show', 'nud', 'permanent']);
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.trim())
      .sort(),
  ).toEqual([
    expect.stringMatching(/^10\.77\.0\.2 dev eth0 lladdr 02:00:00:00:00:02 PERMANENT/),
    expect.stringMatching(/^10\.77\.1\.2 dev eth1 lladdr 02:00:00:00:01:02 PERMANENT/),
  ]);
  expect(await alpha.status()).toMatchObject({
    peers: [{ name: 'gate', kind: 'far-end', addresses: ['10.77.0.2', '10.77.1.2'], active: 'a' }],
  });
  const answer = await alpha.run('ping', ['-c', '1', '-W', '2', SERVER]);
  expect(answer.stdout).toContain('1 received');
});

test('a far end that loses its port silently is left by that plane, and taken again', async () => {
  await lab.dropPort('gate', 'a');
  await agent.waitFor('failover', ({ peer, to }) => peer === 'gate' && to === 'b');
  expect(await ways()).toEqual(BY_B);
  expect(await alpha.routeTo('192.0.2.1')).toMatchObject({ dev: 'eth1', gateway: '10.77.1.2' });
  const seen = agent.events().length;
  await lab.undropPort('gate', 'a');
  await agent.waitFor('path-held', ({ plane }) => plane === 'a', PATIENCE, seen);
  expect(await agent.waitFor('failover', ({ to }) => to === 'a', PATIENCE, seen)).toMatchObject({
    from: 'b',
  });
  expect(await ways()).toEqual([BY_A[0], BY_B[0], BY_A[1], BY_B[1]]);
});

test('with every path down, all routes stay', async () => {
  await lab.dropPort('gate', 'a');
  await lab.dropPort('gate', 'b');
  await agent.waitFor('peer-unreachable');
  await sleep(100);
  expect(await ways()).toEqual([BY_A[0], BY_B[0], BY_A[1], BY_B[1]]);
});

test('a stream from the alias to behind the far end outlives a pulled card, there and back', async () => {
  const streams = await Promise.all([
    startStream(lab, 'alpha', 'gate', { source: alpha.alias, destination: SERVER }),
    startStream(lab, 'gate', 'alpha', { source: SERVER, destination: alpha.alias }),
  ]);
  await sleep(100);
  // The far end's card: it sees its own carrier alone, while the agent asks.
  const from = streams[0].mark();
  await lab.pullCard('gate', 'a');
  await agent.waitFor('failover', ({ to }) => to === 'b');
  const settled = streams[0].mark();
  await sleep(200);
  const results = await Promise.all(streams.map((stream) => stream.result(settled)));
  for (const { sent, lost } of results) {
    expect(sent).toBeGreaterThan(150);
    expect(lost).toBe(0);
  }
  // Back from the far end, its own kernel moves: what is in the cable at the moment goes with it, and no more.
  expect((await streams[1].result(from)).lost).toBeLessThan(5);
  expect((await streams[0].result(from)).lost).toBeLessThan(300);
  await Promise.all(streams.map((stream) => stream.stop()));
});

test('a killed switch moves both ends by their own carrier', async () => {
  const streams = await Promise.all([
    startStream(lab, 'alpha', 'gate', { source: alpha.alias, destination: SERVER }),
    startStream(lab, 'gate', 'alpha', { source: SERVER, destination: alpha.alias }),
  ]);
  await sleep(100);
  const from = streams[0].mark();
  await lab.killSwitch('a');
  await agent.waitFor('failover', ({ to }) => to === 'b');
  await sleep(200);
  for (const stream of streams) {
    const { sent, lost } = await stream.result(from);
    expect(sent).toBeGreaterThan(150);
    // What is on its way in the switch at the moment goes with it.
    expect(lost).toBeLessThan(5);
    await stream.stop();
  }
});

test('routes through the far end go with the teardown, those of others stay', async () => {
  await alpha.ip('route add 192.0.2.0/24 via 10.77.0.2');
  await alpha.ip('route add default via 10.77.1.2 metric 500');
  const others = (await kernelState(alpha))
    .split('\n')
    .filter((line) => !line.includes('proto 77') && !line.includes('lo:mh') && !line.includes('PERMANENT'))
    .filter((line) => !line.includes(alpha.alias));
  expect((await alpha.ctl('teardown')).status).toBe(0);
  await agent.exited;
  expect((await kernelState(alpha)).split('\n')).toEqual(others);
});
