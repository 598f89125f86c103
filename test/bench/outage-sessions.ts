import { join } from 'node:path';
import { ROOT } from '../../deploy/lab/host';
import type { Lab } from '../../deploy/lab/lab';
import { TrafficProcess } from '../../deploy/lab/traffic-process';
import { LabError, monotonic } from '../../deploy/lab/wait';

/** Asked of both ends. */
export interface ProgressQuestion {
  /** whether to begin a connection now */
  readonly connect: boolean;
  /** since when progress counts, in ms of `monotonic()`; null to ask for none */
  readonly after: number | null;
  /** how long it is waited for, in ms */
  readonly timeout: number;
}

/** The first progress of each session, in ms of `monotonic()`; those that made none are left out. */
export type ProgressAnswer = Readonly<Record<string, number>>;

type End = TrafficProcess<ProgressQuestion, ProgressAnswer>;

/** How long an end may wait before it answers, in ms; it is asked again as long as it has to be. */
const ONE_WAIT = 5000;
const PORT = 47_000;

/** What runs between two hosts: requests, a bulk transfer, datagrams and echoes, and connections on demand. */
export class OutageSessions {
  private constructor(
    private readonly client: End,
    private readonly server: End,
  ) {}

  static async start(lab: Lab, from: string, to: string): Promise<OutageSessions> {
    const script = join(ROOT, 'dist', 'test', 'bench', 'outage-process.js');
    const [source, destination] = [lab.host(from), lab.host(to)];
    const addresses = [source.alias, destination.alias, PORT];
    const server: End = await TrafficProcess.start(destination, script, ['server', ...addresses]);
    const client: End = await TrafficProcess.start(source, script, ['client', ...addresses]);
    return new OutageSessions(client, server);
  }

  /** Begins a connection. */
  async connect(): Promise<void> {
    await this.client.ask({ connect: true, after: null, timeout: 0 });
  }

  /**
   * When each session first made progress after a moment, in ms of `monotonic()`.
   *
   * @throws LabError where one doesn't within `patience` ms
   */
  async resumed(after: number, expected: readonly string[], patience: number): Promise<ProgressAnswer> {
    const deadline = monotonic() + patience;
    for (;;) {
      const question = { connect: false, after, timeout: ONE_WAIT };
      const answers = await Promise.all([this.client.ask(question), this.server.ask(question)]);
      const all: ProgressAnswer = { ...answers[0], ...answers[1] };
      const missing = expected.filter((name) => all[name] === undefined);
      if (missing.length === 0) return all;
      if (monotonic() > deadline) throw new LabError(`no progress within ${patience} ms: ${missing.join()}`);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.client.stop(), this.server.stop()]);
  }
}
