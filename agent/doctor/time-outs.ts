import { type Alignment, alignmentOf, seconds, type TimeOut, tcpSetting } from './alignment';
import { check, finding, settingFinding } from './check';
import type { Facts } from './evidence';
import type { Finding } from './finding';
import { retriesFor, sessionHorizon, synHorizon } from './tcp-timers';

export const timeOutCheck = check('time-outs', ['settings', 'status'], ({ settings, status, ...plan }) => {
  const alignment = alignmentOf(plan, settings, status);
  const short = alignment.timeOuts.filter(({ fits }) => !fits);
  return short.map((timeOut) =>
    timeOut.kind === 'heartbeat'
      ? shortHeartbeat(timeOut, alignment)
      : shortSetting(timeOut, alignment, settings),
  );
});

function shortHeartbeat({ name, time, needed }: TimeOut, { resumes }: Alignment): Finding {
  const what = `${name} takes a peer for dead after ${seconds(time)}; a failover may take ${seconds(resumes)}, so ${seconds(needed)} is needed`;
  const mend = `give the application ${seconds(needed)} or more, or find failures sooner (probe.interval, probe.retry, beacon.verify)`;
  return finding('heartbeat-short', { severity: 'error', subject: name, what }, null, mend);
}

const IDS = {
  session: 'tcp-retries-short',
  connect: 'tcp-syn-retries-short',
  keepalive: 'tcp-keepalive-short',
} as const;
/** What is set to make each of them longer: below /proc/sys/net/ipv4. */
const SETTINGS = {
  session: 'tcp_retries2',
  connect: 'tcp_syn_retries',
  keepalive: 'tcp_keepalive_probes',
} as const;

function shortSetting(timeOut: TimeOut, alignment: Alignment, settings: Facts['settings']): Finding {
  const { from, time, needed } = timeOut;
  const kind = timeOut.kind as keyof typeof IDS;
  const { worst, resumes } = alignment;
  // Keepalive is asked for by few programs, and TCP that outlives the failover is only shorter than the application wishes.
  const severity = kind === 'keepalive' || time >= alignment.needed ? 'warning' : 'error';
  const reason =
    needed > alignment.needed
      ? `an application waits ${seconds(needed)}`
      : `a failover may take ${seconds(resumes)} (found after ${seconds(worst)}, then TCP's back-off), so ${seconds(needed)} is needed`;
  const what = `${from} gives up after ${seconds(time)}; ${reason}`;
  const change = { path: `net/ipv4/${SETTINGS[kind]}`, value: countFor(kind, needed, settings) };
  return settingFinding(IDS[kind], { severity, subject: SETTINGS[kind], what }, [change], false);
}

/** The kernel's limits (net/ipv4/sysctl_net_ipv4.c, MAX_TCP_SYNCNT, MAX_TCP_KEEPCNT; tcp_retries2 is a byte). */
const MOST = { session: 255, connect: 127, keepalive: 127 } as const;
/** The kernel's own values, below which nothing is proposed. */
const USUAL = { session: 15, connect: 6, keepalive: 9 } as const;

/** How often to try, so that it takes `needed` ms. */
function countFor(kind: keyof typeof IDS, needed: number, settings: Facts['settings']): number {
  const rtoMax = tcpSetting(settings, 'net/ipv4/tcp_rto_max_ms');
  const linear = tcpSetting(settings, 'net/ipv4/tcp_syn_linear_timeouts');
  const interval = tcpSetting(settings, 'net/ipv4/tcp_keepalive_intvl') * 1000;
  const horizons = {
    session: (count: number) => sessionHorizon(count, rtoMax),
    connect: (count: number) => synHorizon(count, linear, rtoMax),
    keepalive: (count: number) => count * interval,
  };
  return retriesFor(needed, USUAL[kind], MOST[kind], horizons[kind]);
}
