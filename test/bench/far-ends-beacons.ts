import type { Seal } from '../../agent/core/seal';
import type { Ipv4 } from '../../agent/wire/address';
import { encodeBeacon, FLAGS_OFFSET, type Heard, heardFrom, URGENT } from '../../agent/wire/beacon';
import { ETHERNET_HEADER, writeUint32 } from '../../agent/wire/ethernet';
import { aliasOf, macOf, nameOf } from './far-ends-plan';

/** Low half of the sequence number, in bytes from the beginning of the frame. */
const SEQUENCE = ETHERNET_HEADER + 20;

/** What all beacons of the far ends have in common. */
export interface BeaconCommons {
  readonly cluster: string;
  /** names, in order of preference */
  readonly planes: readonly string[];
  /** between two beacons of one far end on one plane, in ms */
  readonly interval: number;
  readonly etherType: number;
  readonly epoch: number;
  readonly seal: Seal;
}

/** An encoded beacon: from one to the next only sequence, flags and tag differ. */
interface Draft {
  readonly bytes: Uint8Array;
  readonly signed: number;
}

/** The beacons of one far end on one plane that state the same as heard. */
interface Drafts {
  /** whom everybody hears there */
  readonly heard: Heard;
  /** by the cards that the far end has: bit n for the n-th plane */
  readonly byCards: Map<number, Draft>;
}

/** @returns what a host states that is heard with others: the same less itself */
export function heardBut({ from, to, runs }: Heard, host: Ipv4): Heard {
  const others: Ipv4[] = [];
  for (let index = 0; index < runs.length; index += 2) {
    const first = runs[index]!;
    const last = runs[index + 1]!;
    if (host < first || host > last) {
      others.push(first, last);
      continue;
    }
    if (first < host) {
      others.push(first, (host - 1) as Ipv4);
    }
    if (host < last) {
      others.push((host + 1) as Ipv4, last);
    }
  }
  return { from, to, runs: others };
}

/** Makes the beacons of many far ends that lose and regain cards, each with its own sequence. */
export class FarEndsBeacons {
  readonly #commons: BeaconCommons;
  readonly #sequences: Uint32Array;
  /** by plane and far end */
  readonly #drafts: (Drafts | undefined)[][];

  constructor(commons: BeaconCommons, count: number) {
    this.#commons = commons;
    this.#sequences = new Uint32Array(count);
    this.#drafts = commons.planes.map(() => new Array<Drafts | undefined>(count).fill(undefined));
  }

  /**
   * @param cards those that the far end has, as far as it knows: bit n for the n-th plane
   * @param heard by all on this plane, the far end itself included
   * @returns the next beacon on a plane; its bytes are valid until the one after it
   */
  next(farEnd: number, plane: number, urgent: boolean, cards: number, heard: Heard): Uint8Array {
    const { bytes, signed } = this.#draft(farEnd, plane, cards, heard);
    this.#sequences[farEnd]! += 1;
    writeUint32(bytes, SEQUENCE, this.#sequences[farEnd]!);
    bytes[FLAGS_OFFSET] = urgent ? URGENT : 0;
    this.#commons.seal.sign(bytes, ETHERNET_HEADER, signed);
    return bytes;
  }

  #draft(farEnd: number, plane: number, cards: number, heard: Heard): Draft {
    let drafts = this.#drafts[plane]![farEnd];
    if (drafts?.heard !== heard) {
      drafts = this.#foreseen(farEnd, plane, heard);
      this.#drafts[plane]![farEnd] = drafts;
    }
    let draft = drafts.byCards.get(cards);
    if (draft === undefined) {
      draft = this.#encode(farEnd, plane, cards, heard);
      drafts.byCards.set(cards, draft);
    }
    return draft;
  }

  /** With all cards, and with any one lost: real hosts encode their withdrawals all at the same time, which one process cannot. */
  #foreseen(farEnd: number, plane: number, heard: Heard): Drafts {
    const { planes } = this.#commons;
    const all = (1 << planes.length) - 1;
    const lost = planes.map((_, index) => index).filter((index) => index !== plane);
    const foreseen = [all, ...lost.map((index) => all & ~(1 << index))];
    return {
      heard,
      byCards: new Map(foreseen.map((cards) => [cards, this.#encode(farEnd, plane, cards, heard)])),
    };
  }

  #encode(farEnd: number, plane: number, cards: number, heard: Heard): Draft {
    const { cluster, planes, interval, etherType, epoch, seal } = this.#commons;
    const { bytes, signed } = encodeBeacon(
      {
        urgent: false,
        keyId: seal.keyId,
        epoch,
        sequence: 0,
        interval: interval * 1000,
        cluster,
        host: nameOf(farEnd),
        aliases: [aliasOf(farEnd)],
        links: planes.map((name, index) => ({
          plane: name,
          priority: 0,
          state: (cards & (1 << index)) === 0 ? 'down' : 'up',
          mac: macOf(farEnd, index),
        })),
        sentOn: plane,
        heard: heardBut(heard, aliasOf(farEnd)),
      },
      macOf(farEnd, plane),
      etherType,
    );
    // A copy, since the bytes are a view that holds on to room for the longest beacon.
    return { bytes: bytes.slice(), signed };
  }
}

/** Whom everybody hears on one plane: everybody who is not cut off from it, and the agent. Kept until that changes. */
export class CommonlyHeard {
  readonly #alias: Ipv4;
  readonly #reaches: (farEnd: number) => boolean;
  readonly #count: number;
  #agent = false;
  #heard: Heard | undefined;

  /** @param reaches whether a far end is not cut off */
  constructor(count: number, agent: Ipv4, reaches: (farEnd: number) => boolean) {
    this.#count = count;
    this.#alias = agent;
    this.#reaches = reaches;
  }

  /** Somebody was cut off, or is back. */
  revise(): void {
    this.#heard = undefined;
  }

  set agent(heard: boolean) {
    if (heard !== this.#agent) {
      this.#agent = heard;
      this.revise();
    }
  }

  /** @returns the same object until something changes */
  get heard(): Heard {
    if (this.#heard === undefined) {
      const farEnds = Array.from({ length: this.#count }, (_, farEnd) => farEnd).filter(this.#reaches);
      const hosts = [...(this.#agent ? [this.#alias] : []), ...farEnds.map(aliasOf)];
      this.#heard = heardFrom(hosts.sort((one, other) => one - other));
    }
    return this.#heard;
  }
}
