import { alignmentOf } from '../../agent/doctor/alignment';
import { resumesAfter, retriesFor, sessionHorizon, synHorizon } from '../../agent/doctor/tcp-timers';
import { topologyOf } from './core-fixtures';
import { found, PLAN, STATUS, settings } from './doctor-fixtures';

test.each([
  // Documentation/networking/ip-sysctl: tcp_retries2 15 is 924.6 s.
  [15, 120_000, 924_600],
  [9, 120_000, 204_600],
  [10, 120_000, 324_600],
  [0, 120_000, 200],
  [3, 120_000, 3000],
  [15, 1000, 14_400],
])('with %i retries and rto_max %i ms a session is given up after %i ms', (retries, rtoMax, horizon) => {
  expect(sessionHorizon(retries, rtoMax)).toBe(horizon);
});

test.each([
  // Documentation/networking/ip-sysctl: tcp_syn_retries 6 is 131 s with 4 linear ones.
  [6, 4, 120_000, 131_000],
  [6, 0, 120_000, 127_000],
  // Measured: 3.07 s, 7.13 s, 7.15 s and 21.5 s.
  [1, 4, 120_000, 3000],
  [2, 4, 120_000, 7000],
  [6, 4, 1000, 7000],
  [20, 4, 1000, 21_000],
])(
  'connect with %i retries, %i linear ones and rto_max %i ms ends after %i ms',
  (retries, linear, rtoMax, horizon) => {
    expect(synHorizon(retries, linear, rtoMax)).toBe(horizon);
  },
);

test.each([
  [65, 5, 80],
  [65, 200, 200],
  [1015, 5, 1280],
  [5, 5, 5],
])('an outage of %i ms with rto_min %i ms ends for TCP after %i ms', (outage, rtoMin, resumed) => {
  expect(resumesAfter(outage, rtoMin)).toBe(resumed);
});

test('as many retries as are needed, but no fewer than usual', () => {
  expect(retriesFor(1, 15, 255, sessionHorizon)).toBe(15);
  expect(retriesFor(924_601, 15, 255, sessionHorizon)).toBe(16);
  expect(retriesFor(Number.POSITIVE_INFINITY, 15, 255, sessionHorizon)).toBe(255);
});

const erlang = { heartbeats: new Map([['erlang', 60_000]]) };

test('the table has detection, back-off and every time-out with what it needs', () => {
  expect(alignmentOf({ ...PLAN, ...erlang }, settings(), STATUS)).toMatchObject({
    ...{ worst: 65, rto: 5, resumes: 80 },
    detection: [{ name: 'silence, by ARP', time: 65 }],
    timeOuts: [
      { name: 'session', time: 924_600, needed: 60_000, fits: true },
      { name: 'connect', time: 127_000, needed: 160, fits: true },
      { name: 'keepalive', time: 675_000, needed: 160, fits: true },
      { name: 'heartbeat erlang', time: 60_000, needed: 160, fits: true },
    ],
  });
});

test('a measured round trip that is longer than retry counts, but not that of a path that is down', () => {
  const [peer] = STATUS.peers;
  const slow = (state: 'up' | 'down') => ({
    ...STATUS,
    peers: [{ ...peer!, paths: [{ ...peer!.paths[0]!, rtt: 29, state }] }],
  });
  expect(alignmentOf(PLAN, settings(), slow('up'))).toMatchObject({
    worst: 50 + 3 * 30,
    rto: 29,
    resumes: 232,
  });
  expect(alignmentOf(PLAN, settings(), slow('down')).worst).toBe(65);
});

test('with beacons the worst case is the loss of unicast frames alone', () => {
  const beacon = { interval: 50, etherType: 0x88b5, verify: 1000, discover: true, expire: 60_000 };
  const { detection, worst } = alignmentOf({ ...PLAN, topology: topologyOf({ beacon }) }, settings(), null);
  expect(detection.map(({ time }) => time)).toEqual([65, 60, 1015]);
  expect(worst).toBe(1015);
});

test.each([
  [
    'tcp-retries-short',
    'error',
    { 'net/ipv4/tcp_retries2': 0, 'net/ipv4/tcp_rto_max_ms': 1000 },
    120,
    'net.ipv4.tcp_retries2=15',
  ],
  ['tcp-syn-retries-short', 'error', { 'net/ipv4/tcp_syn_retries': 1 }, 2000, 'net.ipv4.tcp_syn_retries=6'],
  [
    'tcp-keepalive-short',
    'warning',
    { 'net/ipv4/tcp_keepalive_intvl': 1, 'net/ipv4/tcp_keepalive_probes': 1 },
    600,
    'net.ipv4.tcp_keepalive_probes=9',
  ],
])('%s', (id, severity, changes, interval, command) => {
  const probe = { ...topologyOf().probe, interval };
  const findings = found({ settings: settings(changes) }, { topology: topologyOf({ probe }) });
  expect(findings).toMatchObject([{ id, severity, command: `sysctl -w ${command}`, fix: [] }]);
});

test('TCP that gives up before an application is a warning; a heartbeat shorter than a failover an error', () => {
  const early = settings({ 'net/ipv4/tcp_retries2': 3 });
  expect(found({ settings: early }, erlang)).toMatchObject([
    {
      id: 'tcp-retries-short',
      severity: 'warning',
      what: 'tcp_retries2 3 gives up after 3s; an application waits 60s',
    },
  ]);
  expect(found({}, { heartbeats: new Map([['corosync', 159]]) })).toMatchObject([
    { id: 'heartbeat-short', subject: 'heartbeat corosync', severity: 'error', command: null },
  ]);
  expect(found({}, { heartbeats: new Map([['corosync', 160]]) })).toEqual([]);
});
