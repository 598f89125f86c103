import type { Core } from '../../agent/core/core';
import type { Actions, ReceivedFrame } from '../../agent/core/event';
import type { Ipv4, Mac } from '../../agent/wire/address';
import { type ArpFrame, arpAnnouncement, arpRequest, encodeArp } from '../../agent/wire/arp';
import { ALPHA, ALPHA_MACS, arpOf, BETA, BETA_MACS, FINE, ip, linkState, Pair } from './core-fixtures';

const STRANGER = 0x02000000ffff as Mac;
const STRANGERS: Ipv4 = ip('10.77.0.9');

/** Alpha with beta's paths up, which has heard its own announcement on the other link. */
function joinedPair(): Pair {
  const pair = new Pair();
  pair.run(20_000);
  readSettings(pair);
  hear(pair, 'eth1', arpAnnouncement(ALPHA_MACS[0]!, ALPHA), pair.now);
  pair.now += 100;
  return pair;
}

function readSettings(pair: Pair): Actions {
  const links = new Map(['eth0', 'eth1'].map((link) => [link, FINE]));
  return pair.handle({ type: 'settings', links });
}

/** Lets time pass, with the settings read each second as the shell does; everything that was told of who answers. */
function runTold(pair: Pair, until: number): unknown[] {
  const told: unknown[] = [];
  while (pair.now < until) {
    pair.run(pair.now + 1000);
    const { notes } = readSettings(pair);
    told.push(...notes.filter(({ event }) => event === 'responder').map(({ fields }) => fields));
  }
  return told;
}

/** Hands over a frame that a link received at `at`, read only later. */
function hear(
  pair: Pair,
  link: string,
  frame: ArpFrame,
  at: number,
  kind: ReceivedFrame['kind'] = 'broadcast',
): Actions {
  return pair.handle({ type: 'frames', link, frames: [received(frame, at, kind)] });
}

const received = (frame: ArpFrame, at: number, kind: ReceivedFrame['kind'] = 'broadcast'): ReceivedFrame => ({
  bytes: encodeArp(frame),
  at,
  kind,
  vlan: false,
});

/** On which links requests were answered. */
const answeredOn = ({ sends }: Actions): string[] =>
  arpOf(sends)
    .filter(({ operation }) => operation === 'reply')
    .map(({ link }) => link);

const counterOf = (core: Core, name: string): number => core.counters.get(name) ?? 0;

const question = arpRequest(STRANGER, STRANGERS, ALPHA);
const other = arpRequest(STRANGER, ip('10.77.0.10'), ALPHA);

describe('on joined planes', () => {
  test('the first copy of a request is answered, and no other', () => {
    const pair = joinedPair();
    expect(answeredOn(hear(pair, 'eth1', question, 20_050))).toEqual(['eth1']);
    expect(answeredOn(hear(pair, 'eth0', question, 20_050.2))).toEqual([]);
    expect(counterOf(pair.core, 'asked-on-another-link')).toBe(1);
  });

  test('the first copy is the one that the kernel received first, whichever link is read first', () => {
    const pair = joinedPair();
    const events = [
      { type: 'frames', link: 'eth0', frames: [received(question, 20_050.2), received(other, 20_050.5)] },
      { type: 'frames', link: 'eth1', frames: [received(question, 20_050), received(other, 20_050.7)] },
    ] as const;
    expect(answeredOn(pair.handle({ type: 'batch', events }))).toEqual(['eth1', 'eth0']);
    expect(counterOf(pair.core, 'asked-on-another-link')).toBe(2);
  });

  test('a request that is repeated at once, or later on another link, is answered again', () => {
    const pair = joinedPair();
    expect(answeredOn(hear(pair, 'eth1', question, 20_010))).toEqual(['eth1']);
    expect(answeredOn(hear(pair, 'eth1', question, 20_011))).toEqual(['eth1']);
    expect(answeredOn(hear(pair, 'eth0', question, 20_061))).toEqual(['eth0']);
  });

  test('others are asked at the same time: a request for something else, or by somebody else, is no copy', () => {
    const pair = joinedPair();
    expect(answeredOn(hear(pair, 'eth0', question, 20_050))).toEqual(['eth0']);
    for (const each of [other, arpRequest(BETA_MACS[1]!, STRANGERS, ALPHA)])
      expect(answeredOn(hear(pair, 'eth1', each, 20_050.1))).toEqual(['eth1']);
  });

  test('a peer is answered by the link of its path, whichever copy came first', () => {
    const pair = joinedPair();
    const asked = arpRequest(BETA_MACS[1]!, BETA, ALPHA);
    expect(answeredOn(hear(pair, 'eth0', asked, 20_050))).toEqual([]);
    expect(answeredOn(hear(pair, 'eth1', asked, 20_050.2))).toEqual(['eth1']);
  });

  test('where the link of the path to a peer doesn’t work, the other is no detour, until it is overdue itself', () => {
    const pair = joinedPair();
    const state = linkState(0, { carrier: false });
    pair.handle({ type: 'link', name: 'eth0', state, at: pair.now });
    const fromLost = () => hear(pair, 'eth1', arpRequest(BETA_MACS[0]!, BETA, ALPHA), pair.now);
    expect(answeredOn(fromLost())).toEqual([]);
    // What is known of its cards may be crossed: silent on this plane, it may ask by the very card that is taken for the other one.
    pair.silent = new Set(['eth1']);
    pair.run(pair.now + 90);
    expect([...pair.core.registry.allPaths()].map(({ state }) => state)).toEqual(['down', 'suspect']);
    expect(answeredOn(fromLost())).toEqual(['eth1']);
  });

  test('a path whose link is drained, and so answers nobody, keeps no other link from answering', () => {
    const pair = joinedPair();
    pair.handle({ type: 'drain', links: ['eth0'], until: Number.POSITIVE_INFINITY });
    const asked = arpRequest(BETA_MACS[0]!, BETA, ALPHA);
    expect(answeredOn(hear(pair, 'eth0', asked, pair.now))).toEqual([]);
    expect(answeredOn(hear(pair, 'eth1', asked, pair.now))).toEqual(['eth1']);
  });

  test('who asks one card alone is answered by that card', () => {
    const pair = joinedPair();
    for (const link of ['eth0', 'eth1']) {
      expect(answeredOn(hear(pair, link, question, 20_050, 'host'))).toEqual([link]);
    }
  });

  test("the copy of a peer's announcement on another plane is no hint", () => {
    const pair = joinedPair();
    const announcement = arpAnnouncement(BETA_MACS[0]!, BETA);
    expect(hear(pair, 'eth1', announcement, 20_050).sends).toEqual([]);
    expect(counterOf(pair.core, 'announced-on-another-link')).toBe(1);
    expect(hear(pair, 'eth0', announcement, 20_050).sends).not.toEqual([]);
    expect(counterOf(pair.core, 'hints')).toBe(1);
  });
});

test('a stranger’s request that waited for longer than a second to be read is not answered, a peer’s is', () => {
  const pair = joinedPair();
  pair.run(pair.now + 2000);
  expect(answeredOn(hear(pair, 'eth1', question, pair.now - 1001))).toEqual([]);
  expect(counterOf(pair.core, 'asked-long-ago')).toBe(1);
  expect(answeredOn(hear(pair, 'eth1', other, pair.now - 1000))).toEqual(['eth1']);
  const asked = arpRequest(BETA_MACS[1]!, BETA, ALPHA);
  expect(answeredOn(hear(pair, 'eth1', asked, pair.now - 1500))).toEqual(['eth1']);
});

test('on separate planes, an announcement from the card of another plane is a hint', () => {
  const pair = new Pair();
  pair.run(20_000);
  expect(hear(pair, 'eth1', arpAnnouncement(BETA_MACS[0]!, BETA), 20_000).sends).not.toEqual([]);
});

test('a request that came before the kernel was silenced is answered by the kernel, and by nobody else', () => {
  const pair = new Pair();
  pair.run(20_000);
  readSettings(pair);
  const sign = received(arpAnnouncement(ALPHA_MACS[0]!, ALPHA), pair.now);
  const { steps } = pair.core.handle({ type: 'frames', link: 'eth1', frames: [sign] }, pair.now);
  expect(steps).toContainEqual(expect.objectContaining({ setting: 'arp_ignore', value: 1 }));
  // The settings have been written 2 ms later.
  pair.core.sent(20_002, 20_002);
  pair.now = 20_010;
  expect(answeredOn(hear(pair, 'eth0', question, 20_001))).toEqual([]);
  expect(counterOf(pair.core, 'kernel-answers')).toBe(1);
  expect(answeredOn(hear(pair, 'eth0', question, 20_003))).toEqual(['eth0']);
});

describe('the sign of joined planes', () => {
  /** Three times `arp.refresh`. */
  const EXPIRY = 90_000;
  const KERNEL = { acting: 'kernel', reason: 'kernel-answers' };

  test('holds for three refreshes', () => {
    const pair = joinedPair();
    expect(runTold(pair, 20_000 + EXPIRY - 1000)).toEqual([]);
    expect(runTold(pair, 20_000 + EXPIRY + 1000)).toEqual([KERNEL]);
  });

  test('holds as long as only one link works, since that hears nothing of itself', () => {
    const pair = joinedPair();
    const lose = (carrier: boolean) =>
      pair.handle({ type: 'link', name: 'eth0', state: linkState(0, { carrier }), at: pair.now });
    lose(false);
    expect(runTold(pair, 20_000 + 3 * EXPIRY)).toEqual([]);
    lose(true);
    expect(runTold(pair, pair.now + EXPIRY + 2000)).toEqual([KERNEL]);
  });
});
