import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { request } from '../../agent/control/client';
import type { StatusReport } from '../../agent/control/protocol';
import { AgentProcess } from './agent-process';
import type { Moment } from './ip-console';
import type { CommandResult, Namespace, RunOptions } from './namespace';
import type { HostPlan, LinkPlan } from './plan';
import { LabError } from './wait';

export interface AgentOptions {
  /** further arguments after `--config FILE` */
  readonly args?: readonly string[];
  /** further environment */
  readonly env?: Readonly<Record<string, string>>;
  /** whether to wait for its `ready`; default true */
  readonly wait?: boolean;
  /** default the lab's */
  readonly configurationFile?: string;
  /** the directory of another version of the project, built, whose agent is to run; default this one's */
  readonly version?: string | undefined;
}

/** A route as `ip -json -Numeric route` prints it. */
export interface KernelRoute {
  /** `default`, an address for a host route, else with prefix length */
  readonly dst: string;
  readonly type?: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  /** a number in decimal digits */
  readonly protocol: string;
  /** a number in decimal digits */
  readonly table?: string;
  /** such as `linkdown`, `onlink` */
  readonly flags: readonly string[];
  readonly [field: string]: unknown;
}

/** What `ip route get` answers: by which way a packet would leave now. */
export interface NextHop {
  readonly dev: string;
  readonly prefsrc?: string;
  readonly gateway?: string;
}

/** How long an agent may take to answer, in ms. */
const STATUS_TIMEOUT = 5000;

/** @returns the directory that holds package.json, whether this runs from sources or from dist */
function findRoot(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) {
    return directory;
  }
  return findRoot(dirname(directory));
}

/** The project's directory. */
export const ROOT = findRoot(__dirname);

/** A machine of the cluster. */
export class LabHost {
  readonly name: string;
  /** its cluster identity; the lab binds it to nothing, that is the agent's work */
  readonly alias: string;
  readonly plan: HostPlan;
  readonly #namespace: Namespace;
  readonly #configurationFile: string;

  constructor(plan: HostPlan, namespace: Namespace, configurationFile: string) {
    this.name = plan.name;
    this.alias = plan.alias;
    this.plan = plan;
    this.#namespace = namespace;
    this.#configurationFile = configurationFile;
  }

  /** The process that holds its namespaces, for nsenter(1). */
  get pid(): number {
    return this.#namespace.pid;
  }

  /** @throws LabError where the host is not on that plane */
  link(plane: string): LinkPlan {
    const link = this.plan.links.find((candidate) => candidate.plane === plane);
    if (link === undefined) {
      throw new LabError(`${this.name} has no card on plane ${plane}`);
    }
    return link;
  }

  /** @returns the plane of an interface; undefined for another interface, such as `lo` */
  planeOf(device: string): string | undefined {
    return this.plan.links.find((link) => link.device === device)?.plane;
  }

  /**
   * Runs a command on this host to its end.
   *
   * @throws LabError where it cannot be started, and, unless `check` is false, where its exit status is not 0
   */
  run(command: string, args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return this.#namespace.run(command, args, options);
  }

  /** Starts a command on this host; the lab's end ends it. */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return this.#namespace.spawn(command, args, options);
  }

  /**
   * Carries out commands of ip(8) on this host without starting a process.
   *
   * @param lines each without the leading `ip`
   * @throws LabError with ip's message
   */
  ip(...lines: readonly string[]): Promise<Moment> {
    return this.#namespace.ip(...lines);
  }

  /**
   * Starts the daemon by the same command as a service manager does.
   *
   * @throws LabError where it ends, or is not ready in time
   */
  async startAgent(options: AgentOptions = {}): Promise<AgentProcess> {
    const main = join(options.version ?? ROOT, 'dist', 'agent', 'main.js');
    const config = options.configurationFile ?? this.#configurationFile;
    const command = [...nodeOptionsOf(main), main, '--config', config, ...(options.args ?? [])];
    const child = this.spawn(process.execPath, command, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    const agent = new AgentProcess(this.name, child);
    if (options.wait !== false) {
      await agent.waitFor('ready');
    }
    return agent;
  }

  /** Runs multihomectl on this host; its exit status is the caller's to judge. */
  ctl(...args: readonly string[]): Promise<CommandResult> {
    const main = join(ROOT, 'dist', 'agent', 'cli', 'multihomectl.js');
    return this.run(process.execPath, [main, ...args], { check: false });
  }

  /**
   * Asks the agent on this host through its control socket, without starting a process.
   *
   * @throws ControlClientError where it doesn't run or gives no answer
   */
  status(): Promise<StatusReport> {
    const socket = `/proc/${this.pid}/root/run/multihomed/control.sock`;
    return request(socket, { command: 'status' }, { timeout: STATUS_TIMEOUT });
  }

  /** @returns the IPv4 routes of a table, as the kernel has them; default the main table */
  async routes(table = 'main'): Promise<readonly KernelRoute[]> {
    const { stdout } = await this.run('ip', ['-json', '-Numeric', '-4', 'route', 'list', 'table', table]);
    return JSON.parse(stdout) as readonly KernelRoute[];
  }

  /** @returns by which way a packet to an address would leave now; undefined where there is no route */
  async routeTo(address: string): Promise<NextHop | undefined> {
    const { stdout, status } = await this.run('ip', ['-json', '-4', 'route', 'get', address], {
      check: false,
    });
    return status === 0 ? (JSON.parse(stdout) as NextHop[])[0] : undefined;
  }

  /** Makes the links ready as an operator's own network configuration does: up, with their addresses. */
  async configureLinks(planes = this.plan.links.map((link) => link.plane)): Promise<void> {
    const links = planes.map((plane) => this.link(plane));
    await this.ip(
      'link set dev lo up',
      ...links.flatMap(({ device, cidr }) => [
        `link set dev ${device} up`,
        ...(cidr === undefined ? [] : [`address replace ${cidr} dev ${device}`]),
      ]),
    );
  }
}

/** @returns the options of Node.js that the first line of a script names, with which it is run where it is installed */
function nodeOptionsOf(script: string): string[] {
  const [, options = ''] = /^#!.* -S node (.*)/.exec(readFileSync(script, 'utf8')) ?? [];
  return options.split(' ').filter((option) => option !== '');
}
