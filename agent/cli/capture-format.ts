import type { CapturedFrame } from '../../native-bindings/capture';
import { formatIpv4, formatMac } from '../wire/address';
import { type ArpDropReason, type ArpFrame, decodeArp, isAnnouncement } from '../wire/arp';
import { printable } from './text';

/** One captured frame as `--json` shows it. */
export type CaptureRecord =
  | {
      /** ISO 8601, UTC */
      readonly time: string;
      readonly link: string;
      /** in bytes */
      readonly length: number;
      readonly destination: string;
      readonly source: string;
      readonly operation: 'request' | 'reply';
      /** whether it announces its sender's own address (gratuitous ARP) */
      readonly announcement: boolean;
      readonly senderMac: string;
      readonly senderIp: string;
      readonly targetMac: string;
      readonly targetIp: string;
    }
  | {
      readonly time: string;
      readonly link: string;
      readonly length: number;
      /** why an agent ignores it */
      readonly dropped: ArpDropReason;
      /** in hexadecimal */
      readonly bytes: string;
    };

export function recordOf({ at, interface: link, length, bytes }: CapturedFrame): CaptureRecord {
  const frame = decodeArp(bytes);
  if (typeof frame === 'string')
    return { time: at, link, length, dropped: frame, bytes: Buffer.from(bytes).toString('hex') };
  return {
    time: at,
    link,
    length,
    destination: formatMac(frame.destination),
    source: formatMac(frame.source),
    operation: frame.operation,
    announcement: isAnnouncement(frame),
    senderMac: formatMac(frame.senderMac),
    senderIp: formatIpv4(frame.senderIp),
    targetMac: formatMac(frame.targetMac),
    targetIp: formatIpv4(frame.targetIp),
  };
}

/** One frame in a line much like tcpdump's: time of day (UTC), link, addresses, what it says. */
export function formatFrame(captured: CapturedFrame): string {
  const frame = decodeArp(captured.bytes);
  const start = `${captured.at.slice(11, 23)} ${printable(captured.interface)}`;
  if (typeof frame === 'string') {
    const hex = Buffer.from(captured.bytes.subarray(0, 42)).toString('hex');
    return `${start} dropped (${frame}), length ${captured.length}: ${hex}`;
  }
  return `${start} ${formatMac(frame.source)} > ${formatMac(frame.destination)}, ${meaning(frame)}, length ${captured.length}`;
}

function meaning(frame: ArpFrame): string {
  const sender = formatIpv4(frame.senderIp);
  const target = formatIpv4(frame.targetIp);
  if (isAnnouncement(frame))
    return `announcement ${sender} is-at ${formatMac(frame.senderMac)} (${frame.operation})`;
  if (frame.operation === 'reply') return `reply ${sender} is-at ${formatMac(frame.senderMac)}`;
  return frame.senderIp === 0 ? `probe who-has ${target}` : `request who-has ${target} tell ${sender}`;
}
