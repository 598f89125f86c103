import { createSecretKey } from 'node:crypto';
import { Core } from '../../agent/core/core';
import type { Actions, CoreEvent, Note, Send } from '../../agent/core/event';
import type { Path } from '../../agent/core/path';
import type { KernelStep, KernelTable } from '../../agent/core/routing';
import type { Seal } from '../../agent/core/seal';
import type { BeaconOptions, Topology } from '../../agent/core/topology';
import { sealOf } from '../../agent/seal';
import { BROADCAST_MAC, type Ipv4, type Mac } from '../../agent/wire/address';
import { type ArpFrame, arpReply, decodeArp, encodeArp } from '../../agent/wire/arp';
import {
  type Beacon,
  type BeaconFrame,
  decodeBeacon,
  encodeBeacon,
  heardFrom,
} from '../../agent/wire/beacon';
import { ETHERNET_HEADER, readUint16 } from '../../agent/wire/ethernet';
import { ALPHA, BETA, BETA_MACS, bothLinks, EMPTY, ip, topologyOf } from './core-fixtures';

export const ETHERTYPE = 0x88b5;
export const OPTIONS: BeaconOptions = {
  interval: 50,
  etherType: ETHERTYPE,
  verify: 1000,
  discover: true,
  expire: 60_000,
};
export const EPOCH = 1_000_000;

export function sealWith(...bytes: readonly number[]): Seal {
  return sealOf(bytes.map((byte) => createSecretKey(Buffer.alloc(32, byte))));
}

export const SEAL = sealWith(1);
export const DELTA = ip('10.78.0.4');
export const DELTA_MACS = [0x02000000000d, 0x02000000010d] as Mac[];
const PLANES = ['a', 'b'];

/** A host that sends beacons, by default beta, which hears alpha. */
export class FarSpeaker {
  sequence = 0;
  epoch = 7;
  seal = SEAL;
  cluster = 'demo';
  hears: readonly Ipv4[] = [ALPHA];
  states: readonly ('up' | 'down' | 'drained')[] = ['up', 'up'];
  priorities: readonly number[] = [0, 0];
  interval = 50_000;

  constructor(
    readonly host = 'beta',
    readonly aliases: readonly Ipv4[] = [BETA],
    public macs: readonly Mac[] = BETA_MACS,
  ) {}

  /** The next beacon that it sends on a plane. */
  frame(plane: number, changes: Partial<Beacon> = {}, source = this.macs[plane]!): Uint8Array {
    this.sequence += 1;
    const unsigned = encodeBeacon(
      {
        urgent: false,
        keyId: this.seal.keyId,
        epoch: this.epoch,
        sequence: this.sequence,
        interval: this.interval,
        cluster: this.cluster,
        host: this.host,
        aliases: this.aliases,
        links: PLANES.map((name, index) => ({
          plane: name,
          priority: this.priorities[index]!,
          state: this.states[index]!,
          mac: this.macs[index]!,
        })),
        sentOn: plane,
        heard: heardFrom(this.hears),
        ...changes,
      },
      source,
      ETHERTYPE,
    );
    this.seal.sign(unsigned.bytes, ETHERNET_HEADER, unsigned.signed);
    return unsigned.bytes;
  }
}

/** Alpha's core with beacons, whose peers answer ARP unless their link is silent. */
export class Listener {
  readonly core: Core;
  now = 0;
  /** `LINK ADDRESS` of those that don't answer */
  readonly silent = new Set<string>();
  /** who answers for an address, by plane; a host that the file doesn't list is added by the test */
  readonly answering = new Map<Ipv4, readonly Mac[]>([[BETA, BETA_MACS]]);
  readonly notes: Note[] = [];
  readonly steps: KernelStep[] = [];
  /** ARP requests and beacons that were sent, with their times */
  readonly asked: { readonly at: number; readonly link: string; readonly frame: ArpFrame }[] = [];
  readonly said: { readonly at: number; readonly link: string; readonly beacon: BeaconFrame }[] = [];

  constructor(
    changes: Partial<Topology> = {},
    table: KernelTable = EMPTY,
    private readonly seal: Seal | undefined = SEAL,
  ) {
    this.core = new Core(topologyOf({ beacon: OPTIONS, ...changes }), 0, EPOCH, this.seal);
    this.carryOut(this.core.start(bothLinks(), table, 0));
  }

  handle(event: CoreEvent): Actions {
    return this.carryOut(this.core.handle(event, this.now));
  }

  /** Hands over a frame that is heard on alpha's link on a plane. */
  hear(plane: number, bytes: Uint8Array): Actions {
    const frame = { bytes, at: this.now, kind: 'broadcast', vlan: false } as const;
    return this.handle({ type: 'frames', link: `eth${plane}`, frames: [frame] });
  }

  /** Lets time pass until `until` ms, in which `speakers` beacon on both planes each 50 ms, at this phase of the beat. */
  run(until: number, speakers: readonly FarSpeaker[] = [], phase = 7): void {
    const isBeat = (at: number) => (at - phase) % 50 === 0;
    for (;;) {
      let beat = Math.ceil((this.now - phase) / 50) * 50 + phase;
      if (beat <= this.now && isBeat(this.now)) beat += 50;
      const next = Math.min(this.core.wakeAt, speakers.length > 0 ? beat : Number.POSITIVE_INFINITY);
      if (next > until) break;
      this.now = Math.max(this.now, next);
      if (speakers.length > 0 && this.now === beat) {
        for (const speaker of speakers) for (const plane of [0, 1]) this.hear(plane, speaker.frame(plane));
      }
      while (this.core.wakeAt <= this.now) this.handle({ type: 'tick' });
    }
    this.now = until;
  }

  path(peer: string, plane: number): Path {
    const found = this.core.registry.paths.get(this.core.registry.peerNamed(peer)!);
    return found!.find((path) => path.plane === plane)!;
  }

  count(name: string): number {
    return this.core.counters.get(name) ?? 0;
  }

  told(event: string): readonly Note[] {
    return this.notes.filter((note) => note.event === event);
  }

  private carryOut(actions: Actions): Actions {
    this.core.sent(this.now, this.now);
    this.steps.push(...actions.steps);
    this.notes.push(...actions.notes);
    const answers = [...actions.hints, ...actions.sends].flatMap((send) => this.answersTo(send));
    for (const { link, bytes } of answers) {
      const frame = { bytes, at: this.now, kind: 'host', vlan: false } as const;
      this.handle({ type: 'frames', link, frames: [frame] });
    }
    return actions;
  }

  private answersTo({ link, frame: bytes }: Send): { link: string; bytes: Uint8Array }[] {
    if (readUint16(bytes, 12) === ETHERTYPE) {
      this.said.push({ at: this.now, link, beacon: decodeBeacon(bytes) as BeaconFrame });
      return [];
    }
    const frame = decodeArp(bytes) as ArpFrame;
    if (frame.senderIp === frame.targetIp) return [];
    this.asked.push({ at: this.now, link, frame });
    const mac = this.answering.get(frame.targetIp)?.[link === 'eth0' ? 0 : 1];
    const reached = mac !== undefined && [mac, BROADCAST_MAC].includes(frame.destination);
    if (!reached || this.silent.has(`${link} ${frame.targetIp}`)) return [];
    return [{ link, bytes: encodeArp(arpReply(frame, mac)) }];
  }
}
