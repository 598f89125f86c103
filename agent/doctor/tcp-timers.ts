/** When Linux retransmits, and when it gives up. All times are in ms. */

/** The kernel's least retransmission time where no route sets another (include/net/tcp.h, TCP_RTO_MIN). */
export const KERNEL_RTO_MIN = 200;
/** The retransmission time of a connection that is being opened (RFC 6298, 2.1; TCP_TIMEOUT_INIT). */
const SYN_RTO = 1000;
/** The largest retransmission time where `tcp_rto_max_ms` doesn't set another (TCP_RTO_MAX). */
export const KERNEL_RTO_MAX = 120_000;

/**
 * When a session that lost everything for `outage` ms goes on, after its first lost packet: at the first retransmission after the
 * outage. These come `rtoMin`, twice that, four times that… after it: the first is the tail loss probe (RFC 8985, 7.2), with which the
 * doubling (RFC 6298, 5.5) begins anew. So it is at most twice the outage.
 */
export function resumesAfter(outage: number, rtoMin: number, rtoMax: number = KERNEL_RTO_MAX): number {
  let [at, wait] = [rtoMin, rtoMin];
  while (at < outage) {
    at += wait;
    wait = Math.min(2 * wait, rtoMax);
  }
  return at;
}

/**
 * How long an established session goes on without an answer: it is given up at the first retransmission after this time. The kernel
 * reckons with 200 ms whatever the route says (net/ipv4/tcp_timer.c, retransmits_timed_out).
 */
export function sessionHorizon(retries: number, rtoMax: number = KERNEL_RTO_MAX): number {
  return modelTimeout(retries, KERNEL_RTO_MIN, rtoMax);
}

/**
 * How long connect(2) waits for an answer: `linear` times one second, then twice as long each time, until it was repeated so often, or for
 * as long as the retries alone would take (net/ipv4/tcp_timer.c, tcp_write_timeout, tcp_retransmit_timer).
 */
export function synHorizon(retries: number, linear: number, rtoMax: number = KERNEL_RTO_MAX): number {
  const longest = modelTimeout(retries, SYN_RTO, rtoMax);
  let [total, rto] = [0, Math.min(SYN_RTO, rtoMax)];
  for (let expired = 1; expired <= retries + linear + 1 && total < longest; expired++) {
    total += rto;
    if (expired > linear) rto = Math.min(2 * rto, rtoMax);
  }
  return total;
}

/** The time that so many retries take which begin with `base` (net/ipv4/tcp_timer.c, tcp_model_timeout). */
function modelTimeout(retries: number, base: number, rtoMax: number): number {
  const doublings = Math.max(0, Math.floor(Math.log2(rtoMax / base)));
  if (retries <= doublings) return (2 ** (retries + 1) - 1) * base;
  return (2 ** (doublings + 1) - 1) * base + (retries - doublings) * rtoMax;
}

/** The least number of retries whose horizon is `needed` ms or more, but not less than `least`, and not more than `most`. */
export function retriesFor(
  needed: number,
  least: number,
  most: number,
  horizon: (retries: number) => number,
): number {
  let retries = least;
  while (retries < most && horizon(retries) < needed) retries++;
  return retries;
}
