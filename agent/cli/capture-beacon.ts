import { formatIpv4, formatMac, type Ipv4 } from '../wire/address';
import { type BeaconFrame, type StatedLink, TAG_LENGTH } from '../wire/beacon';

/** What a beacon says, as `--json` shows it. Nothing of it is authenticated: the tag is shown, not checked. */
export interface BeaconRecord {
  readonly urgent: boolean;
  /** of the key that signed it, eight hexadecimal digits */
  readonly keyId: string;
  /** of the sender's start: ms since 1970, or more */
  readonly epoch: number;
  readonly sequence: number;
  /** between two beacons of the sender on one link, in ms */
  readonly interval: number;
  readonly cluster: string;
  readonly host: string;
  readonly aliases: readonly string[];
  readonly links: readonly (Omit<StatedLink, 'mac'> & { readonly mac: string })[];
  /** the plane on which it was sent */
  readonly sentOn: string;
  /** whom the sender hears on that plane, by their first aliases; of hosts outside the range it says nothing */
  readonly heard: {
    readonly from: string;
    readonly to: string;
    readonly count: number;
    /** first and last address of each run without a gap, ascending */
    readonly runs: readonly (readonly [first: string, last: string])[];
  };
  /** in hexadecimal */
  readonly tag: string;
}

export function beaconRecord(beacon: BeaconFrame): BeaconRecord {
  const { urgent, epoch, sequence, cluster, host, heard, bytes, signed } = beacon;
  return {
    urgent,
    keyId: beacon.keyId.toString(16).padStart(8, '0'),
    epoch,
    sequence,
    interval: beacon.interval / 1000,
    cluster,
    host,
    aliases: beacon.aliases.map(formatIpv4),
    links: beacon.links.map((link) => ({ ...link, mac: formatMac(link.mac) })),
    sentOn: planeOf(beacon),
    heard: {
      from: formatIpv4(heard.from),
      to: formatIpv4(heard.to),
      count: countOf(beacon),
      runs: runsOf(beacon).map(([first, last]) => [formatIpv4(first), formatIpv4(last)]),
    },
    tag: Buffer.from(bytes.subarray(signed, signed + TAG_LENGTH)).toString('hex'),
  };
}

/** The same in a few words; an urgent one names what it withdraws before all else. */
export function beaconMeaning(beacon: BeaconFrame): string {
  const { urgent, sequence, cluster, host, links, heard } = beacon;
  const lost = links.filter(({ state }) => state !== 'up').map(({ plane }) => plane);
  const withdrawal = urgent && lost.length > 0 ? `, withdraws ${lost.join(' and ')}` : '';
  const everybody = heard.from === 0 && heard.to === 0xffffffff;
  const range = everybody ? '' : ` of ${formatIpv4(heard.from)} to ${formatIpv4(heard.to)}`;
  return (
    `${urgent ? 'urgent beacon' : 'beacon'} ${sequence} of ${cluster}/${host} on ${planeOf(beacon)}${withdrawal}: ` +
    `${links.map(linkText).join(', ')}; hears ${countOf(beacon)}${range}`
  );
}

function linkText({ plane, state, priority }: StatedLink): string {
  return priority === 0 ? `${plane} ${state}` : `${plane} ${state} priority ${priority}`;
}

function planeOf({ links, sentOn }: BeaconFrame): string {
  return links[sentOn]!.plane;
}

function runsOf({ heard: { runs } }: BeaconFrame): (readonly [first: Ipv4, last: Ipv4])[] {
  return Array.from({ length: runs.length / 2 }, (_, run) => [runs[2 * run]!, runs[2 * run + 1]!]);
}

function countOf(beacon: BeaconFrame): number {
  return runsOf(beacon).reduce((count, [first, last]) => count + last - first + 1, 0);
}
