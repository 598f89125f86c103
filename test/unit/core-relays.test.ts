import type { LivenessState } from '../../agent/core/liveness';
import { type Neighbor, Relays } from '../../agent/core/relays';

/** A peer on planes 0 to 2, or on those that are given, with the states of our paths to it by plane. */
function neighbor(
  name: string,
  states: Readonly<Record<number, LivenessState>>,
  { planes = Object.keys(states).map(Number), withdrawn = [] as readonly number[] } = {},
): Neighbor {
  const paths = Object.entries(states).map(([plane, beneath]) => ({
    plane: Number(plane),
    beneath,
    withdrawn: withdrawn.includes(Number(plane)),
  }));
  return { peer: { name, planes }, paths };
}

/** `PEERS by PLANES | PEERS by PLANES` for each parting. */
function partings(...neighbors: readonly Neighbor[]): string[] {
  const side = ({
    peers,
    planes,
  }: {
    readonly peers: readonly string[];
    readonly planes: readonly number[];
  }) => `${peers.join()} by ${planes.join()}`;
  return new Relays(neighbors).partings().map(({ one, other }) => `${side(one)} | ${side(other)}`);
}

describe('who of our peers is parted from whom', () => {
  test('nobody while all works', () => {
    expect(partings(neighbor('beta', { 0: 'up', 1: 'up' }), neighbor('gamma', { 0: 'up', 1: 'up' }))).toEqual(
      [],
    );
  });

  test('two that we reach by different planes alone', () => {
    const one = neighbor('beta', { 0: 'up', 1: 'down' });
    const other = neighbor('gamma', { 0: 'down', 1: 'suspect' });
    expect(partings(one, other)).toEqual(['beta by 0 | gamma by 1']);
  });

  test('not where a third plane leads to both, nor where one is not reached at all', () => {
    const beta = neighbor('beta', { 0: 'up', 1: 'down', 2: 'up' });
    const gamma = neighbor('gamma', { 0: 'down', 1: 'up', 2: 'up' });
    const delta = neighbor('delta', { 0: 'down', 1: 'down', 2: 'down' });
    expect(partings(beta, gamma, delta)).toEqual([]);
  });

  test('not while one of the paths is not known to fail', () => {
    const beta = neighbor('beta', { 0: 'up', 1: 'down' });
    expect(partings(beta, neighbor('gamma', { 0: 'held', 1: 'up' }))).toEqual([]);
    expect(partings(beta, neighbor('gamma', { 0: 'unknown', 1: 'up' }))).toEqual([]);
  });

  test('not on a plane of which we see nobody: it may be our own link that failed', () => {
    const beta = neighbor('beta', { 0: 'up', 1: 'down', 2: 'down' });
    const gamma = neighbor('gamma', { 0: 'down', 1: 'up', 2: 'down' });
    expect(partings(beta, gamma)).toEqual([]);
    const saysSo = neighbor('gamma', { 0: 'down', 1: 'up', 2: 'down' }, { withdrawn: [0, 2] });
    expect(partings(beta, saysSo)).toEqual(['beta by 0,2 | gamma by 1']);
  });

  test('a plane on which we have no link is none that we see', () => {
    const beta = neighbor('beta', { 0: 'up', 1: 'down' }, { planes: [0, 1, 2] });
    const gamma = neighbor('gamma', { 0: 'down', 1: 'up' }, { planes: [0, 1, 2] });
    const delta = neighbor('delta', { 0: 'down', 1: 'up' });
    expect(partings(beta, gamma)).toEqual([]);
    expect(partings(beta, delta)).toEqual(['beta by 0,2 | delta by 1']);
  });

  test('peers that are alike are one side, however many', () => {
    const many = Array.from({ length: 300 }, (_, n) =>
      neighbor(`host${n}`, n % 2 === 0 ? { 0: 'up', 1: 'down' } : { 0: 'down', 1: 'up' }),
    );
    const [parting, ...more] = new Relays(many).partings();
    expect([parting!.one.peers.length, parting!.other.peers.length, more]).toEqual([150, 150, []]);
  });
});

describe('who may reach a peer that we do not reach', () => {
  const beta = neighbor('beta', { 0: 'down', 1: 'down' });
  const gamma = neighbor('gamma', { 0: 'up', 1: 'down' });

  test('whoever we reach, by a plane by which we reach nobody', () => {
    expect(new Relays([beta, gamma]).to('beta', 4)).toEqual(['gamma']);
  });

  test('nobody for a peer that we reach, or that nobody knows', () => {
    const relays = new Relays([beta, gamma]);
    expect([relays.to('gamma', 4), relays.to('nobody', 4)]).toEqual([[], []]);
  });

  test('nobody by a plane on which we reach others: the peer itself has failed there', () => {
    expect(new Relays([beta, neighbor('gamma', { 0: 'up', 1: 'up' })]).to('beta', 4)).toEqual([]);
    expect(new Relays([beta, gamma, neighbor('delta', { 0: 'down', 1: 'up' })]).to('beta', 4)).toEqual([]);
  });

  test('nobody by a plane on which either says that it has no link', () => {
    const without = neighbor('gamma', { 0: 'up', 1: 'down' }, { withdrawn: [1] });
    expect(new Relays([beta, without]).to('beta', 4)).toEqual([]);
    const lost = neighbor('beta', { 0: 'down', 1: 'down' }, { withdrawn: [0, 1] });
    expect(new Relays([lost, gamma]).to('beta', 4)).toEqual([]);
  });

  test('by a plane on which we are not at all', () => {
    const far = neighbor('beta', { 0: 'down' }, { planes: [0, 1] });
    const between = neighbor('gamma', { 0: 'up' }, { planes: [0, 1] });
    expect(new Relays([far, between]).to('beta', 4)).toEqual(['gamma']);
  });

  test('as many as are asked for', () => {
    const many = Array.from({ length: 9 }, (_, n) => neighbor(`host${n}`, { 0: 'up', 1: 'down' }));
    expect(new Relays([beta, ...many]).to('beta', 2)).toEqual(['host0', 'host1']);
  });
});
