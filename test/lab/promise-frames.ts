import { join } from 'node:path';
import { type LabHost, ROOT } from '../../deploy/lab/host';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** An ARP packet and the Ethernet header around it; every field can be wrong. */
export interface ArpText {
  readonly destination?: string;
  /** of the Ethernet header; default `senderMac` */
  readonly source?: string;
  readonly hardwareType?: number;
  readonly protocolType?: number;
  readonly hardwareLength?: number;
  readonly protocolLength?: number;
  /** 1 request, 2 reply */
  readonly operation?: number;
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetMac?: string;
  readonly targetIp: string;
}

function uint16(value: number): number[] {
  return [value >>> 8, value & 0xff];
}

function mac(text: string): number[] {
  return text.split(':').map((octet) => Number.parseInt(octet, 16));
}

function ipv4(text: string): number[] {
  return text.split('.').map(Number);
}

/** The frame, padded to the shortest that a card sends. */
export function arp(fields: ArpText): Uint8Array {
  const packet = [
    ...mac(fields.destination ?? BROADCAST),
    ...mac(fields.source ?? fields.senderMac),
    ...uint16(0x0806),
    ...uint16(fields.hardwareType ?? 1),
    ...uint16(fields.protocolType ?? 0x0800),
    fields.hardwareLength ?? 6,
    fields.protocolLength ?? 4,
    ...uint16(fields.operation ?? 1),
    ...mac(fields.senderMac),
    ...ipv4(fields.senderIp),
    ...mac(fields.targetMac ?? '00:00:00:00:00:00'),
    ...ipv4(fields.targetIp),
  ];
  const bytes = new Uint8Array(60);
  bytes.set(packet);
  return bytes;
}

/** The same with an 802.1Q tag. */
export function tagged(frame: Uint8Array, vlan: number): Uint8Array {
  return Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, ...uint16(vlan), ...frame.subarray(12)]);
}

/**
 * Sends frames from a host, once, or again and again for some ms as fast as it can.
 *
 * @param rate frames a second, where it is not to be as fast as it can
 * @returns how many went
 */
export async function sendFrames(
  host: LabHost,
  device: string,
  frames: readonly Uint8Array[],
  ms = 0,
  rate?: number,
): Promise<number> {
  const script = join(ROOT, 'dist', 'test', 'lab', 'frame-sender.js');
  const input = frames.map((frame) => `${Buffer.from(frame).toString('hex')}\n`).join('');
  const { stdout } = await host.run(
    process.execPath,
    [script, device, `${ms}`, ...(rate === undefined ? [] : [`${rate}`])],
    { input },
  );
  return Number(stdout);
}
