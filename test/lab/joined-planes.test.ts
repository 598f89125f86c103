import type { StatusReport } from '../../agent/control/protocol';
import type { LabHost } from '../../deploy/lab/host';
import { startSession } from '../../deploy/lab/session';
import { monotonic, waitUntil } from '../../deploy/lab/wait';
import { arping, decodeByTshark, exchange, type Form, REQUESTS } from './answering-tools';
import { QUIET, settings, sleep, Witness } from './daemon-tools';
import { type Cluster, inCluster, NOTHING_LOST, PATIENCE } from './promise-cluster';

/** Two planes that a cable joins by mistake: docs/how-it-works.md says what is to be expected. */
jest.setTimeout(90_000);

const AGENTS = ['alpha', 'beta', 'gamma'] as const;
const PLANES = ['a', 'b'] as const;

/**
 * Three agents, and a host that only asks. The sign of joined planes comes with the next announcement, so these come often. Agents answer
 * here and not kernels, so an answer must have time: on a busy machine an agent may not run for half a second.
 */
const CLUSTER = {
  hosts: [...AGENTS, 'asker'],
  agents: AGENTS,
  configuration: {
    hosts: { asker: undefined },
    probe: { interval: '2s', retry: '2s', hold: '200ms' },
    arp: { refresh: '1s' },
  },
};
/** The sign holds for three times `arp.spacing`, since that is longer than `arp.refresh` here; it is looked at each second. In ms. */
const EXPIRY = 3 * 1100;
const LOOK = 1000;

const NONE = { there: NOTHING_LOST, back: NOTHING_LOST };
/** What nobody should have to tell of planes that are joined or parted. */
const TROUBLES = [
  'path-down',
  'failover',
  'peer-unreachable',
  'alias-conflict',
  'repaired',
  'kernel-refused',
];

function statusOf(cluster: Cluster, host: string): Promise<StatusReport> {
  return cluster.lab.host(host).status();
}

/** How often an agent has told something since it started. */
function told(cluster: Cluster, host: string, name: string): number {
  return cluster.eventNames(host).filter((event) => event === name).length;
}

/** Waits until every agent has noticed that the planes are joined, or that they no longer are. */
async function untilNoticed(cluster: Cluster, joined: boolean): Promise<void> {
  const expected = joined ? 'agent planes-joined' : 'kernel kernel-answers';
  for (const host of AGENTS) {
    const noticed = async () => {
      const { planesJoined, responder } = await statusOf(cluster, host);
      return planesJoined === joined && `${responder.acting} ${responder.reason}` === expected;
    };
    await waitUntil(noticed, PATIENCE, `${host} to see the planes ${joined ? 'joined' : 'parted'}`, 20);
  }
}

/** Lets every agent announce itself a few times more. */
async function announcements(cluster: Cluster, more = 3): Promise<void> {
  const count = async (host: string) => (await statusOf(cluster, host)).counters.announcements ?? 0;
  const before = await Promise.all(AGENTS.map(count));
  for (const [index, host] of AGENTS.entries()) {
    const enough = async () => (await count(host)) >= before[index]! + PLANES.length * more;
    await waitUntil(enough, PATIENCE, `${host} to announce itself`, 50);
  }
}

/** Every path is that between two cards of its plane, and no other. */
async function expectOwnPlanes(cluster: Cluster): Promise<void> {
  for (const host of AGENTS) {
    const { peers } = await statusOf(cluster, host);
    const found = peers.flatMap(({ name, paths }) => paths.map(({ plane, mac }) => [name, plane, mac]));
    const expected = peers.flatMap(({ name }) =>
      PLANES.map((plane) => [name, plane, cluster.lab.host(name).link(plane).mac]),
    );
    expect([host, found]).toEqual([host, expected]);
  }
}

/** A sender's address that nobody has, by which a request of a peer's cards is told from those that its agent sends. */
const ASKED_FROM = { address: '192.0.2.1', number: '0xc0000201' };

/** Asks for the other agents' aliases from every card of a peer, which its paths are known by. */
async function askAsPeer(cluster: Cluster, peer: string): Promise<void> {
  const asker = cluster.lab.host(peer);
  const { address: source, number } = ASKED_FROM;
  for (const plane of PLANES) {
    const { mac } = asker.link(plane);
    const filter = `arp and ether host ${mac} and (arp[14:4] = ${number} or arp[24:4] = ${number})`;
    const witness = await Witness.start(asker, plane, filter);
    const hosts = AGENTS.filter((name) => name !== peer).map((name) => cluster.lab.host(name));
    await Promise.all(hosts.map(({ alias }) => arping(asker, plane, alias, 'broadcast', { source })));
    await proveCapture(asker, plane, witness, hosts);
  }
}

/** Asks for every agent's alias on every plane by one form of request, and has a witness at the asker say what passed. */
async function ask(cluster: Cluster, form: Form): Promise<void> {
  const asker = cluster.lab.host('asker');
  await Promise.all(
    PLANES.map(async (plane) => {
      // Announcements aside: two cards announce one alias on one network, as nobody but a joining cable would have it.
      const witness = await Witness.start(asker, plane, `arp and ether host ${asker.link(plane).mac}`);
      const hosts = AGENTS.map((name) => cluster.lab.host(name));
      // How many answers arping itself takes for right depends on how soon they come.
      await Promise.all(
        hosts.map((host) => arping(asker, plane, host.alias, form, { mac: host.link(plane).mac })),
      );
      await proveCapture(asker, plane, witness, hosts);
    }),
  );
}

/** As many answers as requests, by the card of the plane on which was asked, and nothing that tshark complains of. */
async function proveCapture(
  asker: LabHost,
  plane: string,
  witness: Witness,
  hosts: readonly LabHost[],
): Promise<void> {
  const { mac } = asker.link(plane);
  const answered = () => hosts.every(({ alias }) => exchange(witness, mac, alias).by.length >= REQUESTS);
  await waitUntil(answered, PATIENCE, `answers to the requests of ${asker.name} on plane ${plane}`);
  await sleep(QUIET);
  await witness.stop();
  for (const host of hosts) {
    const { asked, by } = exchange(witness, mac, host.alias);
    const answers = Array(REQUESTS).fill(host.link(plane).mac);
    expect([host.name, plane, asked, by]).toEqual([host.name, plane, REQUESTS, answers]);
  }
  const decoded = await decodeByTshark(asker, witness.captured);
  expect(decoded.filter(({ operation, complaints }) => operation === '' || complaints !== '')).toEqual([]);
}

test(
  'planes that are joined while agents run are noticed once, answered on once, and cost nothing, nor does parting them',
  inCluster(async (cluster) => {
    const { lab } = cluster;
    const session = await startSession(lab, 'alpha', 'beta');
    const streams = await cluster.startStreams();
    const joining = session.mark();
    const seen = new Map(AGENTS.map((host) => [host, cluster.agent(host).events().length]));

    const joined = cluster.measure(streams, async () => {
      const { after } = await lab.joinPlanes('a', 'b');
      await untilNoticed(cluster, true);
      // By an announcement, or three late ones, as for the end of the sign.
      expect(monotonic() - after).toBeLessThan(EXPIRY);
      await announcements(cluster);
    });
    expect(await joined).toEqual(NONE);
    for (const host of AGENTS) expect([host, told(cluster, host, 'planes-joined')]).toEqual([host, 1]);
    const { stdout } = await cluster.alpha.ctl('status');
    expect(stdout).toMatch(/^planes +joined/m);
    for (const form of ['broadcast', 'unicast', 'probe'] as const) await ask(cluster, form);
    await askAsPeer(cluster, 'alpha');
    await expectOwnPlanes(cluster);

    const parting = Date.now();
    const parted = cluster.measure(streams, async () => {
      await lab.partPlanes('a', 'b');
      await untilNoticed(cluster, false);
    });
    expect(await parted).toEqual(NONE);
    expect(Date.now() - parting).toBeGreaterThan(EXPIRY - LOOK);
    expect(await settings(cluster.alpha, 'eth0/arp_ignore', 'eth1/arp_ignore')).toEqual([0, 0]);
    for (const form of ['broadcast', 'unicast'] as const) await ask(cluster, form);

    for (const host of AGENTS) {
      const events = cluster.agent(host).events().slice(seen.get(host));
      expect([host, events.filter(({ event }) => TROUBLES.includes(event ?? ''))]).toEqual([host, []]);
    }
    await cluster.waitForPaths('up');
    expect(await session.result(joining)).toMatchObject({ alive: true, error: null });
  }, CLUSTER),
);

test(
  'while planes are joined, a pulled card moves the traffic to the other plane, and nothing is lost when it returns',
  inCluster(async (cluster) => {
    const { lab, alpha, beta } = cluster;
    await lab.joinPlanes('a', 'b');
    await untilNoticed(cluster, true);
    const session = await startSession(lab, 'alpha', 'beta');
    const streams = await cluster.startStreams();

    await lab.pullCard('alpha', 'a');
    await cluster.waitForPath('beta', 'alpha', 'a', 'down');
    await cluster.waitForPath('gamma', 'alpha', 'a', 'down');
    await cluster.waitForPlane(alpha, beta.alias, 'b');
    await cluster.waitForPlane(beta, alpha.alias, 'b');
    // By plane b alpha is still there for everybody, and it is no detour to a card of the other plane.
    expect(await cluster.path('beta', 'alpha', 'b')).toMatchObject({ state: 'up', mac: alpha.link('b').mac });
    expect(await cluster.measure(streams, () => sleep(EXPIRY + 2 * LOOK))).toEqual(NONE);
    // A single link hears nothing of itself, and that is no sign that the cable has gone.
    await untilNoticed(cluster, true);

    const returned = cluster.measure(streams, async () => {
      await lab.returnCard('alpha', 'a');
      await cluster.waitForPaths('up');
      await cluster.waitForPlane(alpha, beta.alias, 'a');
      await cluster.waitForPlane(beta, alpha.alias, 'a');
    });
    expect(await returned).toEqual(NONE);
    await expectOwnPlanes(cluster);
    expect(await session.result()).toMatchObject({ alive: true, error: null });
  }, CLUSTER),
);

test(
  'agents that start on joined planes notice it at once, and each path ends at the card of its own plane',
  inCluster(
    async (cluster) => {
      const { lab } = cluster;
      await lab.joinPlanes('a', 'b');
      // One after the other: a late one asks those who know, and is asked by them.
      for (const host of AGENTS) await cluster.start(host);
      await untilNoticed(cluster, true);
      await cluster.waitForPaths('up');
      await expectOwnPlanes(cluster);
      await ask(cluster, 'broadcast');

      const session = await startSession(lab, 'alpha', 'beta');
      const streams = await cluster.startStreams();
      expect(await cluster.measure(streams, () => announcements(cluster))).toEqual(NONE);
      const parted = cluster.measure(streams, async () => {
        await lab.partPlanes('a', 'b');
        await untilNoticed(cluster, false);
      });
      expect(await parted).toEqual(NONE);
      for (const host of AGENTS) expect([host, told(cluster, host, 'planes-joined')]).toEqual([host, 1]);
      await cluster.waitForPaths('up');
      await expectOwnPlanes(cluster);
      expect(await session.result()).toMatchObject({ alive: true, error: null });
    },
    { ...CLUSTER, agents: [] },
  ),
);
