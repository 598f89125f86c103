import { join } from 'node:path';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import type { Moment } from '../../deploy/lab/ip-console';
import { TrafficProcess } from '../../deploy/lab/traffic-process';
import type { FarEndsCounts, FarEndsOptions } from './far-ends-model';

/** What the process is started with. */
export interface FarEndsSettings extends FarEndsOptions {
  /** the host's interfaces, by plane */
  readonly devices: readonly string[];
  readonly keyFile: string;
}

/** What to do, and then to tell. Planes and far ends are counted from 0. */
export type FarEndsQuestion =
  | { readonly do: 'report' }
  | {
      readonly do: 'lose';
      readonly farEnds: readonly number[];
      readonly plane: number;
      readonly known: boolean;
    }
  | { readonly do: 'regain'; readonly farEnds: readonly number[]; readonly plane: number };

export interface FarEndsAnswer {
  /** when it was begun and done, on the clock of `monotonic()` */
  readonly at: number;
  readonly done: number;
  readonly counts: FarEndsCounts;
  /** frames that its own kernel dropped or refused, since the start */
  readonly drops: number;
  /** longest time by which something was sent too late since the last answer, in ms */
  readonly late: number;
  /** processor time since the start */
  readonly usage: NodeJS.CpuUsage;
}

/**
 * Simulated far ends: one process on one host of the lab plays them all, each with an alias, and an address of its own on every plane.
 * They answer ARP requests, announce themselves, send beacons and say in them whether they hear the agent.
 */
export class FarEnds {
  readonly #count: number;
  readonly #planes: readonly string[];
  readonly #process: TrafficProcess<FarEndsQuestion, FarEndsAnswer>;

  private constructor(
    count: number,
    planes: readonly string[],
    process: TrafficProcess<FarEndsQuestion, FarEndsAnswer>,
  ) {
    this.#count = count;
    this.#planes = planes;
    this.#process = process;
  }

  /**
   * Starts them. The end of the lab ends them.
   *
   * @throws LabError with what the process wrote, where it ends before it is ready
   */
  static async start(host: LabHost, options: FarEndsOptions, keyFile: string): Promise<FarEnds> {
    const devices = options.planes.map((plane) => host.link(plane).device);
    // A card takes only frames to its own address, unless told otherwise.
    await host.ip(...devices.map((device) => `link set dev ${device} promisc on`));
    const settings: FarEndsSettings = { ...options, devices, keyFile };
    const script = join(ROOT, 'dist', 'test', 'bench', 'far-ends-process.js');
    const process = await TrafficProcess.start<FarEndsQuestion, FarEndsAnswer>(host, script, [
      JSON.stringify(settings),
    ]);
    return new FarEnds(options.count, options.planes, process);
  }

  /** What they have done so far. */
  report(): Promise<FarEndsAnswer> {
    return this.#process.ask({ do: 'report' });
  }

  /**
   * One far end is cut off from a plane: nothing is sent or answered there any more.
   *
   * @param known whether it has lost its card, and says so on its other planes; otherwise its switch port drops its frames
   */
  loseCard(farEnd: number, plane: string, known: boolean): Promise<Moment> {
    return this.#change({ do: 'lose', farEnds: [farEnd], plane: this.#planes.indexOf(plane), known });
  }

  regainCard(farEnd: number, plane: string): Promise<Moment> {
    return this.#change({ do: 'regain', farEnds: [farEnd], plane: this.#planes.indexOf(plane) });
  }

  /** All of them lose their cards on a plane, and say so on their others: the switch there has died. */
  losePlane(plane: string): Promise<Moment> {
    return this.#change({
      do: 'lose',
      farEnds: this.#all(),
      plane: this.#planes.indexOf(plane),
      known: true,
    });
  }

  regainPlane(plane: string): Promise<Moment> {
    return this.#change({ do: 'regain', farEnds: this.#all(), plane: this.#planes.indexOf(plane) });
  }

  #all(): number[] {
    return Array.from({ length: this.#count }, (_, farEnd) => farEnd);
  }

  async #change(question: FarEndsQuestion): Promise<Moment> {
    const { at, done } = await this.#process.ask(question);
    return { before: at, after: done };
  }
}
