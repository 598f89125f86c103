/** Whether the time-outs of this host fit together: detection, TCP's back-off, and what gives a session up. All times are in ms. */
import type { StatusReport } from '../control/protocol';
import type { Topology } from '../core/topology';
import { check, finding, settingFinding } from './check';
import type { Facts, Plan } from './evidence';
import type { Finding } from './finding';
import {
  KERNEL_RTO_MAX,
  KERNEL_RTO_MIN,
  resumesAfter,
  retriesFor,
  sessionHorizon,
  synHorizon,
} from './tcp-timers';

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

/** A time-out that gives a session up, and what it must not be below. */
export interface TimeOut {
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
  /** TCP's least retransmission time on our routes */
  readonly rtoMin: number;
  /** when a session goes on after the longest of these */
  readonly resumes: number;
  readonly timeOuts: readonly TimeOut[];
}

/** A silence is only half of what an application measures: its own beat, which the failure may just have missed, is the other half. */
const MARGIN = 2;

export function alignmentOf(
  { topology, heartbeats }: Plan,
  settings: Facts['settings'],
  status: StatusReport | null,
): Alignment {
  const value = (name: TcpSetting) => settings.get(name) ?? DEFAULTS[name];
  const rtoMax = value('net/ipv4/tcp_rto_max_ms');
  const detection = detectionOf(topology, roundTripIn(status));
  const worst = Math.max(...detection.map(({ time }) => time));
  const rtoMin = topology.route.rtoMin ?? KERNEL_RTO_MIN;
  const resumes = resumesAfter(worst, rtoMin, rtoMax);
  const needed = MARGIN * resumes;
  const longest = Math.max(0, ...heartbeats.values());
  const timeOut = (name: string, from: string, time: number, least: number): TimeOut => ({
    ...{ name, from, time, needed: least, fits: time >= least },
  });
  const [retries, syn] = [value('net/ipv4/tcp_retries2'), value('net/ipv4/tcp_syn_retries')];
  const linear = value('net/ipv4/tcp_syn_linear_timeouts');
  const [interval, probes] = [value('net/ipv4/tcp_keepalive_intvl'), value('net/ipv4/tcp_keepalive_probes')];
  return {
    ...{ detection, worst, rtoMin, resumes },
    timeOuts: [
      // TCP must not give up before the application would.
      timeOut(
        'session',
        `tcp_retries2 ${retries}`,
        sessionHorizon(retries, rtoMax),
        Math.max(needed, longest),
      ),
      timeOut('connect', `tcp_syn_retries ${syn}`, synHorizon(syn, linear, rtoMax), needed),
      timeOut('keepalive', `${probes} × tcp_keepalive_intvl ${interval}s`, probes * interval * 1000, needed),
      ...[...heartbeats].map(([name, time]) => timeOut(`heartbeat ${name}`, 'heartbeat', time, needed)),
    ],
  };
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

const RETRIES = 'net/ipv4/tcp_retries2';
const SYN_RETRIES = 'net/ipv4/tcp_syn_retries';
const KEEPALIVE_PROBES = 'net/ipv4/tcp_keepalive_probes';

export const alignmentCheck = check('time-outs', ['settings', 'status'], ({ settings, status, ...plan }) => {
  const { timeOuts, worst, resumes } = alignmentOf(plan, settings, status);
  const rtoMax = settings.get('net/ipv4/tcp_rto_max_ms') ?? KERNEL_RTO_MAX;
  return timeOuts.flatMap((timeOut): Finding[] => {
    const { name, from, time, needed, fits } = timeOut;
    if (fits) return [];
    const reason =
      needed > MARGIN * resumes
        ? `an application waits ${seconds(needed)}`
        : `a failover may take ${seconds(resumes)} (found after ${seconds(worst)}, then TCP's back-off), so ${seconds(needed)} is needed`;
    const what = `${from} gives up after ${seconds(time)}; ${reason}`;
    const severity = time < MARGIN * resumes ? 'error' : 'warning';
    const about = (subject: string) => ({ severity, subject, what }) as const;
    const setting = (path: string, value: number) => [{ path, value }];
    if (name === 'session') {
      const retries = retriesFor(needed, 15, (count) => sessionHorizon(count, rtoMax));
      return [settingFinding('tcp-retries-short', about('tcp_retries2'), setting(RETRIES, retries), false)];
    }
    if (name === 'connect') {
      const linear = settings.get('net/ipv4/tcp_syn_linear_timeouts') ?? 0;
      const retries = retriesFor(needed, 6, (count) => synHorizon(count, linear, rtoMax));
      return [
        settingFinding(
          'tcp-syn-retries-short',
          about('tcp_syn_retries'),
          setting(SYN_RETRIES, retries),
          false,
        ),
      ];
    }
    if (name === 'keepalive') {
      const interval = (settings.get('net/ipv4/tcp_keepalive_intvl') ?? 75) * 1000;
      const probes = Math.max(9, Math.ceil(needed / interval));
      const particulars = { ...about('tcp_keepalive_probes'), severity: 'warning' } as const;
      return [settingFinding('tcp-keepalive-short', particulars, setting(KEEPALIVE_PROBES, probes), false)];
    }
    const short = `${name} takes a peer for dead after ${seconds(time)}; a failover may take ${seconds(resumes)}, so ${seconds(needed)} is needed`;
    const mend = `give the application ${seconds(needed)} or more, or find failures sooner (probe.interval, probe.retry, beacon.verify)`;
    return [finding('heartbeat-short', { severity: 'error', subject: name, what: short }, null, mend)];
  });
});

/** A time for people: `80ms`, `1.02s`, `924.6s`. */
export function seconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms * 10) / 10}ms`;
  return `${Number((ms / 1000).toFixed(ms < 10_000 ? 2 : 1))}s`;
}
