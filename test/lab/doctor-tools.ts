import type { AgentProcess } from '../../deploy/lab/agent-process';
import type { LabHost } from '../../deploy/lab/host';
import type { Lab } from '../../deploy/lab/lab';
import { CTL, write } from './daemon-tools';

/** What is used of `doctor --json`. */
export interface Report {
  readonly status: number;
  readonly daemon: boolean | null;
  readonly findings: readonly {
    readonly id: string;
    readonly severity: string;
    readonly subject: string;
    readonly what: string;
    readonly command: string | null;
    readonly fixable: boolean;
  }[];
  readonly unchecked: readonly { readonly check: string; readonly reason: string }[];
  readonly fixed: readonly { readonly where: string; readonly from: string; readonly to: string }[];
}

/** Starts the agents of all hosts, and waits until each sees every path to the others up. */
export async function startAgents(lab: Lab): Promise<ReadonlyMap<string, AgentProcess>> {
  const hosts = lab.hosts().filter(({ plan }) => plan.agent);
  const agents = await Promise.all(hosts.map(async (host) => [host.name, await host.startAgent()] as const));
  for (const [name, agent] of agents)
    for (const peer of hosts.filter((host) => host.name !== name))
      for (const plane of lab.planes)
        await agent.waitFor('path-up', (event) => event.peer === peer.name && event.plane === plane);
  return new Map(agents);
}

/** Programs in /run/bin of a host come before those of the system, so that a test can put others in their place. */
export async function runShell(host: LabHost, command: string): Promise<string> {
  return (await host.run('sh', ['-ec', `PATH=/run/bin:$PATH\n${command}`])).stdout;
}

/** Asks the doctor on a host; whatever it prints on standard error is an error of the test. */
export async function doctor(lab: Lab, host: LabHost, ...args: readonly string[]): Promise<Report> {
  const command = `exec "$@"`;
  const words = [process.execPath, CTL, 'doctor', '--json', '--config', lab.configurationFile, ...args];
  const script = `PATH=/run/bin:$PATH\n${command}`;
  const { stdout, stderr, status } = await host.run('sh', ['-c', script, 'doctor', ...words], {
    check: false,
  });
  if (stderr !== '') throw new Error(`doctor said: ${stderr}`);
  return { ...(JSON.parse(stdout) as Omit<Report, 'status'>), status };
}

/** The ids and subjects of the findings. */
export function told({ findings }: Report): string[] {
  return findings.map(({ id, subject }) => `${id} ${subject}`);
}

/** The program that a host runs instead of the system's own. */
export async function replaceProgram(host: LabHost, name: string, script: string): Promise<void> {
  await write(host, `/run/bin/${name}`, `#!/bin/sh\n${script}\n`);
  await host.run('chmod', ['+x', `/run/bin/${name}`]);
}

/** Everything on a host that the doctor might change. */
export async function whole(host: LabHost): Promise<string> {
  const show = [
    'ip -4 -o address; ip -4 route show table all; ip -4 rule; ip -o link | sed "s/qlen.*//"',
    'grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv4/tcp_retries2 /proc/sys/net/ipv4/tcp_syn_retries',
    'nft list ruleset; ls -R /run /etc/systemd /etc/sysctl.d',
  ];
  return (await host.run('sh', ['-c', show.join('\n')])).stdout;
}
