import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../../deploy/lab/lab';
import { monotonic, waitUntil } from '../../../deploy/lab/wait';
import { Daemon } from '../peers/daemon';
import { FAR, NEAR, PLANES } from '../scene';
import { type Application, missing, type RunningApplication } from './application';
import { longestPause, Transfer } from './transfer';

/** Each card of the sender is a slow one, so that the machine isn't what is measured. */
const RATE_MBIT = 50;
const SHAPE = ['tbf', 'rate', `${RATE_MBIT}mbit`, 'burst', '16kb', 'latency', '20ms'] as const;
/** Bytes that arrive within a tenth of a second, at least, where a transfer runs. */
const LITTLE = 50_000;
const PATIENCE = 10_000;

async function start(lab: Lab): Promise<RunningApplication> {
  const [near, far] = [lab.host(NEAR), lab.host(FAR)];
  for (const { device } of PLANES.map((plane) => near.link(plane))) {
    await near.run('tc', ['qdisc', 'replace', 'dev', device, 'root', ...SHAPE]);
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
  return {
    stall: (from) => longestPause(transfer.arrivals(from), from),
    alive: flows,
    losses: () => (client.running && server.running ? [] : ['iperf3 has ended']),
    throughput: (moment) => transfer.around(moment),
    stop: async () => {
      transfer.stop();
      await Promise.all([client.kill(), server.kill()]);
      for (const { device } of PLANES.map((plane) => near.link(plane))) {
        await near.run('tc', ['qdisc', 'delete', 'dev', device, 'root']);
      }
    },
  };
}

/** A bulk transfer over cards of a known rate. */
export const IPERF: Application = {
  name: 'iperf',
  title: `iperf3: one TCP stream over cards of ${RATE_MBIT} MBit/s (tbf)`,
  unavailable: () => missing('iperf3', 'iperf3') ?? missing('tc', 'iproute2', '-V'),
  start,
};
