import { decodeBeacon } from '../../agent/wire/beacon';
import { Cluster } from './cluster';
import { fail } from './fault';
import { pathsTo } from './inspect';
import { DEFAULT_ARP, DEFAULT_BEACONS } from './topology';

/** What the schedules of seeds found, each as small as it could be made. */

const beacons = DEFAULT_BEACONS;
const { interval: beat } = beacons.options;

/** Paths that are down by the word of the far end. */
const followed = (cluster: Cluster) =>
  cluster.notes.filter(({ event, fields }) => event === 'path-down' && fields.cause === 'not-heard');

test('who forgets a discovered host, since its file is read, does not tell it that its paths are dead', () => {
  for (let offset = 0; offset < beat; offset += 5) {
    const cluster = Cluster.started({ beacons: { ...beacons, listed: (host) => host !== 0 } });
    cluster.run(offset);
    const beta = cluster.host('beta');
    beta.reload({ ...beta.topology, beacon: undefined });
    cluster.run(1);
    beta.reloadFormer();
    cluster.run(500);
    expect(followed(cluster)).toEqual([]);
    expect(pathsTo(cluster, 'alpha', 'beta').map(({ state }) => state)).toEqual(['up', 'up']);
    expect(cluster.lost).toBe(0);
  }
});

test('who was left out for a moment, in a regular beacon that got lost, is not told by the next urgent one that its path is dead', () => {
  for (let offset = 0; offset < beat; offset += 2) {
    const cluster = Cluster.started({ beacons });
    cluster.run(offset);
    const alpha = cluster.host('alpha');
    const transmit = cluster.wire.transmit.bind(cluster.wire);
    cluster.wire.transmit = (from, bytes) => {
      const beacon = decodeBeacon(bytes);
      const isLost = typeof beacon !== 'string' && !beacon.urgent && beacon.host !== 'gamma';
      return isLost ? -1 : transmit(from, bytes);
    };
    const { peers } = alpha.topology;
    alpha.reload({ ...alpha.topology, peers: peers.filter(({ name }) => name !== 'beta') });
    cluster.run(1);
    alpha.reloadFormer();
    cluster.run(3);
    fail(cluster, 'pull', 'alpha', 1);
    cluster.run(3);
    expect(followed(cluster)).toEqual([]);
    expect(pathsTo(cluster, 'beta', 'alpha').map(({ state }) => state)).toEqual(['up', 'down']);
  }
});

test('a peer that started anew while we took no beacons is heard again', () => {
  const cluster = Cluster.started({ beacons });
  cluster.run(1000);
  const beta = cluster.host('beta');
  beta.reload({ ...beta.topology, beacon: undefined });
  const start = fail(cluster, 'stop', 'alpha');
  cluster.run(100);
  start();
  beta.reloadFormer();
  cluster.run(1000);
  expect(cluster.told('beta', 'beacons-lost')).toEqual([]);
  for (const { hearing } of pathsTo(cluster, 'beta', 'alpha')) expect(hearing.mutual).toBe(true);
});

test('hosts that have lost different planes reach each other over joined ones, and by the plane that returns when these are parted', () => {
  const cluster = Cluster.started({ hosts: 2, arp: { ...DEFAULT_ARP, refresh: 2000 } });
  const part = fail(cluster, 'join', 'alpha');
  // Without beacons the next announcement tells of it.
  cluster.run(3000);
  for (const { name } of cluster.hosts) expect(cluster.told(name, 'planes-joined')).toHaveLength(1);
  fail(cluster, 'pull', 'beta', 0);
  const back = fail(cluster, 'pull', 'alpha', 1);
  cluster.run(2000);
  expect(cluster.streams.map(({ fate }) => fate)).toEqual(['delivered', 'delivered']);
  part();
  back();
  cluster.run(2000);
  expect(cluster.streams.map(({ fate }) => fate)).toEqual(['delivered', 'delivered']);
});

test('a drain that comes before the news of the other link is taken after it: no peer is without a route', () => {
  const cluster = Cluster.started({ hosts: 2 });
  cluster.run(1000);
  const goOn = fail(cluster, 'pause', 'alpha');
  // While alpha's agent stands still, the kernel drops the routes by plane b along with its card.
  const putBack = fail(cluster, 'card-swap', 'alpha', 1);
  putBack();
  fail(cluster, 'drain', 'alpha', 0);
  cluster.run(20);
  goOn();
  cluster.run(500);
  expect(cluster.lost).toBe(0);
});

test('what an agent that stood still reads of two runs of a peer counts, and a beacon that comes after it is old news', () => {
  const cluster = Cluster.started({ hosts: 2, beacons });
  cluster.run(1000);
  const goOn = fail(cluster, 'pause', 'beta');
  fail(cluster, 'stop', 'alpha')();
  cluster.run(1);
  const start = fail(cluster, 'stop', 'alpha');
  const putBack = fail(cluster, 'pull', 'alpha', 0);
  const transmit = cluster.wire.transmit.bind(cluster.wire);
  const late: (() => void)[] = [];
  cluster.wire.transmit = (from, bytes) => {
    const beacon = decodeBeacon(bytes);
    const isLate = typeof beacon !== 'string' && beacon.host === 'alpha' && beacon.sentOn === 1;
    if (isLate) late.push(() => transmit(from, bytes));
    return isLate ? -1 : transmit(from, bytes);
  };
  start();
  cluster.run(1);
  putBack();
  cluster.run(1);
  cluster.wire.transmit = transmit;
  goOn();
  cluster.run(1);
  // That its link on plane a is down, which it has taken back since.
  late[0]!();
  cluster.run(beat - 10);
  expect(pathsTo(cluster, 'beta', 'alpha').map(({ withdrawn }) => withdrawn)).toEqual([false, false]);
  expect(late).toHaveLength(1);
});
