import { createSecretKey } from 'node:crypto';
import { sealOf } from '../../agent/seal';
import { BROADCAST_MAC, type Ipv4, type Mac, parseIpv4 } from '../../agent/wire/address';
import { type ArpFrame, arpReply, arpRequest, decodeArp, encodeArp } from '../../agent/wire/arp';
import { type BeaconFrame, decodeBeacon, encodeBeacon, heardFrom, hears } from '../../agent/wire/beacon';
import { ETHERNET_HEADER, ETHERTYPE_ARP, readUint16 } from '../../agent/wire/ethernet';
import { heardBut } from '../bench/far-ends-beacons';
import { FarEndsModel, type FarEndsOptions } from '../bench/far-ends-model';
import { aliasOf, farEndOf, macOf } from '../bench/far-ends-plan';

const ETHERTYPE = 0x88b5;
const AGENT = parseIpv4('10.78.0.1')!;
const AGENT_MAC = 0x020000000001 as Mac;
const SEAL = sealOf([createSecretKey(Buffer.alloc(32, 7))]);
const OPTIONS: FarEndsOptions = {
  count: 4,
  cluster: 'lab',
  planes: ['a', 'b'],
  agent: AGENT,
  beacon: 100,
  etherType: ETHERTYPE,
  ask: undefined,
};

function farEnds(options: Partial<FarEndsOptions> = {}): FarEndsModel {
  return new FarEndsModel({ ...OPTIONS, ...options }, SEAL, 1, 0);
}

/** What was sent by `now`, decoded, by plane. */
function beaconsOf(model: FarEndsModel, now: number): BeaconFrame[][] {
  return model.due(now).map((frames) =>
    frames
      .filter((frame) => readUint16(frame, 12) === ETHERTYPE)
      .map((frame) => {
        const beacon = decodeBeacon(frame.slice()) as BeaconFrame;
        expect(SEAL.verify(beacon.keyId, beacon.bytes, ETHERNET_HEADER, beacon.signed)).toBe('good');
        return beacon;
      }),
  );
}

function arpOf(model: FarEndsModel, now: number): ArpFrame[][] {
  return model
    .due(now)
    .map((frames) =>
      frames
        .filter((frame) => readUint16(frame, 12) === ETHERTYPE_ARP)
        .map((frame) => decodeArp(frame) as ArpFrame),
    );
}

function request(farEnd: number, to?: Mac): Uint8Array {
  return encodeArp(arpRequest(AGENT_MAC, AGENT, aliasOf(farEnd), to));
}

function agentBeacon(interval = 100): Uint8Array {
  const { bytes, signed } = encodeBeacon(
    {
      urgent: false,
      keyId: SEAL.keyId,
      epoch: 1,
      sequence: 1,
      interval: interval * 1000,
      cluster: 'lab',
      host: 'alpha',
      aliases: [AGENT],
      links: [{ plane: 'a', priority: 0, state: 'up', mac: AGENT_MAC }],
      sentOn: 0,
      heard: heardFrom([]),
    },
    AGENT_MAC,
    ETHERTYPE,
  );
  SEAL.sign(bytes, ETHERNET_HEADER, signed);
  return bytes;
}

test('an alias and an address of its own for each far end, and the way back', () => {
  const many = Array.from({ length: 1000 }, (_, farEnd) => farEnd);
  expect(many.map((farEnd) => farEndOf(aliasOf(farEnd), 1000))).toEqual(many);
  expect(new Set(many.flatMap((farEnd) => [macOf(farEnd, 0), macOf(farEnd, 1)])).size).toBe(2000);
  expect(farEndOf(aliasOf(1000), 1000)).toBeUndefined();
  // 10.78.1.0 and 10.78.1.251 lie between the subnets' first and last.
  expect(farEndOf((aliasOf(0) - 1) as Ipv4, 1000)).toBeUndefined();
  expect(farEndOf((aliasOf(249) + 1) as Ipv4, 1000)).toBeUndefined();
});

test('what one of those that are heard says of the others', () => {
  const [one, two, three, far] = [5, 6, 7, 20] as Ipv4[];
  const heard = heardFrom([one!, two!, three!, far!]);
  expect(heardBut(heard, two!)).toEqual(heardFrom([one!, three!, far!]));
  expect(heardBut(heard, one!)).toEqual(heardFrom([two!, three!, far!]));
  expect(heardBut(heard, three!)).toEqual(heardFrom([one!, two!, far!]));
  expect(heardBut(heard, far!)).toEqual(heardFrom([one!, two!, three!]));
  expect(heardBut(heard, 9 as Ipv4)).toEqual(heard);
});

test('a beacon each interval on both planes, with a larger sequence each', () => {
  const model = farEnds();
  const first = beaconsOf(model, 0);
  expect(first.map((beacons) => beacons.map(({ host, sentOn }) => [host, sentOn]))).toEqual([
    [['peer1', 0]],
    [['peer1', 1]],
  ]);
  expect(beaconsOf(model, 75)[0]!.map(({ host }) => host)).toEqual(['peer2', 'peer3', 'peer4']);
  const again = beaconsOf(model, 100);
  expect([...first, ...again].flat().map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  expect(again[0]![0]!.source).toBe(macOf(0, 0));
});

test('the agent is heard on the plane on which its beacons come, for as long as they do', () => {
  const model = farEnds();
  const heard = (now: number): unknown =>
    beaconsOf(model, now).map(([beacon]) => hears(beacon!.heard, AGENT));
  expect(heard(0)).toEqual([false, false]);
  model.take(agentBeacon(), 0, 50);
  expect(heard(100)).toEqual([true, false]);
  expect(heard(300)).toEqual([true, false]);
  expect(heard(400)).toEqual([false, false]);
});

test('a forged beacon of the agent is not heard', () => {
  const model = farEnds();
  const forged = agentBeacon();
  forged[forged.length - 1]! ^= 1;
  model.take(forged, 0, 50);
  expect(hears(beaconsOf(model, 100)[0]![0]!.heard, AGENT)).toBe(false);
  expect(model.counts.heard).toBe(0);
});

test('each answers for itself alone, with its own address', () => {
  const model = farEnds();
  const answer = decodeArp(model.take(request(2), 1, 0)!) as ArpFrame;
  expect(answer).toMatchObject({
    operation: 'reply',
    destination: AGENT_MAC,
    senderMac: macOf(2, 1),
    senderIp: aliasOf(2),
    targetIp: AGENT,
  });
  expect(model.take(request(2, macOf(2, 1)), 1, 0)).toBeDefined();
  expect(model.take(request(2, macOf(2, 0)), 1, 0)).toBeUndefined();
  expect(model.take(request(4), 1, 0)).toBeUndefined();
  expect(model.take(encodeArp(arpRequest(AGENT_MAC, aliasOf(0), aliasOf(2))), 1, 0)).toBeUndefined();
  expect(model.counts.answers).toBe(2);
});

test('a lost card is silent, and is withdrawn three times within 5 ms on the other plane', () => {
  const model = farEnds();
  model.due(99);
  model.lose([1], 0, true, 99);
  expect(model.wakeAt).toBe(99);
  const told = [99, 101, 103].map((now) => beaconsOf(model, now));
  for (const [onLost, onOther] of told) {
    expect(onLost!.filter(({ host }) => host === 'peer2')).toEqual([]);
    const [withdrawal] = onOther!;
    expect(withdrawal).toMatchObject({ host: 'peer2', urgent: true });
    expect(withdrawal!.links.map(({ state }) => state)).toEqual(['down', 'up']);
  }
  expect(model.take(request(1), 0, 104)).toBeUndefined();
  expect(model.take(request(1), 1, 104)).toBeDefined();
  const steady = beaconsOf(model, 199);
  expect(steady.map((beacons) => beacons.map(({ host }) => host))).toEqual([
    ['peer3', 'peer4'],
    ['peer2', 'peer3', 'peer4'],
  ]);
  expect(steady[1]![0]!.urgent).toBe(false);
  expect(hears(steady[0]![0]!.heard, aliasOf(1))).toBe(false);
  expect(hears(steady[1]![1]!.heard, aliasOf(1))).toBe(true);
});

test('the withdrawals of many leave room for answers in between', () => {
  const model = farEnds({ count: 500 });
  const all = Array.from({ length: 500 }, (_, farEnd) => farEnd);
  model.lose(all, 0, true, 1);
  const urgent = (): number => beaconsOf(model, 1)[1]!.filter(({ urgent: each }) => each).length;
  expect(urgent()).toBe(64);
  expect(model.wakeAt).toBeLessThanOrEqual(1);
  const rounds = Array.from({ length: 8 }, urgent);
  expect(rounds.reduce((sum, count) => sum + count, 64)).toBe(500);
  expect(model.wakeAt).toBeGreaterThan(1);
});

test('late withdrawals are three different frames', () => {
  const model = farEnds();
  model.due(99);
  model.lose([1], 0, true, 99);
  const sequences = beaconsOf(model, 110)[1]!
    .filter(({ host }) => host === 'peer2')
    .map(({ sequence }) => sequence);
  expect(new Set(sequences).size).toBe(3);
});

test('one whose frames are dropped does not know, and says nothing', () => {
  const model = farEnds();
  model.due(99);
  model.lose([1], 0, false, 99);
  expect(model.wakeAt).toBe(100);
  const [onLost, onOther] = beaconsOf(model, 199);
  expect(onLost!.some(({ host }) => host === 'peer2')).toBe(false);
  const told = onOther!.find(({ host }) => host === 'peer2')!;
  expect(told.urgent).toBe(false);
  expect(told.links.map(({ state }) => state)).toEqual(['up', 'up']);
});

test('a card that is back is told on all planes at once', () => {
  const model = farEnds();
  model.due(99);
  model.lose([1], 0, false, 99);
  model.regain([1], 0, 99.5);
  const back = beaconsOf(model, 99.5);
  expect(back.map(([beacon]) => [beacon!.host, beacon!.urgent, beacon!.links[0]!.state])).toEqual([
    ['peer2', true, 'up'],
    ['peer2', true, 'up'],
  ]);
});

test('asks the agent by its address once that is known, and counts the answers', () => {
  const model = farEnds({ beacon: undefined, ask: 1000 });
  const asked = (now: number): (ArpFrame | undefined)[] =>
    arpOf(model, now).map((frames) => frames.find(({ targetIp }) => targetIp === AGENT));
  const [first] = asked(0);
  expect(first).toMatchObject({ senderIp: aliasOf(0), senderMac: macOf(0, 0), destination: BROADCAST_MAC });
  model.take(encodeArp(arpReply(first!, AGENT_MAC)), 0, 1);
  expect(model.counts).toMatchObject({ requests: 2, answered: 1 });
  const [second, other] = asked(250);
  expect(second?.destination).toBe(AGENT_MAC);
  expect(other?.destination).toBe(BROADCAST_MAC);
});

test('announces each far end on both planes each 30 s', () => {
  const model = farEnds({ beacon: undefined });
  const announced = arpOf(model, 29_999).map((frames) =>
    frames.map(({ senderIp, targetIp }) => (senderIp === targetIp ? senderIp : undefined)),
  );
  const all = [0, 1, 2, 3].map(aliasOf);
  expect(announced).toEqual([all, all]);
});
