import { hostname } from 'node:os';
import { hostNameIn, loadConfiguration, topologyOf } from '../config/load';
import { type Alignment, alignmentOf } from './alignment';
import { examine, type Gap } from './check';
import { CHECKS } from './checks';
import { type Plan, Unknown } from './evidence';
import { type Finding, inOrder } from './finding';
import { askDaemon, gather } from './gathering';

export interface DoctorOptions {
  /** the configuration file */
  readonly config: string;
  /** which host of the file this is; without it, the one that the daemon says, or the system's name */
  readonly host: string | undefined;
  readonly socket: string;
  /** whether to send on the links */
  readonly probe: boolean;
  readonly signal: AbortSignal;
}

/** What is to be said of this host. */
export interface Diagnosis {
  readonly cluster: string;
  readonly host: string;
  /** whether a daemon runs; null where it may not be asked */
  readonly daemon: boolean | null;
  /** errors first */
  readonly findings: readonly Finding[];
  readonly unchecked: readonly Gap[];
  readonly alignment: Alignment;
}

/**
 * Looks at this host and judges it. Changes nothing.
 * @throws {NoInputError} the configuration cannot be read
 * @throws {ConfigurationError} it has errors, or doesn't name this host
 */
export async function diagnose(options: DoctorOptions): Promise<Diagnosis> {
  const { probe, signal } = options;
  const { configuration } = loadConfiguration(options.config);
  const sockets = [options.socket, configuration.control.socket];
  const status = await askDaemon(configuration.cluster, sockets, signal);
  const running = status instanceof Unknown ? null : status;
  const host = options.host ?? running?.host ?? hostNameIn(configuration, hostname());
  const plan: Plan = { topology: topologyOf(configuration, host), heartbeats: configuration.heartbeats };
  const evidence = await gather(plan.topology, { status, probe, signal });
  const { findings, unchecked } = examine(CHECKS, plan, evidence);
  const settings = evidence.settings instanceof Unknown ? new Map() : evidence.settings;
  return {
    ...{ cluster: plan.topology.cluster, host, unchecked },
    daemon: status instanceof Unknown ? null : status !== null,
    findings: inOrder(findings),
    alignment: alignmentOf(plan, settings, running),
  };
}
