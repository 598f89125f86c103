import { hostname } from 'node:os';
import { Agent } from './agent';
import { type Clock, isoTime } from './clock';
import { hostNameIn, loadConfiguration, readKeys, topologyOf } from './config/load';
import { ConfigurationError, formatProblem, NoInputError } from './config/problem';
import type { Configuration } from './config/schema';
import type { EventRecord, ReloadReport, TeardownReport } from './control/protocol';
import { ControlError, ControlServer } from './control/server';
import type { Note } from './core/event';
import type { Seal } from './core/seal';
import { compareTopologies, type Topology } from './core/topology';
import { claimInstance } from './instance';
import { hasCongestionControl } from './kernel/congestion-control';
import { distrustOf, recordFile } from './kernel/record';
import { teardown } from './kernel/teardown';
import type { Log } from './log';
import { Maintenance } from './maintenance';
import { notifyServiceManager } from './notify';
import { sealOf } from './seal';
import { routeReport, statusReport } from './status';
import { BUILD_COMMIT, VERSION } from './version';

/** What was given on the command line. */
export interface DaemonOptions {
  readonly file: string;
  /** this host's name in the file; the system's where it is undefined */
  readonly host: string | undefined;
}

/** A client that waits, and for which peer. */
interface Waiter {
  readonly peer: string | undefined;
  readonly done: () => void;
}

/** The agent with everything around it: configuration, control socket, log, service manager. */
export class Daemon {
  private readonly agent: Agent;
  private readonly maintenance: Maintenance;
  private readonly startedAt: number;
  private readonly waiters = new Set<Waiter>();
  private readonly stateFile: string;
  private control: ControlServer | undefined;
  /** told before the control socket stood */
  private early: EventRecord[] = [];

  private constructor(
    private configuration: Configuration,
    topology: Topology,
    seal: Seal | undefined,
    private readonly options: DaemonOptions,
    private readonly log: Log,
    private readonly clock: Clock,
    private readonly end: (status: 'stopped' | Error) => void,
  ) {
    this.startedAt = clock.now() - performance.now();
    this.stateFile = recordFile(configuration.control.socket);
    this.agent = new Agent(topology, seal, this.stateFile, clock, {
      note: (note) => this.note(note),
      ready: () => this.ready(),
      fatal: (error) => this.end(error),
    });
    this.maintenance = new Maintenance(this.agent, clock);
  }

  /**
   * Claims the host, starts protecting it, and opens the control socket. `end` is called when the daemon should end by itself.
   * Throws ConfigurationError, NoInputError, AlreadyRunning, SocketInUse, SystemError, KernelError.
   */
  static async start(
    options: DaemonOptions,
    log: Log,
    clock: Clock,
    end: (status: 'stopped' | Error) => void,
  ): Promise<Daemon> {
    const { configuration, warnings } = loadConfiguration(options.file, hasCongestionControl);
    const topology = topologyOf(configuration, options.host ?? hostNameIn(configuration, hostname()));
    await claimInstance(topology.cluster, topology.host, recordFile(configuration.control.socket));
    const daemon = new Daemon(configuration, topology, sealFor(configuration), options, log, clock, end);
    const { cluster, host } = topology;
    const fields = {
      cluster,
      host,
      version: `${VERSION} (${BUILD_COMMIT})`,
      pid: process.pid,
      file: options.file,
    };
    daemon.note({ event: 'started', level: 'info', fields });
    for (const warning of warnings) daemon.noteProblem('configuration-warning', formatProblem(warning));
    const distrust = distrustOf(daemon.stateFile);
    if (distrust !== undefined) daemon.noteProblem('record-distrusted', distrust);
    // The socket first: where another daemon has it, nothing in the kernel has been touched, and whoever hears READY=1 can ask. No request
    // comes in before the agent has started, since nothing here waits for the event loop in between.
    await daemon.listen();
    daemon.agent.start();
    return daemon;
  }

  /** Ends watching and leaves alias, routes and neighbor entries in the kernel. */
  async stop(reason: string): Promise<void> {
    notifyServiceManager('STOPPING=1');
    this.agent.stop();
    this.note({ event: 'stopped', level: 'info', fields: { reason } });
    await this.control?.close();
    this.agent.close();
  }

  /** For the fatal handler: nothing but what must not stay when no agent lives. */
  abandon(): void {
    this.agent.close();
  }

  /** Reads the file again. Throws {@link ControlError}; then the old configuration stays, whole. */
  reload(): ReloadReport {
    notifyServiceManager(`RELOADING=1\nMONOTONIC_USEC=${Math.floor(this.clock.now() * 1000)}`);
    try {
      const next = this.loadAgain();
      const before = this.agent.core.topology;
      const topology = topologyOf(next, before.host);
      refuseMoves(this.configuration, next);
      const seal = sealFor(next);
      const report = compareTopologies(before, topology);
      this.configuration = next;
      this.agent.use(topology, seal);
      this.note({ event: 'reloaded', level: 'info', fields: { ...report } });
      this.checkWaiters();
      return report;
    } catch (error) {
      const message = textOf(error);
      this.note({ event: 'reload-refused', level: 'error', fields: { error: message } });
      throw new ControlError('configuration', message);
    } finally {
      notifyServiceManager('READY=1');
    }
  }

  private loadAgain(): Configuration {
    const { configuration, warnings } = loadConfiguration(this.options.file, hasCongestionControl);
    for (const warning of warnings) this.noteProblem('configuration-warning', formatProblem(warning));
    return configuration;
  }

  private async listen(): Promise<void> {
    this.control = await ControlServer.listen(
      this.configuration.control.socket,
      {
        status: () => this.status(),
        routes: () =>
          this.agent.kernel
            .readRoutes()
            .map((route) => routeReport(route, this.agent.kernel.nameOf(route.device))),
        wait: (peer, signal) => this.wait(peer, signal),
        drain: (wanted, signal) => this.maintenance.drain(wanted, signal),
        undrain: (target) => this.maintenance.undrain(target),
        reload: () => this.reload(),
        teardown: () => this.teardown(),
      },
      (error) => this.noteProblem('control-error', textOf(error)),
    );
    for (const record of this.early) this.control.publish(record);
    this.early = [];
  }

  private status() {
    const { counters, readyAt, core } = this.agent;
    const lines = { ...counters, 'log-lines-lost': this.log.lost };
    return statusReport(
      core,
      { version: `${VERSION} (${BUILD_COMMIT})`, startedAt: this.startedAt, readyAt, counters: lines },
      this.clock,
    );
  }

  private wait(peer: string | undefined, signal: AbortSignal): Promise<void> {
    if (peer !== undefined && this.agent.core.registry.peerNamed(peer) === undefined) {
      throw new ControlError('unknown-peer', `there is no peer ${peer}`);
    }
    return new Promise((resolve) => {
      const waiter = { peer, done: resolve };
      this.waiters.add(waiter);
      signal.addEventListener('abort', () => this.waiters.delete(waiter));
      this.checkWaiters();
    });
  }

  private checkWaiters(): void {
    for (const waiter of this.waiters) {
      if (!this.isSatisfied(waiter)) continue;
      this.waiters.delete(waiter);
      waiter.done();
    }
  }

  private isSatisfied({ peer }: Waiter): boolean {
    if (this.agent.readyAt === undefined) return false;
    if (peer === undefined) return true;
    return [...this.agent.core.registry.allPaths()].some(
      (path) => path.peer.name === peer && path.state === 'up',
    );
  }

  private teardown(): TeardownReport {
    this.agent.stop();
    const report = teardown(this.agent.kernel, this.agent.kernel.changedSettings, this.stateFile);
    this.note({ event: 'torn-down', level: 'warn', fields: { removed: report.removed.length } });
    setImmediate(() => this.end('stopped'));
    return report;
  }

  private ready(): void {
    const startup = Math.round((this.clock.now() - this.startedAt) * 10) / 10;
    const { topology, registry } = this.agent.core;
    const missing = [...registry.links.values()]
      .filter((link) => link.state === undefined)
      .map((link) => link.name);
    const fields = {
      startup,
      peers: topology.peers.length,
      links: registry.links.size - missing.length,
      missing,
    };
    this.note({ event: 'ready', level: 'info', fields });
    notifyServiceManager('READY=1');
    this.checkWaiters();
  }

  private noteProblem(event: string, problem: string): void {
    this.note({ event, level: 'warn', fields: { problem } });
  }

  /** Logs and publishes one thing that happened; `latency` is from its cause until now, in ms. */
  private note({ event, level, fields, causedAt }: Note): void {
    const now = this.clock.now();
    const latency = causedAt === undefined ? {} : { latency: Math.round((now - causedAt) * 1000) / 1000 };
    const record: EventRecord = { time: isoTime(this.clock, now), level, event, ...fields, ...latency };
    this.log.write(record);
    if (this.control === undefined) this.early.push(record);
    else this.control.publish(record);
    if (event === 'path-up') this.checkWaiters();
  }
}

/** What beacons are signed and checked with, by the key file as it is now; undefined where there are none. Throws ConfigurationError, NoInputError. */
function sealFor({ beacon }: Configuration): Seal | undefined {
  return beacon.enabled ? sealOf(readKeys(beacon.keyFile)) : undefined;
}

/** What a running agent can't move to is refused: its old routes and socket would be left behind. */
function refuseMoves(before: Configuration, after: Configuration): void {
  const moves: [string, unknown, unknown][] = [
    ['cluster', before.cluster, after.cluster],
    ['route.protocol', before.route.protocol, after.route.protocol],
    ['route.table', before.route.table, after.route.table],
    ['control.socket', before.control.socket, after.control.socket],
  ];
  const moved = moves.filter(([, old, next]) => old !== next).map(([name]) => name);
  if (moved.length > 0) {
    throw new ControlError(
      'configuration',
      `${moved.join(', ')} changed; that takes a restart: teardown, then start`,
    );
  }
}

function textOf(error: unknown): string {
  if (error instanceof ConfigurationError) return error.problems.map(formatProblem).join('; ');
  if (error instanceof NoInputError || error instanceof Error) return error.message;
  return String(error);
}
