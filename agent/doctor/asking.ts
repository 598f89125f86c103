/** Asks on the wire: RFC 5227 probes, whose sender is 0.0.0.0, so that they claim nothing and change nobody's neighbor table. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PacketSocket, type ReceivedFrame } from '../../native-bindings/packet-socket';
import { SystemError } from '../../native-bindings/system-error';
import type { Topology } from '../core/topology';
import { formatMac, type Ipv4, type Mac, ZERO_IPV4 } from '../wire/address';
import { arpRequest, decodeArp, encodeArp } from '../wire/arp';
import { decodeBeacon } from '../wire/beacon';
import { ETHERTYPE_ARP, readMac, readUint16 } from '../wire/ethernet';
import { type InterfaceFact, Unknown, type WireFact } from './evidence';
import { linksOf } from './settings';

/** Between two rounds of questions, and how many at least and at most, in ms: what stays unanswered is asked again. */
const ROUND = 250;
const LEAST_ROUNDS = 4;
const MOST_ROUNDS = 10;

interface Question {
  readonly link: string;
  readonly peer: string;
  readonly address: Ipv4;
  /** the link's own address in the far end's subnet; some far ends answer to no other */
  readonly sender: Ipv4;
  mac: Mac | undefined;
}

/** @returns what was heard; {@link Unknown} without the permission to send, or where `signal` ends it */
export async function askOnWire(
  topology: Topology,
  interfaces: readonly InterfaceFact[],
  signal: AbortSignal,
): Promise<WireFact | Unknown> {
  const links = linksOf(interfaces, topology.links).filter(
    ({ up, carrier, mac }) => up && carrier && mac !== undefined,
  );
  const listener = new Listener(topology, links);
  try {
    listener.open();
    const least = Math.max(LEAST_ROUNDS, Math.ceil((2 * (topology.beacon?.interval ?? 0)) / ROUND) + 1);
    for (let round = 0; round < Math.max(MOST_ROUNDS, least); round++) {
      if (round >= least && listener.answered) break;
      listener.ask();
      await sleep(ROUND, undefined, { signal });
      listener.read();
    }
    return listener.fact();
  } catch (error) {
    if (error instanceof SystemError) return new Unknown(error.message);
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    listener.close();
  }
}

class Listener {
  private readonly sockets = new Map<string, PacketSocket>();
  private readonly ours: ReadonlyMap<Mac, string>;
  private readonly questions: Question[];
  private readonly joined = new Map<string, WireFact['joined'][number]>();
  private readonly claims = new Map<string, WireFact['claims'][number]>();
  private readonly beacons = new Map<string, WireFact['beacons'][number]>();

  constructor(
    private readonly topology: Topology,
    private readonly links: readonly InterfaceFact[],
  ) {
    this.ours = new Map(links.map(({ mac, name }) => [mac!, name]));
    this.questions = links.flatMap((link) => questionsOn(link, topology));
  }

  open(): void {
    const beacon = this.topology.beacon === undefined ? [] : [this.topology.beacon.etherType];
    // The interface is down or gone meanwhile: then nothing is heard, which the findings tell.
    const handlers = { error: () => undefined };
    for (const { name, ifindex } of this.links) {
      const options = { interface: name, ifindex, etherTypes: [ETHERTYPE_ARP, ...beacon] };
      this.sockets.set(name, PacketSocket.open(options, handlers));
    }
  }

  close(): void {
    for (const socket of this.sockets.values()) socket.close();
  }

  get answered(): boolean {
    return this.questions.every(({ mac }) => mac !== undefined);
  }

  /** Sends what is unanswered, and asks for our own aliases: nobody should answer. */
  ask(): void {
    for (const { name, mac } of this.links) {
      const open = this.questions.filter((question) => question.link === name && question.mac === undefined);
      const frames = [
        ...this.topology.aliases.map((alias) => arpRequest(mac!, ZERO_IPV4, alias)),
        ...open.map(({ sender, address }) => arpRequest(mac!, sender, address)),
      ];
      this.sockets.get(name)?.send(frames.map(encodeArp));
    }
  }

  read(): void {
    for (const [link, socket] of this.sockets)
      for (const frame of socket.receive()) if (!frame.vlan) this.take(link, frame);
  }

  private take(link: string, { bytes }: ReceivedFrame): void {
    const sentOn = this.ours.get(readMac(bytes, 6));
    if (sentOn !== undefined) {
      if (sentOn !== link) this.joined.set(`${sentOn} ${link}`, { sentOn, heardOn: link });
    } else if (readUint16(bytes, 12) === ETHERTYPE_ARP) this.takeArp(link, bytes);
    else this.takeBeacon(link, bytes);
  }

  private takeArp(link: string, bytes: Uint8Array): void {
    const frame = decodeArp(bytes);
    if (typeof frame === 'string') return;
    const { senderIp: address, senderMac: mac } = frame;
    if (this.topology.aliases.includes(address))
      this.claims.set(`${link} ${address} ${formatMac(mac)}`, { link, alias: address, mac });
    if (frame.operation !== 'reply') return;
    for (const question of this.questions)
      if (question.link === link && question.address === address) question.mac ??= mac;
  }

  /** Nobody checks the tag here: what a forged beacon causes is a line that tells an operator to look. */
  private takeBeacon(link: string, bytes: Uint8Array): void {
    const beacon = decodeBeacon(bytes);
    if (typeof beacon === 'string' || beacon.cluster !== this.topology.cluster) return;
    const plane = beacon.links[beacon.sentOn]?.plane;
    if (plane === undefined) return;
    this.beacons.set(`${link} ${beacon.host} ${plane}`, { link, host: beacon.host, plane });
  }

  fact(): WireFact {
    return {
      links: this.links.map(({ name }) => name),
      joined: [...this.joined.values()],
      claims: [...this.claims.values()],
      questions: this.questions.map(({ link, peer, address, mac }) => ({ link, peer, address, mac })),
      beacons: [...this.beacons.values()],
    };
  }
}

/** A question for each peer on the link's plane: for its alias, or a far end's own address there. */
function questionsOn(link: InterfaceFact, { links, peers }: Topology): Question[] {
  const plane = links.find(({ name }) => name === link.name)?.plane ?? -1;
  return peers.flatMap((peer): Question[] => {
    const base = { link: link.name, peer: peer.name, mac: undefined };
    if (peer.kind === 'agent')
      return peer.planes.includes(plane) ? [{ ...base, address: peer.aliases[0]!, sender: ZERO_IPV4 }] : [];
    const address = peer.addresses.get(plane);
    const sender = link.addresses[0]?.address ?? ZERO_IPV4;
    return address === undefined ? [] : [{ ...base, address, sender }];
  });
}
