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

/** A beacon as it was last encoded: from one to the next only sequence, flags and tag differ. */
interface Draft {
  readonly bytes: Uint8Array;
  readonly signed: number;
  /** the {@link Heard} that it states, less the far end itself */
  readonly heard: Heard;
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
  /** by plane and far end; those that no longer hold are gone */
  readonly #drafts: (Draft | undefined)[][];

  constructor(commons: BeaconCommons, count: number) {
    this.#commons = commons;
    this.#sequences = new Uint32Array(count);
    this.#drafts = commons.planes.map(() => new Array<Draft | undefined>(count).fill(undefined));
  }

  /** A far end has gained or lost a card: what was encoded no longer holds. */
  revise(farEnd: number): void {
    for (const drafts of this.#drafts) {
      drafts[farEnd] = undefined;
    }
  }

  /**
   * @param hasCard whether the far end has a card on a plane, as far as it knows
   * @param heard by all on this plane, the far end itself included
   * @returns the next beacon on a plane; its bytes are valid until the one after it
   */
  next(
    farEnd: number,
    plane: number,
    urgent: boolean,
    hasCard: (plane: number) => boolean,
    heard: Heard,
  ): Uint8Array {
    const drafts = this.#drafts[plane]!;
    let draft = drafts[farEnd];
    if (draft?.heard !== heard) {
      draft = this.#encode(farEnd, plane, hasCard, heard);
      drafts[farEnd] = draft;
    }
    const { bytes, signed } = draft;
    this.#sequences[farEnd]! += 1;
    writeUint32(bytes, SEQUENCE, this.#sequences[farEnd]!);
    bytes[FLAGS_OFFSET] = urgent ? URGENT : 0;
    this.#commons.seal.sign(bytes, ETHERNET_HEADER, signed);
    return bytes;
  }

  #encode(farEnd: number, plane: number, hasCard: (plane: number) => boolean, heard: Heard): Draft {
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
          state: hasCard(index) ? 'up' : 'down',
          mac: macOf(farEnd, index),
        })),
        sentOn: plane,
        heard: heardBut(heard, aliasOf(farEnd)),
      },
      macOf(farEnd, plane),
      etherType,
    );
    // Longer frames have their storage outside of V8's heap, and a view of it would hold on to the whole of it.
    return { bytes: bytes.slice(), signed, heard };
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
