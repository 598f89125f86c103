import type { StatusReport } from '../control/protocol';
import { formatIpv4, formatMac } from '../wire/address';
import { check, finding } from './check';
import type { Plan, WireFact } from './evidence';
import type { Finding } from './finding';

export const joinedCheck = check('joined planes', ['wire', 'status'], ({ wire, status }) => {
  const pairs = new Set(wire.joined.map(({ sentOn, heardOn }) => [sentOn, heardOn].sort().join(' and ')));
  const mend = 'give each plane a switch, or a VLAN, of its own; look for a cable between the switches';
  const found = [...pairs].map((pair) => {
    const what = 'what is sent on one of them is heard on the other';
    return finding('planes-joined', { severity: 'warning', subject: pair, what }, null, mend);
  });
  if (found.length > 0 || status?.planesJoined !== true) return found;
  const what = 'the agent heard a frame of this host on another link not long ago';
  return [finding('planes-joined', { severity: 'warning', subject: 'planes', what }, null, mend)];
});

export const beaconPlaneCheck = check('planes by beacons', ['wire'], ({ wire, topology }) =>
  wire.links.flatMap((link) => {
    // On joined planes every link hears the beacons of all.
    if (wire.joined.some(({ sentOn, heardOn }) => sentOn === link || heardOn === link)) return [];
    const place = topology.links.find(({ name }) => name === link);
    const own = topology.planes[place?.plane ?? -1];
    const heard = wire.beacons.filter((beacon) => beacon.link === link);
    const strays = heard.filter(({ plane }) => plane !== own);
    if (strays.length === 0) return [];
    const [hosts, planes] = [names(strays.map(({ host }) => host)), names(strays.map(({ plane }) => plane))];
    const what = `it is on plane ${own}, but hears beacons of ${hosts} that were sent on plane ${planes}`;
    const mend =
      strays.length === heard.length
        ? `put its cable into the switch of plane ${own}, or exchange the interfaces in the configuration`
        : `look at the cables of ${hosts}`;
    return [finding('link-wrong-plane', { severity: 'error', subject: link, what }, null, mend)];
  }),
);

export const silenceCheck = check(
  'answers to ARP',
  ['wire', 'status'],
  ({ wire: heard, status, topology }) => {
    const questions = heard.questions.filter(({ link, peer }) => !isDrained(status, link, peer));
    const wire = { ...heard, questions };
    const silent = wire.links.filter((link) => isSilent(wire, link));
    const answering = wire.questions.some(({ mac }) => mac !== undefined);
    const links = silent.map((link) => {
      const asked = wire.questions.filter((question) => question.link === link).length;
      const what = `carrier is there, but of ${asked} ${asked === 1 ? 'peer' : 'peers'} asked by ARP none answers`;
      const mend = answering
        ? `look at the switch port of ${link}: spanning tree (make it an edge port), VLAN, port security`
        : 'no link gets an answer: see whether the peers are switched on, then look at the switch ports and the firewall';
      const severity = answering ? 'error' : 'warning';
      return finding('link-silent', { severity, subject: link, what }, null, mend);
    });
    return [...links, ...silentPaths(wire, topology, silent)];
  },
);

/** Whether a peer has told the agent that its operator has drained its link on the plane of one of ours: then nobody answers there. */
function isDrained(status: StatusReport | null, link: string, peer: string): boolean {
  const paths = status?.peers.find(({ name }) => name === peer)?.paths;
  return paths?.find((path) => path.link === link)?.beacon?.state === 'drained';
}

function isSilent({ questions }: WireFact, link: string): boolean {
  const asked = questions.filter((question) => question.link === link);
  return asked.length > 0 && asked.every(({ mac }) => mac === undefined);
}

/** Peers that answer on one link and not on another that works. */
function silentPaths(wire: WireFact, topology: Plan['topology'], silent: readonly string[]): Finding[] {
  return wire.questions.flatMap(({ link, peer, address, mac }) => {
    if (mac !== undefined || silent.includes(link)) return [];
    const elsewhere = wire.questions.find((one) => one.peer === peer && one.mac !== undefined);
    if (elsewhere === undefined) return [];
    const place = topology.links.find(({ name }) => name === link);
    const plane = topology.planes[place?.plane ?? -1];
    const what = `${peer} (${formatIpv4(address)}) does not answer on plane ${plane}, but by ${elsewhere.link}`;
    const mend = `look at the link of ${peer} on plane ${plane}, and run doctor there`;
    return [finding('path-silent', { severity: 'warning', subject: link, what }, null, mend)];
  });
}

export const duplicateCheck = check('duplicate aliases', ['wire'], ({ wire }) =>
  wire.claims.map(({ link, alias, mac }) => {
    const what = `${formatMac(mac)} on ${link} answers for it as well`;
    const mend = `find the machine with ${formatMac(mac)} and give it an alias of its own (or switch off its proxy ARP)`;
    return finding('alias-duplicate', { severity: 'error', subject: formatIpv4(alias), what }, null, mend);
  }),
);

function names(words: readonly string[]): string {
  return [...new Set(words)].sort().join(', ');
}
