import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatIpv4, formatMac } from '../../agent/wire/address';
import type { LabHost } from '../../deploy/lab/host';
import { SANDBOX_FILES } from '../../deploy/lab/sandbox';
import type { CapturedFrame } from '../../native-bindings/capture';
import type { Witness } from './daemon-tools';
import { pcap } from './pcap';

/** How a request asks: everybody, the owner alone, or as a probe of RFC 5227 without a sender's address. */
export type Form = 'broadcast' | 'unicast' | 'probe';

/** Requests that one run of arping sends. */
export const REQUESTS = 2;

/**
 * Asks by arping(8), an ARP client that has nothing in common with the agent.
 *
 * @param mac of the owner, for unicast requests
 * @param source the sender's address, where it is not the asker's own
 * @returns how many answers it took for right
 */
export async function arping(
  asker: LabHost,
  plane: string,
  address: string,
  form: Form = 'broadcast',
  { mac = '', source }: { mac?: string; source?: string } = {},
): Promise<number> {
  const { device } = asker.link(plane);
  const how = { broadcast: [], unicast: ['-t', mac], probe: ['-0'] }[form];
  const from = source === undefined ? [] : ['-S', source];
  const args = ['-i', device, '-c', `${REQUESTS}`, '-W', '0.25', ...how, ...from, address];
  const { stdout } = await asker.run('arping', args, { check: false });
  const received = /(\d+) packets received/.exec(stdout)?.[1];
  if (received === undefined) throw new Error(`arping ${args.join(' ')}: ${stdout}`);
  return Number(received);
}

/** What passed between an asker and the owner of an address: requests, and the hardware addresses that answered them. */
export function exchange(witness: Witness, asker: string, address: string): { asked: number; by: string[] } {
  const arp = witness.arp();
  const asked = arp.filter(
    (frame) =>
      frame.operation === 'request' &&
      formatMac(frame.senderMac) === asker &&
      formatIpv4(frame.targetIp) === address,
  );
  const answers = arp.filter(
    (frame) =>
      frame.operation === 'reply' &&
      formatMac(frame.targetMac) === asker &&
      formatMac(frame.destination) === asker &&
      formatIpv4(frame.senderIp) === address,
  );
  for (const { source, senderMac } of answers)
    if (source !== senderMac)
      throw new Error(`the frame of ${formatMac(source)} says ${formatMac(senderMac)}`);
  return { asked: asked.length, by: answers.map(({ senderMac }) => formatMac(senderMac)) };
}

/** What tshark has to say of one frame. */
export interface Decoded {
  /** 1 for a request, 2 for a reply; empty where it is no ARP */
  readonly operation: string;
  /** complaints: malformed, a duplicate address, whatever expert information there is */
  readonly complaints: string;
}

/** Has tshark decode captured frames. */
export async function decodeByTshark(host: LabHost, frames: readonly CapturedFrame[]): Promise<Decoded[]> {
  const directory = mkdtempSync(join(SANDBOX_FILES, 'pcap-'));
  try {
    const file = join(directory, 'arp.pcap');
    writeFileSync(file, pcap(frames));
    const fields = ['arp.opcode', '_ws.malformed', '_ws.expert', 'arp.duplicate-address-detected'];
    const { stdout } = await host.run('tshark', [
      ...['-n', '-r', file, '-T', 'fields', '-E', 'separator=;'],
      ...fields.flatMap((field) => ['-e', field]),
    ]);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [operation = '', ...complaints] = line.split(';');
        return { operation, complaints: complaints.join('') };
      });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
