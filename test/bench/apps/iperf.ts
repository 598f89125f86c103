import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../../deploy/lab/lab';
import { monotonic, waitUntil } from '../../../deploy/lab/wait';
import { Daemon } from '../peers/daemon';
import { FAR, NEAR, PLANES } from '../scene';
import { type Application, missing, type RunningApplication } from './application';
import { longestPause, Transfer } from './transfer';

/** Each card of the sender is a slow one, so that the machine isn't what is measured; what waits at it is sent in 20 ms. */
const RATE_MBIT = 50;
const QUEUE = 125_000;

/** How a card chooses what it sends next. */
type Queueing = 'fair' | 'fifo';

/** A rate that holds nothing up: its class is there for the order alone. */
const ANY = '1gbit';

/** @returns commands of tc(8): one queue for all; or, as in fq_codel, which is Debian's default, what is rare doesn't wait for bulk */
function shape(device: string, queueing: Queueing): string {
  const card = `qdisc replace dev ${device} root handle 1: tbf rate ${RATE_MBIT}mbit burst 16kb limit ${QUEUE}`;
  if (queueing === 'fifo') return card;
  return `${card}
qdisc add dev ${device} parent 1: handle 2: htb default 2
class add dev ${device} parent 2: classid 2:1 htb rate ${ANY} prio 0
class add dev ${device} parent 2: classid 2:2 htb rate ${ANY} prio 1
qdisc add dev ${device} parent 2:2 bfifo limit ${QUEUE}
filter add dev ${device} parent 2: protocol arp u32 match u32 0 0 flowid 2:1`;
}

/** Bytes that arrive within a tenth of a second, at least, where a transfer runs. */
const LITTLE = 50_000;
const PATIENCE = 10_000;
/** Until it runs at its full rate, and has done so for as long as a fault is compared with, in ms. */
const FULL_SPEED = 1500;

async function start(lab: Lab, queueing: Queueing): Promise<RunningApplication> {
  const [near, far] = [lab.host(NEAR), lab.host(FAR)];
  const devices = PLANES.map((plane) => near.link(plane).device);
  for (const device of devices) {
    await near.run('tc', ['-batch', '-'], { input: shape(device, queueing) });
  }
  const server = new Daemon(far, 'iperf3', ['-s', '-B', far.alias, '--forceflush']);
  await server.waitFor(/listening/);
  const target = ['-c', far.alias, '-B', near.alias, '-t', '0', '--forceflush'];
  const client = new Daemon(near, 'iperf3', target);
  const transfer = new Transfer(far);
  const bytesSince = (from: number): number => {
    const arrivals = transfer.arrivals(from);
    return (arrivals.at(-1)?.bytes ?? 0) - (arrivals[0]?.bytes ?? 0);
  };
  const flows = async (timeout: number): Promise<boolean> => {
    const deadline = monotonic() + timeout;
    while (client.running && monotonic() < deadline) {
      const from = monotonic();
      await sleep(100);
      if (bytesSince(from) > LITTLE) return true;
    }
    return false;
  };
  await waitUntil(() => flows(PATIENCE), PATIENCE, 'the transfer of iperf3');
  await sleep(FULL_SPEED);
  return {
    stall: (from) => longestPause(transfer.arrivals(from), from),
    alive: flows,
    losses: () => (client.running && server.running ? [] : ['iperf3 has ended']),
    throughput: (moment, moved) => transfer.around(moment, moved),
    stop: async () => {
      transfer.stop();
      await Promise.all([client.kill(), server.kill()]);
      for (const device of devices) {
        await near.run('tc', ['qdisc', 'delete', 'dev', device, 'root']);
      }
    },
  };
}

function application(name: string, queueing: Queueing, how: string): Application {
  return {
    name,
    title: `iperf3: one TCP stream over cards of ${RATE_MBIT} MBit/s, ${how}`,
    unavailable: () => missing('iperf3', 'iperf3') ?? missing('tc', 'iproute2', '-V'),
    start: (lab) => start(lab, queueing),
  };
}

/** A bulk transfer over cards of a known rate. */
export const IPERF = application('iperf', 'fair', 'where ARP does not wait for bulk');
/** The same where ARP requests and answers wait, and are dropped, behind the bulk. */
export const IPERF_FIFO = application('iperf-fifo', 'fifo', 'one queue for all');
