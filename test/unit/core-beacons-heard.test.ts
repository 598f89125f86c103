import { type Heard, heardFrom, hears } from '../../agent/wire/beacon';
import { FarSpeaker, Listener, OPTIONS, SEAL } from './core-beacon-fixtures';
import { BETA, BETA_MACS, ip, linkState, topologyOf } from './core-fixtures';

/** Alpha and beta, which have heard each other for two seconds. */
function acquainted(): { alpha: Listener; beta: FarSpeaker } {
  const alpha = new Listener();
  const beta = new FarSpeaker();
  alpha.run(2000, [beta]);
  for (const kept of [alpha.notes, alpha.steps, alpha.asked, alpha.said]) kept.length = 0;
  return { alpha, beta };
}

const NOBODY = { heard: heardFrom([]) };
/** What a beacon says that has room for the first addresses alone. */
const ELSEWHERE: Heard = { from: ip('0.0.0.0'), to: ip('9.255.255.255'), runs: [] };

/** Whether alpha's last beacon on a plane names beta. */
const names = (alpha: Listener, plane: number) =>
  hears(alpha.said.filter(({ link }) => link === `eth${plane}`).at(-1)!.beacon.heard, BETA);

/** Beta's beacons come by plane b alone. */
function deafen(alpha: Listener, beta: FarSpeaker, until: number): void {
  for (let beat = alpha.now + 50 - ((alpha.now - 7) % 50); beat < until; beat += 50) {
    alpha.run(beat);
    alpha.hear(1, beta.frame(1));
  }
  alpha.run(until);
}

describe('a peer is left out of those that are heard', () => {
  test('once ARP has judged, which is told by that plane alone; then it comes back with its beacons, or when it answers', () => {
    const { alpha, beta } = acquainted();
    alpha.silent.add(`eth0 ${BETA}`);
    deafen(alpha, beta, 2100);
    expect(alpha.said.filter(({ beacon }) => beacon.urgent)).toMatchObject([{ link: 'eth0' }]);
    expect([names(alpha, 0), names(alpha, 1)]).toEqual([false, true]);
    alpha.silent.clear();
    deafen(alpha, beta, 2300);
    expect([alpha.path('beta', 0).state, names(alpha, 0)]).toEqual(['held', true]);
  });

  test('not while it answers, however long its beacons stay away', () => {
    const { alpha, beta } = acquainted();
    deafen(alpha, beta, 3000);
    alpha.run(6000);
    expect([names(alpha, 0), names(alpha, 1)]).toEqual([true, true]);
  });

  test('not since it has started anew: its beacons have come by one plane before the other', () => {
    const { alpha, beta } = acquainted();
    Object.assign(beta, { epoch: 8, sequence: 0 });
    deafen(alpha, beta, 2200);
    expect([names(alpha, 0), names(alpha, 1)]).toEqual([true, true]);
  });

  test('not because our own link was lost and is back, before it was asked there', () => {
    const { alpha } = acquainted();
    const link = (carrier: boolean) =>
      alpha.handle({ type: 'link', name: 'eth0', state: linkState(0, { carrier }), at: alpha.now });
    link(false);
    alpha.silent.add(`eth0 ${BETA}`);
    link(true);
    expect([alpha.path('beta', 0).state, names(alpha, 0)]).toEqual(['down', true]);
    alpha.run(2200);
    expect([alpha.path('beta', 0).state, names(alpha, 0)]).toEqual(['down', false]);
  });

  test('not for what was judged before our own link was lost and is back', () => {
    const { alpha } = acquainted();
    alpha.silent.add(`eth0 ${BETA}`);
    alpha.run(3000);
    expect(names(alpha, 0)).toBe(false);
    for (const carrier of [false, true])
      alpha.handle({ type: 'link', name: 'eth0', state: linkState(0, { carrier }), at: alpha.now });
    expect([alpha.path('beta', 0).state, names(alpha, 0)]).toEqual(['down', true]);
    alpha.run(3200);
    expect(names(alpha, 0)).toBe(false);
  });

  test('of which the news comes when its beacon is missed, where ARP has judged before', () => {
    const { alpha, beta } = acquainted();
    alpha.silent.add(`eth0 ${BETA}`);
    alpha.hear(0, beta.frame(0, NOBODY));
    alpha.run(2006);
    expect(alpha.path('beta', 0).state).toBe('down');
    deafen(alpha, beta, 2100);
    const told = alpha.said.filter(({ beacon }) => beacon.urgent);
    expect(told.map(({ at, link, beacon }) => [at, link, hears(beacon.heard, BETA)])).toEqual([
      [2055, 'eth0', false],
    ]);
  });
});

test('what ARP has judged before this host stood still is no news: no urgent beacon leaves the peer out', () => {
  const { alpha, beta } = acquainted();
  alpha.silent.add(`eth0 ${BETA}`);
  alpha.hear(0, beta.frame(0, NOBODY));
  alpha.run(2006);
  expect(alpha.path('beta', 0).state).toBe('down');
  alpha.said.length = 0;
  alpha.silent.clear();
  alpha.now = 4000;
  alpha.run(4001);
  const told = alpha.said.filter(({ beacon, link }) => beacon.urgent && link === 'eth0');
  expect(told.map(({ beacon }) => hears(beacon.heard, BETA))).toEqual([undefined]);
});

describe('a peer that has just judged that it hears us no more', () => {
  test('is believed at once: nothing is asked, and the route goes in one step', () => {
    const { alpha, beta } = acquainted();
    const { steps, notes } = alpha.hear(0, beta.frame(0, { urgent: true, ...NOBODY }));
    expect(alpha.asked).toEqual([]);
    expect(steps).toMatchObject([{ operation: 'remove-route', route: { metric: 100 } }]);
    expect(notes.map(({ event, fields }) => [event, fields.cause])).toEqual([
      ['path-down', 'not-heard'],
      ['failover', 'not-heard'],
    ]);
    expect(alpha.path('beta', 1).state).toBe('up');
  });

  test('the path is asked as any that is down, comes back as any, and stays though the peer repeats itself', () => {
    const { alpha, beta } = acquainted();
    beta.hears = [];
    alpha.hear(0, beta.frame(0, { urgent: true }));
    alpha.run(2055, [beta]);
    expect(alpha.asked.find(({ link }) => link === 'eth0')).toMatchObject({ at: 2050 });
    expect(alpha.path('beta', 0).state).toBe('held');
    alpha.run(4000, [beta]);
    expect(alpha.path('beta', 0)).toMatchObject({ state: 'up', cause: 'steady' });
  });

  test('the last path too, and then all routes stay', () => {
    const { alpha, beta } = acquainted();
    beta.hears = [];
    alpha.hear(0, beta.frame(0, { urgent: true }));
    alpha.hear(1, beta.frame(1, { urgent: true }));
    expect([alpha.path('beta', 0).state, alpha.path('beta', 1).state]).toEqual(['down', 'down']);
    expect(alpha.core.registry.paths.get(alpha.core.registry.peerNamed('beta')!)).toHaveLength(2);
    const routes = alpha.steps.map((step) => ('route' in step ? [step.operation, step.route.metric] : []));
    expect(routes).toEqual([
      ['remove-route', 100],
      ['add-route', 100],
    ]);
  });

  test('takes back in the same event what it said: nothing happens', () => {
    const { alpha, beta } = acquainted();
    const frames = [beta.frame(0, { urgent: true, ...NOBODY }), beta.frame(0, { urgent: true })].map(
      (bytes) => ({ bytes, at: alpha.now, kind: 'broadcast', vlan: false }) as const,
    );
    const { steps, notes } = alpha.handle({ type: 'frames', link: 'eth0', frames });
    expect([steps, notes, alpha.asked]).toEqual([[], [], []]);
    expect(alpha.path('beta', 0)).toMatchObject({ state: 'up' });
  });
});

describe('is asked before it is believed', () => {
  const waited = (alpha: Listener, bytes: Uint8Array, ms: number) =>
    alpha.handle({
      type: 'frames',
      link: 'eth0',
      frames: [{ bytes, at: alpha.now - ms, kind: 'broadcast', vlan: false }],
    });
  const cases: readonly (readonly [string, (alpha: Listener, beta: FarSpeaker) => void])[] = [
    ['who says so in a steady beacon', (alpha, beta) => alpha.hear(0, beta.frame(0, NOBODY))],
    [
      'whose beacon waited to be read',
      (alpha, beta) => waited(alpha, beta.frame(0, { urgent: true, ...NOBODY }), 6),
    ],
    [
      'whom our own beacon has not reached in time, since we stood still',
      (alpha, beta) => {
        alpha.run(2049, [beta]);
        alpha.now += 9;
        alpha.handle({ type: 'tick' });
        alpha.hear(0, beta.frame(0, { urgent: true, ...NOBODY }));
      },
    ],
  ];

  test.each(cases)('%s', (_who, say) => {
    const { alpha, beta } = acquainted();
    say(alpha, beta);
    const asked = alpha.asked.filter(({ at }) => at === alpha.now);
    expect(asked).toMatchObject([{ link: 'eth0', frame: { destination: BETA_MACS[0], targetIp: BETA } }]);
    expect(alpha.told('path-down')).toEqual([]);
  });

  test('and is believed where nothing answers', () => {
    const { alpha, beta } = acquainted();
    alpha.silent.add(`eth0 ${BETA}`);
    beta.hears = [];
    alpha.hear(0, beta.frame(0));
    alpha.run(2006);
    expect(alpha.path('beta', 0)).toMatchObject({ state: 'down', cause: 'not-heard' });
  });
});

describe('says nothing about a loss', () => {
  const cases: readonly (readonly [string, (alpha: Listener, beta: FarSpeaker) => void])[] = [
    [
      'a peer that has started anew and has not heard us yet',
      (alpha, beta) => {
        Object.assign(beta, { epoch: 8, sequence: 0 });
        alpha.hear(0, beta.frame(0, { urgent: true, ...NOBODY }));
      },
    ],
    [
      'a beacon that has no room for us',
      (alpha, beta) => {
        alpha.hear(0, beta.frame(0, { urgent: true, heard: ELSEWHERE }));
      },
    ],
    [
      'a steady beacon from before, which an urgent one overtook',
      (alpha, beta) => {
        const older = beta.frame(0, NOBODY);
        alpha.hear(0, beta.frame(0, { urgent: true }));
        alpha.hear(0, older);
      },
    ],
    [
      'a peer that doesn’t know another address of ours yet',
      (alpha, beta) => {
        const topology = topologyOf({ beacon: OPTIONS });
        const aliases = [ip('10.78.0.9'), ...topology.aliases];
        alpha.handle({ type: 'topology', topology: { ...topology, aliases }, seal: SEAL });
        expect(alpha.path('beta', 0).hearing.hearsUs).toBe(true);
        alpha.hear(0, beta.frame(0, { urgent: true }));
        expect(alpha.path('beta', 0).hearing.hearsUs).toBe(false);
      },
    ],
  ];

  test.each(cases)('%s', (_what, say) => {
    const { alpha, beta } = acquainted();
    say(alpha, beta);
    expect([alpha.asked.filter(({ link }) => link === 'eth0'), alpha.told('path-down')]).toEqual([[], []]);
  });

  test('what an overtaken beacon says doesn’t undo the newer one either', () => {
    const { alpha, beta } = acquainted();
    const older = beta.frame(0);
    alpha.hear(0, beta.frame(0, { urgent: true, ...NOBODY }));
    alpha.hear(0, older);
    expect([alpha.path('beta', 0).hearing.hearsUs, alpha.path('beta', 0).state]).toEqual([false, 'down']);
  });
});
