import type { KernelTable } from '../../agent/core/routing';
import type { Mac } from '../../agent/wire/address';
import { hears } from '../../agent/wire/beacon';
import { DELTA, DELTA_MACS, EPOCH, FarSpeaker, Listener, OPTIONS, sealWith } from './core-beacon-fixtures';
import { ALPHA, ALPHA_MACS, BETA, BETA_MACS, EMPTY, ip, linkState, topologyOf } from './core-fixtures';

/** Alpha and beta, which have heard each other for two seconds. */
function acquainted(changes = {}): { alpha: Listener; beta: FarSpeaker } {
  const alpha = new Listener(changes);
  const beta = new FarSpeaker();
  alpha.run(2000, [beta]);
  return { alpha, beta };
}

function forgetAll(alpha: Listener): void {
  for (const kept of [alpha.notes, alpha.steps, alpha.asked, alpha.said]) kept.length = 0;
}

const metrics = (alpha: Listener, operation: 'add-route' | 'remove-route') =>
  alpha.steps.flatMap((step) => (step.operation === operation ? [step.route.metric] : []));

describe('what a host says', () => {
  test('its links with plane, state and address, and whom it hears on each plane', () => {
    const { alpha } = acquainted();
    const last = alpha.said.filter(({ link }) => link === 'eth1').at(-1)!.beacon;
    expect(last).toMatchObject({
      urgent: false,
      epoch: EPOCH,
      interval: 50_000,
      cluster: 'demo',
      host: 'alpha',
      aliases: [ALPHA],
      links: [
        { plane: 'a', priority: 0, state: 'up', mac: ALPHA_MACS[0] },
        { plane: 'b', priority: 0, state: 'up', mac: ALPHA_MACS[1] },
      ],
      sentOn: 1,
      source: ALPHA_MACS[1],
    });
    expect([hears(last.heard, BETA), hears(last.heard, DELTA)]).toEqual([true, false]);
  });

  test('once an interval on each link, each with a higher sequence number', () => {
    const { alpha } = acquainted();
    const since = alpha.said.filter(({ at }) => at > 1000);
    expect(since).toHaveLength(40);
    const numbers = alpha.said.map(({ beacon }) => beacon.sequence);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  test('a lost link is withdrawn at once on the others, three times within 5 ms', () => {
    const { alpha } = acquainted();
    forgetAll(alpha);
    const { hints } = alpha.handle({
      type: 'link',
      name: 'eth0',
      state: linkState(0, { carrier: false }),
      at: alpha.now,
    });
    expect(hints.length).toBeGreaterThan(0);
    alpha.run(2006);
    const withdrawals = alpha.said.filter(({ beacon }) => beacon.urgent);
    expect(withdrawals.map(({ at, link }) => [at, link])).toEqual([
      [2000, 'eth1'],
      [2002, 'eth1'],
      [2004, 'eth1'],
    ]);
    for (const { beacon } of withdrawals) {
      expect(beacon.links.map(({ state }) => state)).toEqual(['down', 'up']);
      expect(beacon.links[beacon.sentOn]).toMatchObject({ plane: 'b', mac: ALPHA_MACS[1] });
    }
  });

  test('a link that is gone is not named any more', () => {
    const { alpha } = acquainted();
    forgetAll(alpha);
    alpha.handle({ type: 'link', name: 'eth0', state: undefined, at: alpha.now });
    expect(alpha.said[0]?.beacon.links.map(({ plane }) => plane)).toEqual(['b']);
    expect(alpha.said[0]?.beacon.sentOn).toBe(0);
  });

  test('that it hears a peer no more is said as soon as the path is judged, and once', () => {
    const { alpha, beta } = acquainted();
    alpha.silent.add(`eth0 ${BETA}`);
    forgetAll(alpha);
    for (let beat = 2057; beat < 2200; beat += 50) {
      alpha.run(beat);
      alpha.hear(1, beta.frame(1));
    }
    const down = alpha.told('path-down');
    expect(down).toHaveLength(1);
    const urgent = alpha.said.filter(({ beacon }) => beacon.urgent);
    expect(urgent.map(({ link }) => link)).toEqual(['eth0']);
    expect(hears(urgent[0]!.beacon.heard, BETA)).toBe(false);
  });

  test('nothing without a key, nor where beacons are off', () => {
    expect(new Listener({ beacon: undefined }).said).toEqual([]);
    const off = new Listener({ beacon: undefined });
    off.hear(0, new FarSpeaker().frame(0));
    expect(off.count('ethertype')).toBe(1);
  });
});

describe('what a beacon does', () => {
  test('requests slow down while both hear each other, and are back when the beacons end', () => {
    const { alpha, beta } = acquainted();
    forgetAll(alpha);
    alpha.run(12_000, [beta]);
    expect(alpha.asked.length).toBeGreaterThanOrEqual(18);
    expect(alpha.asked.length).toBeLessThanOrEqual(22);
    // All paths share forty moments of the interval, so that few wake-ups do for many peers.
    expect(alpha.asked.filter(({ at }) => at % (OPTIONS.verify / 40) !== 0)).toEqual([]);
    forgetAll(alpha);
    alpha.run(13_100);
    const late = alpha.asked.filter(({ at }) => at >= 12_100);
    expect(late.length).toBeGreaterThanOrEqual(38);
    expect(alpha.told('beacons-lost')).toHaveLength(1);
    expect(alpha.told('path-down')).toEqual([]);
  });

  test('where a restarted peer’s beacons don’t come yet, they are back as well', () => {
    const alpha = new Listener();
    const beta = new FarSpeaker();
    alpha.run(2000, [beta]);
    Object.assign(beta, { epoch: 8, sequence: 0 });
    alpha.hear(0, beta.frame(0));
    alpha.asked.length = 0;
    alpha.run(2500);
    const asked = alpha.asked.filter(({ link, frame }) => link === 'eth1' && frame.targetIp === BETA);
    expect(asked.length).toBeGreaterThanOrEqual(9);
  });

  test('they don’t slow down toward a peer that doesn’t hear us', () => {
    const alpha = new Listener();
    const beta = new FarSpeaker();
    beta.hears = [];
    alpha.run(2000, [beta]);
    forgetAll(alpha);
    alpha.run(3000, [beta]);
    expect(alpha.asked.length).toBeGreaterThanOrEqual(38);
  });

  test('a withdrawal takes the route out at once, in one step, without a question', () => {
    const { alpha, beta } = acquainted();
    forgetAll(alpha);
    beta.states = ['down', 'up'];
    const { steps, notes } = alpha.hear(1, beta.frame(1, { urgent: true }));
    expect(steps).toMatchObject([{ operation: 'remove-route', route: { metric: 100 } }]);
    expect(alpha.asked).toEqual([]);
    expect(notes.map(({ event, fields }) => [event, fields.cause])).toEqual([
      ['path-down', 'withdrawn'],
      ['failover', 'withdrawn'],
    ]);
    expect(notes[1]!.causedAt).toBe(alpha.now);
  });

  test('a withdrawn path stays out though ARP is answered, until a beacon says otherwise', () => {
    const { alpha, beta } = acquainted();
    beta.states = ['drained', 'up'];
    alpha.run(6000, [beta]);
    expect(alpha.path('beta', 0).state).toBe('down');
    beta.states = ['up', 'up'];
    alpha.run(6100, [beta]);
    // ARP was answered for longer than the hold meanwhile.
    expect(alpha.path('beta', 0).state).toBe('up');
  });

  test('a card that comes back is asked at once, and held before it is trusted', () => {
    const { alpha, beta } = acquainted();
    alpha.silent.add(`eth0 ${BETA}`);
    beta.states = ['down', 'up'];
    alpha.run(6000, [beta]);
    alpha.silent.clear();
    beta.states = ['up', 'up'];
    alpha.hear(0, beta.frame(0, { urgent: true }));
    alpha.run(6001);
    expect(alpha.path('beta', 0).state).toBe('held');
    alpha.run(6900, [beta]);
    expect(alpha.path('beta', 0).state).toBe('held');
    alpha.run(7100, [beta]);
    expect(alpha.path('beta', 0).state).toBe('up');
  });

  test('a withdrawal is forgotten when the host is silent altogether: ARP judges alone', () => {
    const { alpha, beta } = acquainted();
    beta.states = ['down', 'up'];
    alpha.run(2200, [beta]);
    alpha.run(4000);
    expect(alpha.path('beta', 0).state).toBe('up');
  });

  test('a plane that a host doesn’t name is one where it has no link', () => {
    const { alpha, beta } = acquainted();
    const links = [{ plane: 'b', priority: 0, state: 'up', mac: BETA_MACS[1]! }] as const;
    alpha.hear(1, beta.frame(1, { links, sentOn: 0 }));
    expect(alpha.path('beta', 0)).toMatchObject({ state: 'down', cause: 'withdrawn' });
  });

  test('one that stays away makes ARP judge, within one retry', () => {
    const { alpha, beta } = acquainted();
    forgetAll(alpha);
    alpha.silent.add(`eth0 ${BETA}`);
    for (; alpha.now < 2150; ) {
      const beat = alpha.now + 50 - ((alpha.now - 7) % 50);
      alpha.run(beat);
      alpha.hear(1, beta.frame(1));
    }
    const [down] = alpha.told('path-down');
    expect(down?.fields).toMatchObject({ plane: 'a', cause: 'beacon-silence' });
    // The last beacon came at 1957, so the next was due at 2007; missed at 2012, judged within another 5 ms.
    expect(down?.causedAt).toBe(2007);
    const times = alpha.asked.filter(({ link }) => link === 'eth0').map(({ at }) => at);
    expect(times).toContain(2012);
    expect(metrics(alpha, 'remove-route')).toEqual([100]);
  });

  test('one lost beacon costs a request and nothing else', () => {
    const { alpha, beta } = acquainted();
    forgetAll(alpha);
    alpha.run(2013);
    expect(alpha.asked.filter(({ at }) => at === 2012)).toHaveLength(2);
    alpha.run(3000, [beta]);
    expect([alpha.notes, alpha.steps]).toEqual([[], []]);
  });

  test('a host is silent when three of its beacons in a row stay away by all planes', () => {
    const { alpha, beta } = acquainted();
    beta.states = ['drained', 'up'];
    alpha.run(2060, [beta]);
    forgetAll(alpha);
    alpha.run(2200);
    expect([alpha.told('beacons-lost'), alpha.path('beta', 0).state]).toEqual([[], 'down']);
    alpha.run(2220);
    expect(alpha.told('beacons-lost')).toHaveLength(1);
    expect(alpha.path('beta', 0).withdrawn).toBe(false);
  });

  test('a replaced card is known by its address, and no answer from another counts', () => {
    const { alpha, beta } = acquainted();
    forgetAll(alpha);
    const replaced = 0x020000000bbb as Mac;
    beta.macs = [replaced, BETA_MACS[1]!];
    alpha.hear(0, beta.frame(0));
    expect(alpha.steps).toMatchObject([
      { operation: 'set-neighbor', neighbor: { address: BETA, mac: replaced } },
    ]);
    alpha.answering.set(BETA, BETA_MACS);
    alpha.run(4000, [beta]);
    expect(alpha.path('beta', 0)).toMatchObject({ state: 'down', mac: replaced });
  });

  test('what a peer prefers decides, then the order of planes; the metrics follow', () => {
    const { alpha, beta } = acquainted();
    forgetAll(alpha);
    beta.priorities = [0, 200];
    const { notes } = alpha.hear(0, beta.frame(0));
    expect(notes.map(({ event, fields }) => [event, fields.to, fields.cause])).toEqual([
      ['failover', 'b', 'priority'],
    ]);
    const added = alpha.steps.flatMap((step) =>
      step.operation === 'add-route' ? [[step.route.device, step.route.metric]] : [],
    );
    expect(added).toEqual([
      [3, 100],
      [2, 110],
    ]);
    const lastAddition = alpha.steps.findLastIndex(({ operation }) => operation === 'add-route');
    const firstRemoval = alpha.steps.findIndex(({ operation }) => operation === 'remove-route');
    expect(lastAddition).toBeLessThan(firstRemoval);
    beta.priorities = [0, 0];
    alpha.hear(0, beta.frame(0));
    expect(alpha.core.failover.activeOf(alpha.core.registry.peerNamed('beta')!)?.plane).toBe(0);
  });

  test('several in one event are planned once', () => {
    const { alpha, beta } = acquainted();
    beta.states = ['down', 'up'];
    const frames = [beta.frame(1), beta.frame(1)].map(
      (bytes) => ({ bytes, at: alpha.now, kind: 'broadcast', vlan: false }) as const,
    );
    const { steps } = alpha.handle({ type: 'frames', link: 'eth1', frames });
    expect(steps).toHaveLength(1);
  });
});

describe('which beacons are refused', () => {
  const cases: readonly (readonly [string, (beta: FarSpeaker) => Uint8Array])[] = [
    ['beacon-other-cluster', (beta) => Object.assign(beta, { cluster: 'other' }).frame(0)],
    ['beacon-unknown-key', (beta) => Object.assign(beta, { seal: sealWith(2) }).frame(0)],
    [
      'beacon-bad-tag',
      (beta) => beta.frame(0).map((byte, at, all) => (at === all.length - 1 ? byte ^ 1 : byte)),
    ],
    ['beacon-bad-tag', (beta) => beta.frame(0).map((byte, at) => (at === 25 ? byte + 1 : byte))],
    ['beacon-older-epoch', (beta) => Object.assign(beta, { epoch: 6 }).frame(0)],
    ['beacon-wrong-plane', (beta) => beta.frame(1)],
    ['beacon-sender-mac', (beta) => beta.frame(0, {}, BETA_MACS[1])],
    ['beacon-truncated', (beta) => beta.frame(0).subarray(0, 60)],
    ['beacon-version', (beta) => beta.frame(0).map((byte, at) => (at === 14 ? 2 : byte))],
  ];

  test.each(cases)('%s', (reason, forge) => {
    const { alpha, beta } = acquainted();
    forgetAll(alpha);
    beta.states = ['up', 'down'];
    const before = alpha.count(reason);
    const actions = alpha.hear(0, forge(beta));
    expect(alpha.count(reason)).toBe(before + 1);
    expect([actions.steps, actions.sends, actions.notes]).toEqual([[], [], []]);
    expect(alpha.path('beta', 1).state).toBe('up');
  });

  test('beacon-replayed: the same frame twice, or one that is older', () => {
    const { alpha, beta } = acquainted();
    const older = beta.frame(0, { links: beacons(beta, ['down', 'up']) });
    const frame = beta.frame(0);
    alpha.hear(0, frame);
    alpha.hear(0, frame);
    alpha.hear(0, older);
    expect(alpha.count('beacon-replayed')).toBe(2);
    expect(alpha.path('beta', 0).state).toBe('up');
  });

  test('an urgent one overtakes a steady one, which is no replay then; the newer statement stays', () => {
    const { alpha, beta } = acquainted();
    const steady = beta.frame(1);
    beta.states = ['down', 'up'];
    alpha.hear(1, beta.frame(1, { urgent: true }));
    alpha.hear(1, steady);
    expect(alpha.count('beacon-replayed')).toBe(0);
    expect(alpha.path('beta', 0).state).toBe('down');
  });

  test('a restarted agent is believed, and what its former one says no more', () => {
    const { alpha, beta } = acquainted();
    const former = beta.frame(0);
    Object.assign(beta, { epoch: 8, sequence: 0 });
    alpha.run(2200, [beta]);
    expect(alpha.told('beacons-heard').at(-1)?.fields).toMatchObject({ epoch: 8, restarted: true });
    alpha.hear(0, former);
    expect(alpha.count('beacon-older-epoch')).toBe(1);
  });

  test('a clock that was set back is believed after a long silence; until then ARP keeps the paths', () => {
    const { alpha, beta } = acquainted();
    Object.assign(beta, { epoch: 3, sequence: 0 });
    alpha.run(30_000, [beta]);
    expect([alpha.path('beta', 0).state, alpha.path('beta', 0).hearing.coming]).toEqual(['up', false]);
    alpha.run(2000 + OPTIONS.expire + 1000, [beta]);
    expect([alpha.path('beta', 0).state, alpha.path('beta', 0).hearing.coming]).toEqual(['up', true]);
  });

  test('both keys are accepted while one replaces the other', () => {
    const rolled = new Listener({}, EMPTY, sealWith(2, 1));
    const beta = new FarSpeaker();
    rolled.run(1000, [beta]);
    expect(rolled.path('beta', 0).hearing.mutual).toBe(true);
    expect(rolled.said[0]?.beacon.keyId).toBe(sealWith(2).keyId);
  });
});

const beacons = (beta: FarSpeaker, states: readonly ('up' | 'down')[]) =>
  states.map((state, index) => ({ plane: 'ab'[index]!, priority: 0, state, mac: beta.macs[index]! }));

describe('our own beacons', () => {
  test('heard on another link prove joined planes; on their own link they mean nothing', () => {
    const { alpha } = acquainted();
    const own = new FarSpeaker('alpha', [ALPHA], ALPHA_MACS);
    Object.assign(own, { epoch: EPOCH, sequence: alpha.said.length });
    alpha.hear(0, own.frame(0));
    expect([alpha.count('beacon-own'), alpha.core.planesJoined(alpha.now)]).toEqual([1, false]);
    alpha.hear(1, own.frame(0));
    expect([alpha.count('beacon-own'), alpha.core.planesJoined(alpha.now)]).toEqual([2, true]);
    expect(alpha.told('planes-joined')).toHaveLength(1);
  });

  test('an old recording proves nothing, nor does a forged one', () => {
    const { alpha } = acquainted();
    const own = new FarSpeaker('alpha', [ALPHA], ALPHA_MACS);
    own.epoch = EPOCH;
    alpha.hear(1, own.frame(0));
    Object.assign(own, { seal: sealWith(2), sequence: alpha.said.length });
    alpha.hear(1, own.frame(0));
    expect([alpha.count('beacon-replayed'), alpha.count('beacon-unknown-key')]).toEqual([1, 1]);
    expect(alpha.core.planesJoined(alpha.now)).toBe(false);
  });

  test('another machine under our name is told', () => {
    const { alpha } = acquainted();
    const other = new FarSpeaker('alpha', [DELTA], DELTA_MACS);
    other.epoch = EPOCH + 1;
    alpha.hear(0, other.frame(0));
    alpha.hear(0, other.frame(0));
    expect(alpha.told('host-conflict')).toHaveLength(1);
    expect(alpha.count('beacon-own-name')).toBe(2);
  });
});

describe('hosts that the file doesn’t list', () => {
  const delta = () => {
    const speaker = new FarSpeaker('delta', [DELTA], DELTA_MACS);
    speaker.hears = [ALPHA];
    return speaker;
  };
  function meet(alpha = new Listener(), speaker = delta()): { alpha: Listener; speaker: FarSpeaker } {
    alpha.answering.set(DELTA, DELTA_MACS);
    alpha.run(1000, [new FarSpeaker(), speaker]);
    return { alpha, speaker };
  }

  test('is on the planes that its newest beacon names, whichever is read last', () => {
    const alpha = new Listener();
    const delta = new FarSpeaker('delta', [DELTA], DELTA_MACS);
    const older = delta.frame(1);
    const only = { plane: 'b', priority: 0, state: 'up', mac: DELTA_MACS[1]! } as const;
    alpha.hear(1, delta.frame(1, { urgent: true, links: [only], sentOn: 0 }));
    alpha.hear(1, older);
    expect(alpha.core.registry.paths.get(alpha.core.registry.peerNamed('delta')!)).toHaveLength(1);
    expect(alpha.told('host-changed')).toEqual([]);
    alpha.hear(1, delta.frame(1));
    expect(alpha.core.registry.paths.get(alpha.core.registry.peerNamed('delta')!)).toHaveLength(2);
  });

  test('become peers, with routes and neighbor entries from their first beacon on', () => {
    const alpha = new Listener();
    alpha.answering.set(DELTA, DELTA_MACS);
    forgetAll(alpha);
    const { steps, notes } = alpha.hear(0, delta().frame(0));
    expect(steps.map((step) => step.operation)).toEqual([
      'set-neighbor',
      'set-neighbor',
      'add-route',
      'add-route',
      'add-route',
    ]);
    expect(notes.map(({ event }) => event)).toEqual(['host-discovered', 'beacons-heard']);
    alpha.run(1000, [delta()]);
    expect([alpha.path('delta', 0).state, alpha.path('delta', 1).state]).toEqual(['up', 'up']);
    expect(alpha.core.topology.peers).toHaveLength(1);
  });

  test('fail over like all others', () => {
    const { alpha, speaker } = meet();
    forgetAll(alpha);
    speaker.states = ['down', 'up'];
    alpha.hear(1, speaker.frame(1));
    expect(metrics(alpha, 'remove-route')).toEqual([100]);
  });

  test('go when they were silent for long on all planes, with everything; listed ones never', () => {
    const { alpha, speaker } = meet();
    alpha.silent.add(`eth0 ${DELTA}`).add(`eth1 ${DELTA}`);
    alpha.run(1000 + OPTIONS.expire);
    expect(alpha.core.registry.peerNamed('delta')).toBeDefined();
    forgetAll(alpha);
    alpha.run(1300 + OPTIONS.expire);
    expect(alpha.told('host-forgotten')).toHaveLength(1);
    expect(alpha.core.registry.peerNamed('delta')).toBeUndefined();
    expect(alpha.steps.map(({ operation }) => operation).sort()).toEqual([
      'remove-neighbor',
      'remove-neighbor',
      'remove-route',
      'remove-route',
      'remove-route',
    ]);
    expect(alpha.core.registry.peerNamed('beta')).toBeDefined();
    alpha.run(alpha.now + 100, [speaker]);
    expect(alpha.core.registry.peerNamed('delta')).toBeDefined();
  });

  test('don’t come back by recordings of what they said', () => {
    const { alpha, speaker } = meet();
    const recorded = speaker.frame(0);
    alpha.hear(0, recorded);
    alpha.silent.add(`eth0 ${DELTA}`).add(`eth1 ${DELTA}`);
    alpha.run(1300 + OPTIONS.expire);
    const before = alpha.count('beacon-replayed');
    alpha.hear(0, recorded);
    expect(alpha.count('beacon-replayed')).toBe(before + 1);
    expect(alpha.core.registry.peerNamed('delta')).toBeUndefined();
  });

  test('stay where they are heard by one plane alone', () => {
    const { alpha, speaker } = meet();
    for (let beat = 1050; beat < 1000 + 2 * OPTIONS.expire; beat += 50) {
      alpha.run(beat);
      alpha.hear(1, speaker.frame(1));
    }
    expect(alpha.core.registry.peerNamed('delta')).toBeDefined();
  });

  test('keep their routes over a restart of the agent, and lose them if they don’t come again', () => {
    const { alpha } = meet();
    const table = tableAfter(alpha);
    const again = new Listener({}, table);
    expect(again.steps).toEqual([]);
    again.run(100, [new FarSpeaker()]);
    expect(again.steps).toEqual([]);
    again.hear(0, delta().frame(0));
    expect(again.steps).toEqual([]);
    const without = new Listener({}, table);
    without.run(OPTIONS.expire + 1, [new FarSpeaker()]);
    expect(without.steps.filter(({ operation }) => operation === 'remove-route')).toHaveLength(3);
  });

  test('keep their guard over a restart, though somebody removes it before they come', () => {
    const table = tableAfter(meet().alpha);
    const again = new Listener({}, table);
    const routes = table.routes.filter(
      ({ type, destination }) => type === 'unicast' || destination.address !== DELTA,
    );
    again.handle({ type: 'kernel', table: { ...table, routes } });
    expect(again.steps).toMatchObject([
      { operation: 'add-route', route: { type: 'unreachable', destination: { address: DELTA } } },
    ]);
  });

  test('a path of theirs that the former run had taken out is not trusted', () => {
    const { alpha, speaker } = meet();
    speaker.states = ['down', 'up'];
    alpha.run(1200, [speaker]);
    const again = new Listener({}, tableAfter(alpha));
    again.answering.set(DELTA, DELTA_MACS);
    again.hear(0, delta().frame(0));
    expect(again.path('delta', 0)).toMatchObject({ cause: 'adopted' });
  });

  test('are not taken in where that is switched off', () => {
    const alpha = new Listener({ beacon: { ...OPTIONS, discover: false } });
    alpha.hear(0, delta().frame(0));
    expect([alpha.count('beacon-undiscovered'), alpha.core.registry.paths.size]).toEqual([1, 1]);
  });

  test.each([
    ['ours', ALPHA],
    ['a listed peer’s', BETA],
  ])('are refused, and told, where their alias is %s', (_whose, alias) => {
    const { alpha } = acquainted();
    forgetAll(alpha);
    const thief = new FarSpeaker('delta', [alias], DELTA_MACS);
    alpha.hear(0, thief.frame(0));
    alpha.hear(0, thief.frame(0));
    expect([alpha.count('beacon-alias-taken'), alpha.steps]).toEqual([2, []]);
    expect(alpha.told('beacon-conflict')).toHaveLength(1);
  });

  test('a listed host that claims another alias is not believed', () => {
    const { alpha } = acquainted();
    const liar = new FarSpeaker('beta', [DELTA], BETA_MACS);
    Object.assign(liar, { sequence: 1000, states: ['down', 'down'] });
    alpha.hear(0, liar.frame(0));
    expect([alpha.count('beacon-alias-taken'), alpha.path('beta', 0).state]).toEqual([1, 'up']);
  });

  test('many that appear at once are all taken in', () => {
    const alpha = new Listener();
    const frames = Array.from({ length: 300 }, (_, index) => {
      const macs = [0x020000010000 + index, 0x020000020000 + index] as Mac[];
      const speaker = new FarSpeaker(`host${index}`, [ip(`10.79.${index >> 8}.${index & 255}`)], macs);
      return { bytes: speaker.frame(0), at: 0, kind: 'broadcast', vlan: false } as const;
    });
    alpha.handle({ type: 'frames', link: 'eth0', frames });
    expect(alpha.core.registry.paths.size).toBe(301);
    expect(alpha.core.registry.peerNamed('host299')).toBeDefined();
  });

  test('become listed by a reload without losing what is known', () => {
    const { alpha } = meet();
    forgetAll(alpha);
    const listed = {
      kind: 'agent',
      name: 'delta',
      aliases: [DELTA],
      planes: [0, 1],
      discovered: false,
    } as const;
    const topology = topologyOf({ beacon: OPTIONS });
    alpha.handle({
      type: 'topology',
      topology: { ...topology, peers: [...topology.peers, listed] },
      seal: sealWith(1),
    });
    expect(alpha.steps).toEqual([]);
    expect(alpha.path('delta', 0)).toMatchObject({ state: 'up' });
    expect(alpha.path('delta', 0).hearing.mutual).toBe(true);
  });

  test('all go when a reload switches beacons off, and ARP goes on', () => {
    const { alpha } = meet();
    forgetAll(alpha);
    alpha.handle({ type: 'topology', topology: topologyOf() });
    expect(alpha.core.registry.peerNamed('delta')).toBeUndefined();
    alpha.run(3000);
    expect(alpha.said).toEqual([]);
    expect(alpha.path('beta', 0).state).toBe('up');
    expect(alpha.asked.length).toBeGreaterThan(70);
  });
});

/** The table that a core leaves, as the kernel has it after its steps. */
function tableAfter({ steps }: Listener): KernelTable {
  let routes: KernelTable['routes'] = [];
  let neighbors: KernelTable['neighbors'] = [];
  let aliases: KernelTable['aliases'] = [];
  for (const step of steps) {
    const other = (route: object) => 'route' in step && JSON.stringify(route) !== JSON.stringify(step.route);
    if (step.operation === 'add-route') routes = [...routes, step.route];
    if (step.operation === 'remove-route') routes = routes.filter(other);
    if (step.operation === 'set-neighbor') neighbors = [...neighbors, step.neighbor];
    if (step.operation === 'add-alias') aliases = [...aliases, { address: step.address, ours: true }];
  }
  return { routes, neighbors, aliases };
}
