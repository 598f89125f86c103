import type { Core } from '../../agent/core/core';
import type { Voices } from '../../agent/core/voices';
import type { Mac } from '../../agent/wire/address';
import { repeatedSequence } from '../../agent/wire/beacon-repetition';
import { FarSpeaker, Listener, OPTIONS, SEAL, sealWith } from './core-beacon-fixtures';
import { BETA_MACS, beta as listedBeta, topologyOf } from './core-fixtures';

/** Beacons that repeat the last one of their card are taken without being decoded: they are judged as all others. */

function acquainted(topology = {}): { alpha: Listener; beta: FarSpeaker } {
  const alpha = new Listener(topology);
  const beta = new FarSpeaker();
  alpha.run(2000, [beta]);
  return { alpha, beta };
}

const voicesOf = (core: Core) =>
  (core as unknown as { neighborhood: { voices: Voices } }).neighborhood.voices;

function remembered({ core }: Listener): number {
  return voicesOf(core).size;
}

const count = ({ core }: Listener, what: string) => core.counters.get(what) ?? 0;

describe('a repetition', () => {
  test('with a bad tag is refused, and is no sign of life', () => {
    const { alpha, beta } = acquainted();
    const frame = beta.frame(0);
    frame[frame.length - 1]! ^= 1;
    const before = alpha.path('beta', 0).hearing.dueAt;
    alpha.now += 5;
    alpha.hear(0, frame);
    expect(count(alpha, 'beacon-bad-tag')).toBe(1);
    expect(alpha.path('beta', 0).hearing.dueAt).toBe(before);
  });

  test('of a repetition is a replay', () => {
    const { alpha, beta } = acquainted();
    const frame = beta.frame(0);
    alpha.hear(0, frame);
    const before = alpha.path('beta', 0).hearing.dueAt;
    alpha.now += 5;
    alpha.hear(0, frame);
    expect(count(alpha, 'beacon-replayed')).toBe(1);
    expect(alpha.path('beta', 0).hearing.dueAt).toBe(before);
  });

  test('that comes by another link than the one before is no beacon of that plane', () => {
    const { alpha, beta } = acquainted();
    alpha.hear(1, beta.frame(0));
    expect(count(alpha, 'beacon-wrong-plane')).toBe(1);
  });
});

test('a recording of the former agent, on a card that was replaced at its restart, is as old as any', () => {
  const { alpha, beta } = acquainted();
  beta.frame(0);
  const recorded = beta.frame(0);
  Object.assign(beta, { epoch: 8, sequence: 0, macs: [0x020000000fff as Mac, BETA_MACS[1]!] });
  alpha.run(2200, [beta]);
  alpha.hear(0, recorded);
  expect(count(alpha, 'beacon-older-epoch')).toBe(1);
});

describe('of frames whose tag is bad', () => {
  test('nothing is remembered, however many senders they claim', () => {
    const { alpha } = acquainted();
    const forger = new FarSpeaker();
    Object.assign(forger, { seal: sealWith(9), epoch: 8 });
    expect(remembered(alpha)).toBe(2);
    for (let card = 0; card < 100; card++) {
      forger.macs = [(0x020000001000 + card) as Mac, BETA_MACS[1]!];
      alpha.hear(0, forger.frame(0));
    }
    expect([remembered(alpha), count(alpha, 'beacon-unknown-key')]).toEqual([2, 100]);
  });
});

describe('what is remembered', () => {
  test('is a copy, since a received frame is written over by later ones', () => {
    const { alpha, beta } = acquainted();
    const frame = beta.frame(0, { urgent: true });
    alpha.hear(0, frame);
    frame.fill(0xff, 14);
    const voices = voicesOf(alpha.core);
    const again = beta.frame(0, { urgent: true });
    expect(
      repeatedSequence(voices.steady(alpha.core.registry.links.get('eth0')!, again)!.beacon, again),
    ).toBe(beta.sequence);
  });

  test('has an end, however many cards speak', () => {
    const { alpha } = acquainted();
    const voices = voicesOf(alpha.core);
    const link = alpha.core.registry.links.get('eth0')!;
    const voice = voices.steady(link, new FarSpeaker().frame(0))!;
    for (let card = 1; card <= 20_000; card++)
      voices.remember({ ...voice, beacon: { ...voice.beacon, source: card as Mac } });
    expect(voices.size).toBeLessThanOrEqual(16_384);
  });
});

describe('what a host says of its links counts again, though it says the same', () => {
  test('after it was silent', () => {
    const { alpha, beta } = acquainted();
    beta.states = ['up', 'down'];
    alpha.hear(0, beta.frame(0));
    expect(alpha.path('beta', 1).withdrawn).toBe(true);
    alpha.run(2500);
    expect(alpha.path('beta', 1).withdrawn).toBe(false);
    alpha.hear(0, beta.frame(0));
    expect(alpha.path('beta', 1).withdrawn).toBe(true);
  });

  test('after a reload that gives it another path', () => {
    const { alpha, beta } = acquainted({ peers: [{ ...listedBeta, planes: [0] }] });
    beta.states = ['up', 'down'];
    alpha.run(2200, [beta]);
    alpha.handle({ type: 'topology', topology: topologyOf({ beacon: OPTIONS }), seal: SEAL });
    expect(alpha.path('beta', 1).withdrawn).toBe(false);
    alpha.hear(0, beta.frame(0));
    expect(alpha.path('beta', 1).withdrawn).toBe(true);
  });
});

test('the former card of a path is not remembered beside the present one', () => {
  const { alpha, beta } = acquainted();
  const before = remembered(alpha);
  for (const card of [0x020000000ffe, 0x020000000fff] as Mac[]) {
    beta.macs = [card, BETA_MACS[1]!];
    alpha.run(alpha.now + 200, [beta]);
  }
  expect(remembered(alpha)).toBe(before);
});
