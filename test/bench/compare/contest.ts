import { setTimeout as sleep } from 'node:timers/promises';
import { Lab } from '../../../deploy/lab/lab';
import { monotonic } from '../../../deploy/lab/wait';
import type { RunningSystem, System } from '../peers/system';
import { HOSTS, PLANES } from '../scene';
import type { FailureKind } from './kinds';
import { ComparedTraffic, type Cost } from './traffic';
import type { Turnstile } from './turnstile';

/** Traffic after a return is complete that still belongs to it, and after a new session is there, in ms. */
const AFTERMATH = 300;

/** What a failure cost, and its mending where that is measured. */
export interface Costs {
  readonly failure: Cost;
  readonly returning: Cost | undefined;
}

/** One system in a lab of its own, under traffic. */
export class Contest {
  readonly #lab: Lab;
  readonly #running: RunningSystem;
  readonly #traffic: ComparedTraffic;
  readonly #turnstile: Turnstile;

  private constructor(lab: Lab, running: RunningSystem, traffic: ComparedTraffic, turnstile: Turnstile) {
    this.#lab = lab;
    this.#running = running;
    this.#traffic = traffic;
    this.#turnstile = turnstile;
  }

  /**
   * Builds the lab and starts system and traffic.
   *
   * @param turnstile what takes the processor waits there for its turn: only recovering happens beside others' drills
   * @throws LabError where the system doesn't get going
   */
  static begin(system: System, turnstile: Turnstile): Promise<Contest> {
    return turnstile.pass(async () => {
      const lab = await Lab.create({ hosts: HOSTS, planes: PLANES });
      try {
        const running = await system.start(lab);
        return new Contest(lab, running, await ComparedTraffic.start(lab, running.session), turnstile);
      } catch (error) {
        await lab.destroy();
        throw error;
      }
    });
  }

  /**
   * One failure and its mending.
   *
   * @param phase waited before each, in ms
   * @throws LabError where the system hasn't recovered from the former one after a long time
   */
  async drill(kind: FailureKind, phase: number): Promise<Costs> {
    await this.#running.untilSteady((condition) => this.#turnstile.pass(condition));
    return this.#turnstile.pass(async () => {
      await this.#traffic.renewSession();
      if (this.#running.session !== undefined) {
        await sleep(AFTERMATH); // its further subflows come after the first
      }
      await sleep(phase);
      const { before } = await kind.break(this.#lab, this.#running);
      const failure = await this.#traffic.costOfFailure(before);
      return { failure, returning: await this.#mend(kind, phase) };
    });
  }

  /** Ends all that runs. */
  end(): Promise<void> {
    return this.#lab.destroy();
  }

  async #mend(kind: FailureKind, phase: number): Promise<Cost | undefined> {
    if (kind.returns === undefined) {
      await kind.mend(this.#lab, this.#running);
      return undefined;
    }
    await sleep(phase);
    const { before } = await kind.mend(this.#lab, this.#running);
    await this.#running.untilSteady();
    await sleep(AFTERMATH);
    return this.#traffic.cost(before, monotonic());
  }
}
