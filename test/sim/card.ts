import type { FrameKind, LinkState } from '../../agent/core/event';
import type { SettingName } from '../../agent/core/settings';
import { BROADCAST_MAC, type Ipv4, type Mac } from '../../agent/wire/address';
import { arpReply, decodeArp, encodeArp } from '../../agent/wire/arp';
import { readMac } from '../../agent/wire/ethernet';
import type { Clock } from './clock';
import type { Kernel } from './kernel';
import type { Backplane, Card, Port, Wire } from './wire';

/** From a request to the kernel's own answer, in ms. */
const ANSWER_DELAY = 0.015;

/** Between the numbers of a card and of its successor. */
const IFINDEX_STEP = 100;

/** 10.77.0.0 */
const FIRST_ADDRESS = 0x0a4d0000;

/** What a card of a host was found with, before the agent changed anything. */
export interface InitialSettings {
  readonly rpFilter: number;
  readonly arpIgnore: number;
  /** whether each card has an IPv4 address of its own */
  readonly addressed: boolean;
}

/** A request for one of a host's aliases, as it arrived at the host's kernel. */
export interface Question {
  /** of the frame */
  readonly serial: number;
  readonly link: string;
  readonly requester: Mac;
  /** the kernel will answer it; else it is for the agent */
  readonly byKernel: boolean;
}

/** Who follows what is on the wire. */
export interface WireWitness {
  agentStarted(host: string): void;
  /** The agent of a host has taken another file. */
  reloaded(host: string): void;
  /** An agent has started, and taken over what the kernel holds. */
  agentAdopted(host: string): void;
  /** A frame arrives at a card of a host whose kernel runs. */
  arrived(host: string, link: KernelLink, bytes: Uint8Array): void;
  asked(host: string, question: Question): void;
  /** this host sent a frame, whether or not it left the card */
  sent(host: string, bytes: Uint8Array): void;
  /** nobody will answer what was left to this host's agent */
  agentEnded(host: string): void;
}

/** One network card and the kernel's side of it. */
export class KernelLink implements Card {
  readonly port: Port;
  /** it is plugged into the machine */
  present = true;
  /** its kernel runs */
  powered = true;
  /** when its state, its address or its carrier last changed, on the clock of the world */
  changedAt = 0;
  /** when it was last found as the system sets it up: at the boot, or as a new card */
  appearedAt = 0;
  settings;
  /** administratively up */
  private enabled = true;

  constructor(
    readonly name: string,
    public ifindex: number,
    public mac: Mac,
    backplane: Backplane,
    private readonly initial: InitialSettings,
    private readonly kernel: Kernel,
    private readonly host: string,
    private readonly world: {
      readonly clock: Clock;
      readonly wire: Wire;
      readonly witness: WireWitness;
      /** ms between the clock of the world and the monotonic clock of this host */
      readonly origin: number;
    },
  ) {
    this.settings = settingsOf(initial);
    this.port = backplane.plug(this);
  }

  /** Whether it is there and administratively up. */
  get up(): boolean {
    return this.present && this.enabled;
  }

  get carrier(): boolean {
    return this.port.carrier;
  }

  /** As the kernel reports it; undefined where there is no such interface. */
  get state(): LinkState | undefined {
    if (!this.present) return undefined;
    const { ifindex, mac, up, carrier } = this;
    const own = { address: (FIRST_ADDRESS + (ifindex % IFINDEX_STEP)) as Ipv4, length: 16 };
    return { ifindex, mac, up, carrier: up && carrier, addresses: this.initial.addressed ? [own] : [] };
  }

  resetSettings(): void {
    this.settings = settingsOf(this.initial);
    this.appearedAt = this.world.clock.now;
  }

  change(setting: SettingName, value: number): void {
    if (setting === 'arp_ignore') this.settings.arpIgnore = value;
    else if (setting === 'rp_filter') this.settings.rpFilter = value;
    else this.settings.ignoreRoutesWithLinkdown = value;
  }

  /** Gives `arp_ignore` back. */
  restore(): void {
    this.settings.arpIgnore = this.settings.arpIgnoreBefore;
  }

  setUp(up: boolean): void {
    if (this.enabled === up) return;
    this.kernel.changing();
    if (!up) this.kernel.flush(this, 'everything');
    this.enabled = up;
    this.tell();
  }

  /** It is taken out of the machine: everything that is tied to it goes along. */
  remove(): void {
    if (!this.present) return;
    this.kernel.flush(this, 'everything');
    this.present = false;
    this.tell();
  }

  /** A card is there again under the same name: with another number, and with what the system sets on a new one. */
  insert(mac: Mac): void {
    if (this.present) return;
    this.kernel.changing();
    this.present = true;
    this.ifindex += IFINDEX_STEP;
    this.mac = mac;
    this.resetSettings();
    this.tell();
  }

  setMac(mac: Mac): void {
    this.kernel.flush(this, 'neighbors');
    this.mac = mac;
    this.tell();
  }

  changing(): void {
    this.kernel.changing();
  }

  carrierChanged(): void {
    this.tell();
  }

  receive(bytes: Uint8Array, serial: number): void {
    const kind = this.kindOf(bytes);
    if (kind === undefined || !this.powered || !this.up) return;
    const { clock, witness, origin } = this.world;
    witness.arrived(this.host, this, bytes);
    const frame = decodeArp(bytes);
    if (typeof frame !== 'string' && frame.operation === 'request' && frame.senderIp !== frame.targetIp) {
      const { targetIp, senderIp } = frame;
      const answers = this.kernel.answers(this, targetIp);
      const filtered = answers && this.kernel.filters(this, senderIp);
      if (this.kernel.hasAlias(targetIp) && !filtered)
        witness.asked(this.host, { serial, link: this.name, requester: frame.senderMac, byKernel: answers });
      if (answers && !filtered) {
        const reply = encodeArp(arpReply(frame, this.mac));
        clock.after(ANSWER_DELAY, () => this.send(reply));
      }
    }
    const received = { bytes, at: clock.now + origin, kind, vlan: false };
    this.kernel.listener?.frame(this.name, received);
  }

  send(bytes: Uint8Array): void {
    this.world.witness.sent(this.host, bytes);
    if (!this.powered || !this.up || !this.carrier) return;
    this.world.wire.transmit(this.port, bytes);
  }

  /** undefined for what the card itself filters out */
  private kindOf(bytes: Uint8Array): FrameKind | undefined {
    const destination = readMac(bytes, 0);
    if (destination === BROADCAST_MAC) return 'broadcast';
    return destination === this.mac ? 'host' : undefined;
  }

  private tell(): void {
    this.changedAt = this.world.clock.now;
    if (this.powered) this.kernel.listener?.link(this.name, this.state);
  }
}

function settingsOf({ rpFilter, arpIgnore, addressed }: InitialSettings) {
  return {
    rpFilter,
    arpIgnore,
    arpIgnoreBefore: arpIgnore,
    arpFilter: 0,
    ignoreRoutesWithLinkdown: 0,
    addressed,
  };
}
