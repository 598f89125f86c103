/** Whether the time-outs of this host fit together: detection, TCP's back-off, and what gives a session up. All times are in ms. */
import type { StatusReport } from '../control/protocol';
import type { Topology } from '../core/topology';
import type { Facts, Plan } from './evidence';
import { KERNEL_RTO_MAX, KERNEL_RTO_MIN, resumesAfter, sessionHorizon, synHorizon } from './tcp-timers';

/** Settings that the alignment is made from, below /proc/sys. */
export const TCP_SETTINGS = [
  'net/ipv4/tcp_retries2',
  'net/ipv4/tcp_syn_retries',
  'net/ipv4/tcp_syn_linear_timeouts',
  'net/ipv4/tcp_rto_max_ms',
  'net/ipv4/tcp_keepalive_time',
  'net/ipv4/tcp_keepalive_intvl',
  'net/ipv4/tcp_keepalive_probes',
] as const;
type TcpSetting = (typeof TCP_SETTINGS)[number];

/** The kernel's own values (Documentation/networking/ip-sysctl); those that older kernels don't have are as if they were these. */
const DEFAULTS: Readonly<Record<TcpSetting, number>> = {
  'net/ipv4/tcp_retries2': 15,
  'net/ipv4/tcp_syn_retries': 6,
  'net/ipv4/tcp_syn_linear_timeouts': 0,
  'net/ipv4/tcp_rto_max_ms': KERNEL_RTO_MAX,
  'net/ipv4/tcp_keepalive_time': 7200,
  'net/ipv4/tcp_keepalive_intvl': 75,
  'net/ipv4/tcp_keepalive_probes': 9,
};

/** What gives a session up. */
export type TimeOutKind = 'session' | 'connect' | 'keepalive' | 'heartbeat';

/** A time-out, and what it must not be below. */
export interface TimeOut {
  readonly kind: TimeOutKind;
  /** of a heartbeat with the application's name */
  readonly name: string;
  /** the settings that make it, as people write them */
  readonly from: string;
  readonly time: number;
  readonly needed: number;
  readonly fits: boolean;
}

export interface Alignment {
  /** how long each kind of failure stays unnoticed at most */
  readonly detection: readonly { readonly name: string; readonly from: string; readonly time: number }[];
  /** the longest of these */
  readonly worst: number;
  /** TCP's first retransmission time on our routes */
  readonly rto: number;
  /** when a session goes on after the longest of these */
  readonly resumes: number;
  /** what every time-out has to be at least */
  readonly needed: number;
  readonly timeOuts: readonly TimeOut[];
}

/** A silence is only half of what an application measures: its own beat, which the failure may just have missed, is the other half. */
const MARGIN = 2;

export function alignmentOf(
  { topology, heartbeats }: Plan,
  settings: Facts['settings'],
  status: StatusReport | null,
): Alignment {
  const roundTrip = roundTripIn(status);
  const detection = detectionOf(topology, roundTrip);
  const worst = Math.max(...detection.map(({ time }) => time));
  const rto = Math.max(topology.route.rtoMin ?? KERNEL_RTO_MIN, roundTrip);
  const resumes = resumesAfter(worst, rto, tcpSetting(settings, 'net/ipv4/tcp_rto_max_ms'));
  const needed = MARGIN * resumes;
  return {
    ...{ detection, worst, rto, resumes, needed },
    timeOuts: timeOutsOf(settings, heartbeats, needed),
  };
}

export function tcpSetting(settings: Facts['settings'], name: TcpSetting): number {
  return settings.get(name) ?? DEFAULTS[name];
}

function timeOutsOf(
  settings: Facts['settings'],
  heartbeats: Plan['heartbeats'],
  needed: number,
): readonly TimeOut[] {
  const value = (name: TcpSetting) => tcpSetting(settings, name);
  const rtoMax = value('net/ipv4/tcp_rto_max_ms');
  const [retries, syn] = [value('net/ipv4/tcp_retries2'), value('net/ipv4/tcp_syn_retries')];
  const linear = value('net/ipv4/tcp_syn_linear_timeouts');
  const [interval, probes] = [value('net/ipv4/tcp_keepalive_intvl'), value('net/ipv4/tcp_keepalive_probes')];
  const timeOut = (kind: TimeOutKind, from: string, time: number, least = needed, name: string = kind) => ({
    ...{ kind, name, from, time, needed: least, fits: time >= least },
  });
  // TCP must not give up before the application would.
  const longest = Math.max(needed, ...heartbeats.values());
  return [
    timeOut('session', `tcp_retries2 ${retries}`, sessionHorizon(retries, rtoMax), longest),
    timeOut('connect', `tcp_syn_retries ${syn}`, synHorizon(syn, linear, rtoMax)),
    timeOut('keepalive', `${probes} × tcp_keepalive_intvl ${interval}s`, probes * interval * 1000),
    ...[...heartbeats].map(([name, time]) =>
      timeOut('heartbeat', 'heartbeat', time, needed, `heartbeat ${name}`),
    ),
  ];
}

/** The longest round trip that the agent has measured; 0 where none runs. */
function roundTripIn(status: StatusReport | null): number {
  const paths = status?.peers.flatMap((peer) => peer.paths) ?? [];
  return Math.max(0, ...paths.flatMap(({ rtt, state }) => (rtt === null || state === 'down' ? [] : [rtt])));
}

/** How long a request waits for its answer at least beyond the round trip: what the timers of both ends add. */
const GRANULARITY = 1;

function detectionOf({ probe, beacon }: Topology, roundTrip: number): Alignment['detection'] {
  const { interval, retry, misses } = probe;
  const wait = roundTrip === 0 ? retry : Math.max(retry, roundTrip + GRANULARITY);
  const measured = wait === retry ? `retry ${wait}ms` : `round trip ${Math.round(wait)}ms`;
  const asked = { name: 'silence, by ARP', from: `interval ${interval}ms + ${misses} × ${measured}` };
  const byArp = { ...asked, time: interval + misses * wait };
  if (beacon === undefined) return [byArp];
  const heard = {
    name: 'silence, by beacons',
    from: `beacon.interval ${beacon.interval}ms + 2 × ${measured}`,
  };
  const unicast = { name: 'unicast alone lost', from: `verify ${beacon.verify}ms + ${misses} × ${measured}` };
  return [
    byArp,
    { ...heard, time: beacon.interval + 2 * wait },
    { ...unicast, time: beacon.verify + misses * wait },
  ];
}

/** A time for people: `80ms`, `1.02s`, `924.6s`. */
export function seconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms * 10) / 10}ms`;
  return `${Number((ms / 1000).toFixed(ms < 10_000 ? 2 : 1))}s`;
}
